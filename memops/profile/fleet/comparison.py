"""Whether growth fell after a change: the rates of two windows of time, host by host and in all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from memops.profile.fleet.lives import most_changed
from memops.profile.fleet.rates import Rate, difference, further, total
from memops.profile.fleet.resident import LEAST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memops.profile.fleet.lives import HostLives
    from memops.profile.fleet.resident import ResidentHost
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
class ResidentChange:
    """The *change* of the RSS on a *host*, with what memory files told in both windows."""

    host: str
    before: ResidentHost | None
    after: ResidentHost | None
    change: Change


@dataclass(frozen=True, slots=True)
class ResidentComparison:
    """The RSS of an *app* before and after: all *hosts* together (*whole*), and each alone.

    Only hosts whose slope is known in both windows count for the whole.
    """

    app: str
    whole: Change
    hosts: tuple[ResidentChange, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """An *app* before and after: all *hosts* together (*whole*), each alone, and the *rows*.

    Only hosts with dumps in both windows count for the whole and the rows, which are by how fast
    they grew before or grow after, the fastest first. *resident* is the RSS beside it, where files
    told it.
    """

    app: str
    whole: Change
    hosts: tuple[HostChange, ...]
    rows: tuple[ComparisonRow, ...]
    notes: tuple[str, ...]
    resident: ResidentComparison | None = None


def compare(
    app: str,
    before: Sequence[HostLives],
    after: Sequence[HostLives],
    notes: Sequence[str] = (),
    resident: ResidentComparison | None = None,
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
    return Comparison(app, whole, hosts, tuple(ordered), tuple(notes), resident)


def compare_resident(
    app: str,
    before: Sequence[ResidentHost],
    after: Sequence[ResidentHost],
    notes: Sequence[str] = (),
) -> ResidentComparison:
    """The RSS of *app* on the hosts of *before* and *after*."""
    sides = [{each.host: each for each in side} for side in (before, after)]
    names = dict.fromkeys(name for side in sides for name in side)
    hosts = tuple(_resident(name, *(side.get(name) for side in sides)) for name in names)
    both = [each.change for each in hosts if each.change.difference]
    whole = change([each.before for each in both], [each.after for each in both], least=LEAST)
    whole = hosts[0].change if len(hosts) == 1 else whole
    return ResidentComparison(app, whole, hosts, tuple(notes))


def change(
    before: Sequence[Rate | None], after: Sequence[Rate | None], *, least: int = 2
) -> Change:
    """What became of the rates of hosts, those of the same host in the same place.

    It takes *least* moments of a life for a rate.
    """
    one, other = _sum(before), _sum(after)
    if one is None or other is None:
        missing = 0 if one is None else max(least - (other.dumps if other else 0), 1)
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


def _resident(name: str, before: ResidentHost | None, after: ResidentHost | None) -> ResidentChange:
    rates = [[side.rate()] if side else [] for side in (before, after)]
    found = change(*rates, least=LEAST)
    if after and found.more and found.after is None:  # some of those it takes may be there
        found = replace(found, more=max(LEAST - len(after.lives[-1].moments), 1))
    return ResidentChange(name, before, after, found)


def _row(codes: Codes, pairs: Sequence[tuple[HostLives, HostLives]]) -> ComparisonRow:
    found = change([one.rate(codes) for one, _ in pairs], [other.rate(codes) for _, other in pairs])
    return ComparisonRow(codes, pairs[0][0].last.words, found)


def _fastest(found: Change) -> float:
    return max((abs(each.mean) for each in (found.before, found.after) if each), default=0.0)
