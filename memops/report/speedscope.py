"""A study for speedscope (https://www.speedscope.app/file-format-schema.json)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import memops
from memops.report.safe import printable
from memops.report.text import title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memops.profile.growth.analysis import Grown
    from memops.profile.growth.naming import Call
    from memops.profile.study import Study
    from memops.report.view import View

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def speedscope(study: Study, _view: View) -> bytes:
    """The stacks of *study* as one "sampled" profile in bytes, and what shrank as a second one.

    The format has no negative weights, so the second one holds the bytes by which stacks shrank.
    The frames' ``file`` is the library or program, or the source with its line where that is known.
    """
    import json  # noqa: PLC0415 - the other formats need it not

    return json.dumps(as_object(study)).encode() + b"\n"


def as_object(study: Study) -> dict[str, object]:
    """*study* as the object of the schema."""
    stacks = study.analysis.stacks
    words = stacks[0].words if stacks else ()
    frames = {code: at for at, code in enumerate(dict.fromkeys(
        code for stack in stacks for code in stack.codes))}  # fmt: skip
    grown = _profile("grown" if study.analysis.is_growth else "live", stacks, frames, 1)
    shrunk = _profile("shrunk", stacks, frames, -1)
    return {
        "$schema": SCHEMA,
        "exporter": f"memops@{memops.__version__}",
        "name": printable(title(study)),
        "activeProfileIndex": 0,
        "shared": {
            "frames": [_frame(words[code]) for code in frames],
        },
        "profiles": [grown, shrunk] if shrunk["weights"] else [grown],
    }


def _frame(call: Call) -> dict[str, object]:
    file, _, line = call.source.rpartition(":")
    place = (
        {"file": printable(file), "line": int(line)} if file else {"file": printable(call.module)}
    )
    return {"name": printable(call.function), **place}


def _profile(
    name: str, stacks: Sequence[Grown], frames: dict[int, int], sign: int
) -> dict[str, object]:
    """The *stacks* that grew, or with a negative *sign* those that shrank."""
    kept = [stack for stack in stacks if sign * stack.amount.bytes > 0]
    weights = [sign * stack.amount.bytes for stack in kept]
    return {
        "type": "sampled",
        "name": name,
        "unit": "bytes",
        "startValue": 0,
        "endValue": sum(weights),
        "samples": [[frames[code] for code in reversed(stack.codes)] for stack in kept],
        "weights": weights,
    }
