"""A study as JSON, for programs.

One object: ``schema`` (1), ``app``, ``host``, ``life``, ``process`` (``pid``, ``executable``,
``dumps``, ``live``), ``first`` and ``last`` (paths, ``first`` null without a base), ``interval``,
``is_growth``, ``live`` and ``growth`` (amounts), ``culprits``, ``functions``, ``stacks``,
``unnamed``, ``others``, ``notes``, ``java`` (null without a JVM, or ``kind``, ``frames`` of a stack,
shares ``named`` and ``ends``, ``maps``, ``sentence``, ``next``), ``series`` (null, or ``dumps``, ``interval``, ``times``, ``sizes``,
``whole`` and ``stacks``, by the low end of their trends, each with its ``calls`` and ``sizes``). A trend is ``slope``, ``low`` and ``high`` in bytes a second, ``verdict`` and
``more`` (dumps needed to tell). An amount is ``bytes``, ``objects`` and ``error`` (one sigma of
the bytes); all sizes are bytes. A call is ``function``, ``module``, ``reason`` (why it has no
name, else empty) and ``source`` (``file.c:67``, empty where not known); ``calls`` of a stack are leaf first.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memops.profile.growth.analysis import Grown
    from memops.profile.growth.series import Series
    from memops.profile.study import Study
    from memops.report.view import View

SCHEMA = 1


def as_json(study: Study, _view: View) -> str:
    """The whole of *study* as one JSON object on one line, with a newline at the end."""
    import json  # noqa: PLC0415 - the other formats need it not

    return json.dumps(as_object(study), ensure_ascii=False) + "\n"


def as_object(study: Study) -> dict[str, object]:
    """The whole of *study* as the object described above."""
    analysis = study.analysis
    return {
        "schema": SCHEMA,
        "app": study.inputs.app,
        "host": study.inputs.host,
        "life": study.inputs.life,
        "process": _plain(study.process),
        "first": str(study.first) if study.first else None,
        "last": str(study.last),
        "interval": study.interval,
        "is_growth": analysis.is_growth,
        "live": _plain(analysis.live),
        "growth": _plain(analysis.growth),
        "culprits": _plain(analysis.culprits),
        "functions": _plain(analysis.functions),
        "stacks": [_stack(each) for each in analysis.stacks],
        "unnamed": [{"reason": reason, "bytes": size} for reason, size in analysis.unnamed],
        "others": _plain(study.others),
        "notes": list(study.notes),
        "java": _plain(study.java),
        "series": _series(study.series) if study.series else None,
    }


def _series(series: Series) -> object:
    plain = {
        each.name: _plain(getattr(series, each.name))
        for each in fields(series)
        if each.name != "stacks"
    }
    stacks = [
        {"calls": _plain(each.calls), "sizes": _plain(each.sizes), "trend": _plain(each.trend)}
        for each in series.stacks
    ]
    return plain | {"stacks": stacks}


def _stack(stack: Grown) -> object:
    return {"calls": _plain(stack.calls), "amount": _plain(stack.amount)}


def _plain(value: object) -> object:
    """*value* as JSON knows it: records by the names of their fields, tuples as lists."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        items = [_plain(each) for each in value]
        return dict(zip(names, items, strict=True)) if names else items
    return value
