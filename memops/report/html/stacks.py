"""Stacks written small: in the order of their frames, each as what differs from the one before.

A function calls few others: what a frame adds is a place among the callees of its caller, a small
number that deflates well where the function's own would not.
"""

from __future__ import annotations

from itertools import chain
from math import sqrt
from typing import TYPE_CHECKING

from memops.profile.growth.naming import Call, Row
from memops.report.safe import NO_STACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Mapping as Map

    from memops.profile.growth.analysis import Analysis

_NOTHING = Row(0, 0, 0)
_UNWALKED = Call(NO_STACK, "", "the allocator could record no frame")
_Stack = tuple[int, ...]


def bulk(analysis: Analysis, interval: int) -> Map[str, object]:
    """The stacks of *analysis*, sampled at *interval*: their ``words``, and ``rows`` of them.

    ``words`` has ``functions``, of each its line in ``sources`` (null where none is known), the place
    of its ``modules`` and ``reasons`` in their names, and its ``callees`` (the last is what the root
    calls). ``rows`` has of each stack, root first,
    how many frames it ``keep``s of the one before and ``add``s, as places among the callees of each
    caller (``frames``, all in a row); and the amounts: ``live``, and ``growth``, null for a single
    dump.
    """
    keys = sorted({**analysis.after, **analysis.rows}, key=_root_first)
    used, calls = _words(keys, analysis)
    callees: list[dict[int, int]] = [{} for _ in range(len(calls) + 1)]
    rows = _rows(keys, used, callees)
    live = [analysis.after.get(key, _NOTHING) for key in keys]
    rows["live"] = _live(live, interval)
    changed = [analysis.rows.get(key, _NOTHING) for key in keys]
    rows["growth"] = _growth(changed, live, interval) if analysis.is_growth else None
    return {
        "words": {**_columns(calls), "callees": [tuple(each) for each in callees]},
        "rows": rows,
    }


def _root_first(codes: _Stack) -> _Stack:
    return codes[::-1]


def _words(keys: Sequence[_Stack], analysis: Analysis) -> tuple[Map[int, int], list[Call]]:
    """The functions that *keys* name, and where they are by their codes; one more has no stack."""
    used = {code: at for at, code in enumerate(dict.fromkeys(chain.from_iterable(keys)))}
    return used, [*(analysis.words[code] for code in used), _UNWALKED]


def _columns(calls: Sequence[Call]) -> dict[str, object]:
    modules = {name: at for at, name in enumerate(dict.fromkeys(call.module for call in calls))}
    reasons = {text: at for at, text in enumerate(dict.fromkeys(call.reason for call in calls))}
    return {
        "functions": [call.function for call in calls],
        "sources": [call.source for call in calls] if any(call.source for call in calls) else None,
        "modules": tuple([modules[call.module] for call in calls]),
        "reasons": tuple([reasons[call.reason] for call in calls]),
        "moduleNames": list(modules),
        "reasonNames": list(reasons),
    }


def _rows(
    keys: Iterable[_Stack], used: Map[int, int], callees: Sequence[dict[int, int]]
) -> dict[str, object]:
    """The frames of *keys*; *callees* are filled with what each function calls."""
    keep: list[int] = []
    add: list[int] = []
    frames: list[int] = []
    before: _Stack = ()
    for key in keys:
        stack = key[::-1]
        same = _shared(before, stack)
        caller = used[stack[same - 1]] if same else -1
        new = [used[code] for code in stack[same:]] if stack else [len(used)]
        for code in new:
            known = callees[caller]
            frames.append(known.setdefault(code, len(known)))
            caller = code
        keep.append(same)
        add.append(len(new))
        before = stack
    return {"keep": tuple(keep), "add": tuple(add), "frames": tuple(frames)}


def _shared(one: _Stack, other: _Stack) -> int:
    """How many frames *one* and *other* begin with alike."""
    same = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        same += 1
    return same


def _live(rows: Sequence[Row], interval: int) -> Map[str, object]:
    rate = interval if interval > 1 else 0
    return _amounts(rows, [rate * row[0] for row in rows])


def _growth(rows: Sequence[Row], live: Sequence[Row], interval: int) -> Map[str, object]:
    """*rows* by which *live* grew; the variance is that of both dumps, and none where none changed."""
    rate = interval if interval > 1 else 0
    both = zip(rows, live, strict=True)
    return _amounts(rows, [any(row) and rate * (2 * held[0] - row[0]) for row, held in both])


def _amounts(rows: Sequence[Row], variances: Sequence[int]) -> Map[str, object]:
    """Columns of *rows*; no errors where all *variances* are what the bytes tell."""
    told = all(row[2] == variance for row, variance in zip(rows, variances, strict=True))
    return {
        "bytes": tuple([row[0] for row in rows]),
        "objects": tuple([row[1] for row in rows]),
        "error": None if told else tuple([round(sqrt(max(row[2], 0))) for row in rows]),
    }
