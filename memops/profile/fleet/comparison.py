"""Whether growth fell after a change: the rates of two windows of time, host by host and in all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memops.profile.fleet.lives import most_changed
from memops.profile.fleet.rates import Rate, difference, further, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memops.profile.fleet.lives import HostLives
    from memops.profile.growth.naming import Call, Codes

FELL, ROSE, NO_CHANGE = "fell", "rose", "no change shown"
TOO_EARLY = "too early to tell"

_CANDIDATES = 30
_HALF = 0.5
_ENOUGH = 4  # dumps, with which a window may be said to show no change


@dataclass(frozen=True, slots=True)
class Change:
    """A rate *before* and *after*, their *difference* (after less before), and the *verdict* on it.

    The verdict is ``fell``, ``rose``, ``no change shown`` (a change by half would have been seen, or
    no number of later dumps can show one), or ``too early to tell``: then *more* further dumps at
    the pace of those after should tell. A rate is None where no two dumps of a life are in the window.
    """

    before: Rate | None
    after: Rate | None
    difference: Rate | None
    verdict: str
    more: int = 0


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """A function on all hosts: *codes* are itself and its caller, as indices into *words*."""

    codes: Codes
    words: Sequence[Call]
    change: Change

    @property
    def calls(self) -> tuple[Call, ...]:
        """The function and its caller."""
        return tuple(map(self.words.__getitem__, self.codes))


@dataclass(frozen=True, slots=True)
class HostChange:
    """The *change* of everything together on a *host*, with its lives in both windows."""

    host: str
    before: HostLives | None
    after: HostLives | None
    change: Change


@dataclass(frozen=True, slots=True)
class Comparison:
    """An *app* before and after: all *hosts* together (*whole*), each alone, and the *rows*.

    Only hosts with dumps in both windows count for the whole and the rows, which are by how fast
    they grew before or grow after, the fastest first.
    """

    app: str
    whole: Change
    hosts: tuple[HostChange, ...]
    rows: tuple[ComparisonRow, ...]
    notes: tuple[str, ...]


def compare(
    app: str, before: Sequence[HostLives], after: Sequence[HostLives], notes: Sequence[str] = ()
) -> Comparison:
    """*app* on the hosts of *before* and *after*, which were read with one lexicon."""
    sides = [{each.host: each for each in side} for side in (before, after)]
    names = dict.fromkeys(name for side in sides for name in side)
    hosts = tuple(_host(name, *(side.get(name) for side in sides)) for name in names)
    pairs = [(each.before, each.after) for each in hosts
             if each.before and each.after and each.change.difference]  # fmt: skip
    both = [host for pair in pairs for host in pair]
    rows = [_row(codes, pairs) for codes in most_changed(both, _CANDIDATES)]
    ordered = sorted(rows, key=lambda row: (-_fastest(row.change), row.calls))
    whole = change([one.whole() for one, _ in pairs], [other.whole() for _, other in pairs])
    return Comparison(app, whole, hosts, tuple(ordered), tuple(notes))


def change(before: Sequence[Rate | None], after: Sequence[Rate | None]) -> Change:
    """What became of the rates of hosts, those of the same host in the same place."""
    one, other = _sum(before), _sum(after)
    if one is None or other is None:
        missing = 0 if one is None else max(2 - (other.dumps if other else 0), 1)
        return Change(one, other, None, TOO_EARLY, missing)
    found = difference(one, other)
    if found.high < 0:
        return Change(one, other, found, FELL)
    if found.low > 0:
        return Change(one, other, found, ROSE)
    more = _more(one, other, found)
    return Change(one, other, found, TOO_EARLY if more else NO_CHANGE, more)


def _more(before: Rate, after: Rate, found: Rate) -> int:
    """How many further dumps would show a change by half; 0 where it would show, or never will.

    Or one as large as it looks, if that is more. Only the later window can still be added to: the
    doubt of the earlier one stays.
    """
    wanted = _HALF * max(abs(before.mean), abs(after.mean))
    if found.spread <= wanted and min(before.dumps, after.dumps) >= _ENOUGH:
        return 0
    wanted = max(wanted, abs(found.mean))
    if before.spread >= wanted:
        return 0
    missing = max(_ENOUGH - after.dumps, 1)
    allowed = (wanted**2 - before.spread**2) ** _HALF
    return max(further(after, allowed), missing)


def _sum(rates: Sequence[Rate | None]) -> Rate | None:
    known = [each for each in rates if each is not None]
    return total(known) if known else None


def _host(name: str, before: HostLives | None, after: HostLives | None) -> HostChange:
    rates = [[side.whole()] if side else [] for side in (before, after)]
    return HostChange(name, before, after, change(*rates))


def _row(codes: Codes, pairs: Sequence[tuple[HostLives, HostLives]]) -> ComparisonRow:
    found = change([one.rate(codes) for one, _ in pairs], [other.rate(codes) for _, other in pairs])
    return ComparisonRow(codes, pairs[0][0].last.words, found)


def _fastest(found: Change) -> float:
    return max((abs(each.mean) for each in (found.before, found.after) if each), default=0.0)
