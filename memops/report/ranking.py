"""The table of a report in another order, or by something else than functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.profile.growth.groups import Group, by_library, by_package, by_size
from memops.report.text import amount, grown_or_live, place, share
from memops.report.threads import by_thread
from memops.units import format_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from memops.profile.study import Study
    from memops.report.view import View

_ORDERS: dict[str, Callable[[Group], tuple[object, ...]]] = {
    "flat": lambda each: (-each.flat.bytes, -each.cumulative.bytes, each.order),
    "cumulative": lambda each: (-each.cumulative.bytes, -each.flat.bytes, each.order),
    "objects": lambda each: (-each.flat.objects, -each.flat.bytes, each.order),
    "name": lambda each: each.order,
}
_HEADS = {"size": "size of an object", "package": "package or library"}
_SHARED = ("thread", "size")
"""Groupings in which a stack, or a part of one, touches one group only."""


def groups(study: Study, view: View) -> list[Group]:
    """All groups of *study* that *view* asks for, in its order."""
    return sorted(_GROUPS[view.by](study), key=_ORDERS[view.sort])


def ranking(study: Study, view: View) -> list[tuple[str, ...]]:
    """The first rows of the table, under a head: grown, share, with callees, objects, name."""
    total, unit = study.analysis.growth.bytes, view.unit
    found = [each for each in groups(study, view) if each.flat.bytes or each.cumulative.bytes]
    if not found:
        return []
    rows = [
        (
            amount(each.flat, unit=unit) if each.flat.bytes else "-",
            share(each.flat.bytes, total),
            format_size(each.cumulative.bytes, unit),
            str(each.flat.objects),
            format_size(int(each.name), unit) if view.by == "size" else each.name,
        )
        for each in found[: max(view.top, 0)]
    ]
    head = (grown_or_live(study), "share", "with callees", "objects", _HEADS.get(view.by, view.by))
    table: list[tuple[str, ...]] = [head, *rows]
    return [(*row[:2], *row[3:]) for row in table] if view.by in _SHARED else table


def _by_function(study: Study) -> tuple[Group, ...]:
    return tuple(
        Group(place(row.call), (0, row.call.function), row.flat, row.cumulative)
        for row in study.analysis.functions
    )


_GROUPS: dict[str, Callable[[Study], tuple[Group, ...]]] = {
    "function": _by_function,
    "library": lambda study: by_library(study.analysis),
    "thread": by_thread,
    "size": lambda study: by_size(study.analysis),
    "package": lambda study: by_package(study.analysis),
}
