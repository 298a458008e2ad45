"""What was asked for of a study beside what every report holds, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.profile.growth.calltree import call_tree, peek
from memops.report.ranking import groups

if TYPE_CHECKING:
    from memops.profile.growth.filters import Filters
    from memops.profile.study import Study
    from memops.report.view import View


def asked(study: Study, view: View) -> dict[str, object]:
    """The ``view`` of the JSON report; what was not asked for is None.

    ``whole`` are the bytes live and grown without the filters. ``groups`` are in the order of
    ``sort``, and all of them; ``tree`` is the root.
    """
    return {
        "filters": _filters(study.filters) if study.filters else None,
        "whole": {"live": study.process.live, "growth": study.process.live - study.before},
        "by": view.by,
        "sort": view.sort,
        "groups": _groups(study, view) if view.is_ranked else None,
        "min_share": view.tree,
        "tree": None if view.tree is None else call_tree(study.analysis, view.tree),
        "peek": None if view.peek is None else peek(study.analysis, view.peek),
    }


def _groups(study: Study, view: View) -> tuple[dict[str, object], ...]:
    return tuple(
        {"name": each.name, "flat": each.flat, "cumulative": each.cumulative}
        for each in groups(study, view)
    )


def _filters(filters: Filters) -> dict[str, str | None]:
    names = ("focus", "ignore", "hide", "show_from")
    found = {name: getattr(filters, name) for name in names}
    return {name: each.pattern if each else None for name, each in found.items()}
