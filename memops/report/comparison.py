"""Before and after a change as text: did the growth fall, in all, per host and per function."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from memops.profile.fleet.comparison import FELL, NO_CHANGE, ROSE, TOO_EARLY
from memops.report.rates import (
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
    from collections.abc import Iterator, Sequence

    from memops.profile.fleet.comparison import Change, Comparison, HostChange, ResidentComparison
    from memops.profile.fleet.lives import Life
    from memops.report.rates import Pace
    from memops.report.view import View


_MINOR = 0.01
_NAMED = 3  # hosts in a note
_WIDE = 96  # columns, below which a table has no room for both bounds and names


def comparison_text(found: Comparison, view: View) -> str:
    """*found* in lines that fit the *view*, with its top functions and hosts."""
    rates = [rate for host in found.hosts for rate in (host.change.before, host.change.after)]
    pace = pace_of(rates, view.unit)
    shown = [row for row in found.rows if _matters(row.change, found.whole)][: view.top]
    blocks = [
        _sentences(found, view, pace),
        table("host", _hosts(found), view, pace),
        table("function", [(pair(row.calls), row.change) for row in shown], view, pace),
        [*_resident(found, view, pace)],
        notes((*_remarks(found), *_resident_remarks(found), *nameless(row.calls for row in shown), *found.notes), view.width),
        [f"next: {_next(found)}"],
    ]  # fmt: skip
    return paragraphs(blocks)


def _resident(found: Comparison, view: View, pace: Pace) -> Iterator[str]:
    """The RSS beside the live bytes, and what it means if they disagree."""
    if found.resident is None:
        return
    from memops.report.resident import beside  # noqa: PLC0415 - it needs the words of this module

    yield from beside(found.resident, view, pace)
    fell = {each.host for each in found.hosts if each.change.verdict == FELL}
    stays = [each.host for each in found.resident.hosts
             if each.host in fell and each.change.verdict in {ROSE, NO_CHANGE}]  # fmt: skip
    if stays:
        where = f" on {', '.join(stays[:_NAMED])}" if any(stays) else ""
        yield f"RSS does not follow{where}: malloc keeps what is freed, or profiles lack what grows"


def _resident_remarks(found: Comparison) -> Iterator[str]:
    hosts = found.resident.hosts if found.resident else ()
    for each in silent([(each.host, each.change) for each in hosts], "three snapshots"):
        yield f"RSS: {each}"


def verdict(change: Change, what: str = "dump") -> str:
    """The verdict in words: ``too early to tell (3 more dumps)``."""
    if change.verdict != TOO_EARLY or not change.more:
        return change.verdict
    return f"{TOO_EARLY} ({change.more} more {what}{'s' * (change.more != 1)})"


def _sentences(found: Comparison, view: View, pace: Pace) -> list[str]:
    whole, told = found.whole, verdict(found.whole)
    grew = f"growth {told}" if whole.verdict in {FELL, ROSE} else told
    lines = [f"{place(found)}: {grew}"]
    if whole.before and whole.after:
        lines[0] += (
            f": {pace.mean(whole.before)} {pace.name} before, {pace.mean(whole.after)} after"
        )
    if whole.difference:
        lines.append(
            f"difference: {pace.mean(whole.difference)} {pace.name}, "
            f"with 95 % in {pace.bounds(whole.difference)}"
        )
    return [clip(line, view.width) for line in [*lines, *_spans(found)]]


def place(found: Comparison | ResidentComparison) -> str:
    """Whose memory was compared: an app, and on how many of its hosts."""
    app = found.app or "one app"
    if len(found.hosts) == 1:
        return " on ".join(filter(None, (app, found.hosts[0].host)))
    both = sum(each.change.difference is not None for each in found.hosts)
    every = f"all {both}" if both == len(found.hosts) else f"{both} of {len(found.hosts)}"
    return f"{app} on {every} hosts"


def _spans(found: Comparison) -> Iterator[str]:
    counting = [each for each in found.hosts if each.change.difference] or found.hosts
    for name, sides in (
        ("before", [each.before for each in counting]),
        ("after", [each.after for each in counting]),
    ):
        known = [each for each in sides if each]
        if not known:
            yield f"{name}: no dumps"
            continue
        lives = [life for each in known for life in each.lives]
        first, last = min(life.first for life in lives), max(life.last for life in lives)
        yield (
            f"{name}: {_dumps(lives)} of "
            f"{len(lives)} {'lives' if len(lives) > 1 else 'life'} from {moment(first)}, over "
            f"{format_duration(last - first)}"
        )


def _dumps(lives: list[Life]) -> str:
    many = sum(life.process.dumps for life in lives)
    return f"{many} dump{'s' * (many != 1)}"


def _hosts(found: Comparison) -> list[tuple[str, Change]]:
    ordered = sorted(found.hosts, key=lambda each: -_size(each.change))
    return [(each.host, each.change) for each in ordered] if len(ordered) > 1 else []


def _size(change: Change) -> float:
    return max((abs(each.mean) for each in (change.before, change.after) if each), default=0.0)


def _matters(change: Change, whole: Change) -> bool:
    """Whether a function grows by a hundredth of everything, before or after."""
    return _size(change) > _MINOR * _size(whole)


def table(what: str, changes: Sequence[tuple[str, Change]], view: View, pace: Pace) -> list[str]:
    """The *changes* by what they are of, a ``host`` or a ``function``; on a narrow view without bounds."""
    if not changes:
        return []
    head = (f"before, {pace.name}", "after", "difference, 95 %", "verdict", what)
    rows = [head, *(_change(label, each, pace) for label, each in changes[: view.top])]
    if view.width < _WIDE:
        rows = [(*row[:2], *row[3:]) for row in rows]
    lines = columns(rows, view.width)
    if changes[view.top :] and what == "host":
        lines.append(f"... and {len(changes) - view.top} more hosts; --top shows more")
    return lines


def _change(label: str, each: Change, pace: Pace) -> tuple[str, ...]:
    """A row of the table, the verdict in few words, so that the label beside it is not cut off."""
    told = f"too early ({each.more} more)" if each.more else each.verdict
    bounds = pace.bounds(each.difference) or "-"
    return pace.mean(each.before), pace.mean(each.after), bounds, told, label


def _remarks(found: Comparison) -> Iterator[str]:
    """Hosts that count for nothing, and what looks like growth but may be none."""
    yield from silent([(each.host, each.change) for each in found.hosts], "two dumps")
    rose = [found.whole, *(row.change for row in found.rows)]
    if any(each.verdict == ROSE for each in rose) and any(map(_restarted, found.hosts)):
        what = "the app was restarted in between: caches that fill look like growth"
        yield f"{what}; let --after begin later"


def silent(hosts: Sequence[tuple[str, Change]], least: str) -> Iterator[str]:
    """Which *hosts* count for nothing, for a life has not as much as the *least*: ``two dumps``."""
    found: dict[str, list[str]] = {}
    for host, change in hosts:
        sides = {"before": change.before, "after": change.after}
        few = " and ".join(name for name, rate in sides.items() if rate is None)
        if few:
            found.setdefault(few, []).append(host or "the only host")
    for few, names in found.items():
        more = f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
        named = f"{', '.join(names[:_NAMED])}{more}"
        yield f"fewer than {least} of a life {few}, so not in the sum: {named}"


def _restarted(each: HostChange) -> bool:
    return bool(
        each.before and each.after and each.before.last.process.pid != each.after.last.process.pid
    )


def _next(found: Comparison) -> str:
    whole = found.whole
    if whole.verdict == TOO_EARLY:
        return "memops collect again after a while, then the same"
    if whole.verdict == FELL and whole.after and whole.after.low <= 0:
        return "memops rollback, where profiling has done its work"
    again = shlex.join(["memops", "analyze", *(("--app", found.app) if found.app else ())])
    return f"{again}, for what grows now"
