"""The lives of an app on one host as text, side by side."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from memops.report.rates import (
    called,
    columns,
    moment,
    nameless,
    notes,
    pace_of,
    pair,
    paragraphs,
)
from memops.report.text import clip
from memops.units import format_duration

if TYPE_CHECKING:
    from memops.profile.fleet.lives import Life
    from memops.profile.fleet.rates import Rate
    from memops.profile.fleet.restarts import RestartRow, Restarts
    from memops.report.rates import Pace
    from memops.report.view import View

_SENTENCES = 3
_SHARE = 0.05
_LIVES = 5  # that fit side by side


def restarts_text(found: Restarts, view: View) -> str:
    """*found* in lines that fit the *view*, with its top functions and the newest lives."""
    pace = pace_of(found.wholes, view.unit)
    lives = len(found.host.lives)
    shown = [row for row in found.rows
             if any(each and round(pace.seconds * each.mean) for each in row.rates)][: view.top]  # fmt: skip
    place = " on ".join(filter(None, (found.app, found.host.host))) or "one app"
    blocks = [
        [clip(f"{place}: {lives} {'lives' if lives > 1 else 'life'}", view.width),
         *_sentences(found, pace)],
        _lives(found, view, pace),
        _functions(found, shown, view, pace),
        notes((*nameless(row.calls for row in shown), *found.notes), view.width),
        [f"next: {_next(found)}"],
    ]  # fmt: skip
    return paragraphs(blocks)


def _next(found: Restarts) -> str:
    host = found.host.host
    again = ["--app", found.app, "--host", host] if found.app else filter(None, [host])
    return f"{shlex.join(['memops', 'analyze', *again])}, for the stacks"


def _sentences(found: Restarts, pace: Pace) -> list[str]:
    if len(found.host.lives) == 1:
        return ["one life only: there is nothing to compare with until the next restart"]
    least = _SHARE * max((each.mean for each in found.wholes if each), default=0)
    told = [row for row in found.rows
            if (row.always or row.grows_since or row.stopped) and _steepest(row) > least]  # fmt: skip
    lines = [_sentence(row, pace) for row in told[:_SENTENCES]]
    return lines or ["nothing surely grows in every life, and nothing is new"]


def _sentence(row: RestartRow, pace: Pace) -> str:
    rates = ", ".join(pace.mean(each) for each in row.rates)
    if row.always and not row.stopped:
        return f"{called(row.calls)} grows in every life: {rates} {pace.name}"
    if row.is_new:
        return f"{called(row.calls)} is new since life {row.since}: {rates} {pace.name}"
    if row.stopped:
        return f"{called(row.calls)} grew in every life before the last: {rates} {pace.name}"
    return f"{called(row.calls)} grows since life {row.grows_since}: {rates} {pace.name}"


def _steepest(row: RestartRow) -> float:
    return max((each.mean for each in row.rates if each), default=0)


def _lives(found: Restarts, view: View, pace: Pace) -> list[str]:
    bound = "from .. to with 95 %"
    head = ("life", "began", "dumps", "over", f"grows {pace.name}", bound, "live", "pid")
    rows = [_life(at, life, rate, pace) for at, (life, rate) in
            enumerate(zip(found.host.lives, found.wholes, strict=True), 1)]  # fmt: skip
    return columns([head, *rows[-max(view.top, 2) :]], view.width)


def _life(number: int, life: Life, rate: Rate | None, pace: Pace) -> tuple[str, ...]:
    pid = life.process.pid
    return (
        str(number), moment(life.first), str(life.process.dumps),
        format_duration(life.last - life.first), pace.mean(rate), pace.bounds(rate),
        pace.size(life.process.live), "-" if pid is None else str(pid),
    )  # fmt: skip


def _functions(found: Restarts, rows: list[RestartRow], view: View, pace: Pace) -> list[str]:
    first = max(len(found.host.lives) - _LIVES, 0)
    if not rows:
        return []
    lives = [f"{pace.name}, life {at + 1}" if at == first else f"life {at + 1}"
             for at in range(first, len(found.host.lives))]  # fmt: skip
    cells = [(*(pace.mean(each) for each in row.rates[first:]), pair(row.calls)) for row in rows]
    return columns([(*lives, "function"), *cells], view.width)
