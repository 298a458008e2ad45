"""A study as JSON, for programs: one object, of which ``docs/analyze.schema.json`` tells all.

An amount has ``bytes``, ``objects`` and ``error`` (one sigma of the bytes); all sizes are bytes, and
``calls`` of a stack are leaf first.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

from memops.profile.growth.naming import Call

if TYPE_CHECKING:
    from memops.profile.growth.analysis import Grown
    from memops.profile.growth.series import Series
    from memops.profile.inspection import Inspection
    from memops.profile.study import Study
    from memops.report.view import View

SCHEMA = 2


def as_json(study: Study, view: View) -> str:
    """The whole of *study* as one JSON object on one line, with a newline at the end."""
    import json  # noqa: PLC0415 - the other formats need it not

    return json.dumps(as_object(study, view), ensure_ascii=False) + "\n"


def as_object(study: Study, view: View) -> dict[str, object]:
    """The whole of *study* as the object described above."""
    analysis = study.analysis
    return {
        "schema": SCHEMA,
        "app": study.inputs.app,
        "host": study.inputs.host,
        "life": study.inputs.life,
        "process": plain(study.process),
        "first": str(study.first) if study.first else None,
        "last": str(study.last),
        "interval": study.interval,
        "is_growth": analysis.is_growth,
        "live": plain(analysis.live),
        "growth": plain(analysis.growth),
        "culprits": plain(analysis.culprits),
        "functions": plain(analysis.functions),
        "stacks": [_stack(each) for each in analysis.stacks],
        "unnamed": [{"reason": reason, "bytes": size} for reason, size in analysis.unnamed],
        "others": plain(study.others),
        "notes": list(study.notes),
        "java": plain(study.java),
        "view": _view(study, view),
        "series": _series(study.series) if study.series else None,
        "verdict": plain(study.verdict),
    }


def inspection_json(found: Inspection, _view: View) -> str:
    """A process judged without heap profiles as one JSON object on one line.

    ``schema``, ``app``, ``host``, ``life``, ``pid``, ``times``, ``rss`` (bytes at each of them),
    ``verdict`` as in a study, and ``notes``.
    """
    import json  # noqa: PLC0415 - the other formats need it not

    about = {name: getattr(found.inputs, name) for name in ("app", "host", "life")}
    told = {
        name: plain(getattr(found, name)) for name in ("pid", "times", "rss", "verdict", "notes")
    }
    return json.dumps({"schema": SCHEMA, **about, **told}, ensure_ascii=False) + "\n"


def _view(study: Study, view: View) -> object:
    """What *view* asks for that the rest does not hold: None where it asks for nothing."""
    if not (study.filters or view.is_graph or view.is_ranked):
        return None
    from memops.report.asked import asked  # noqa: PLC0415 - hardly ever

    return plain(asked(study, view))


def _series(series: Series) -> object:
    told = {name: plain(value) for name, value in series._asdict().items() if name != "stacks"}
    stacks = [
        {"calls": plain(each.calls), "sizes": plain(each.sizes), "trend": plain(each.trend)}
        for each in series.stacks
    ]
    return told | {"stacks": stacks}


def _stack(stack: Grown) -> object:
    return {"calls": plain(stack.calls), "amount": plain(stack.amount)}


def plain(value: object) -> object:
    """*value* as JSON knows it: records by the names of their fields, tuples as lists."""
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Call):
        return value.told()
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        items = [plain(each) for each in value]
        return dict(zip(names, items, strict=True)) if names else items
    return value
