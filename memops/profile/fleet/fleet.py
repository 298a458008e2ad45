"""One app on several hosts: what grows on all of them, which host is the odd one, and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import hypot
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.fleet.lives import HostLives, most_changed
from memops.profile.fleet.rates import Rate, total
from memops.profile.growth.naming import Row
from memops.profile.growth.rows import NONE, Rows, merged
from memops.profile.growth.trend import median

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence

    from memops.profile.fleet.lives import Life
    from memops.profile.fleet.memory import HostMemory
    from memops.profile.growth.naming import Call, Codes

_CANDIDATES = 30  # functions of each host of which the rates are found
_MANY = 3  # hosts, below which there is no telling which is the odd one
_MAD = 1.4826  # from the median deviation to one sigma of a normal distribution
_FAR = (
    3.5  # sigmas: the usual bound for outliers by the median deviation (Iglewicz and Hoaglin 1993)
)
_SURE = 1.5  # intervals of 95 %, which is three sigmas: many functions on many hosts are looked at
_HALF = 0.5


class Outlier(NamedTuple):
    """A *host* on which a function grows with *rate* where *median* is usual, in bytes a second.

    *deviation* is the median deviation of the hosts from their median.
    """

    host: str
    rate: Rate
    median: float
    deviation: float


class Only(NamedTuple):
    """A function grows on just those hosts whose label *name* is *value*.

    Or, if not *grows*, everywhere else but there.
    """

    name: str
    value: str
    grows: bool = True


class FleetRow(NamedTuple):
    """A function on all hosts: *codes* are itself and its caller, as indices into *words*.

    *rate* is the sum of those of the *hosts*; *live* what the last dumps hold. *growing* are the hosts
    on which it surely grows; *first* is the host on which it first did, and when that life began. The
    row of everything together has no codes.
    """

    codes: Codes
    words: Sequence[Call]
    rate: Rate
    hosts: Map[str, Rate]
    live: Row
    growing: tuple[str, ...]
    outliers: tuple[Outlier, ...]
    only: tuple[Only, ...] = ()
    first: tuple[str, float] | None = None

    @property
    def calls(self) -> tuple[Call, ...]:
        """The function and its caller."""
        return tuple(map(self.words.__getitem__, self.codes))


@dataclass(frozen=True, slots=True)
class Fleet:
    """An *app* on its *hosts*: the *whole*, and the *rows*, those that grow the most first.

    *silent* are hosts whose dumps do not tell of growth; *whole* is None if all are. *memory* is what
    files beside the dumps told of hosts, these and such that have no dumps.
    """

    app: str
    hosts: tuple[HostLives, ...]
    whole: FleetRow | None
    rows: tuple[FleetRow, ...]
    silent: tuple[str, ...]
    notes: tuple[str, ...]
    memory: tuple[HostMemory, ...] = ()


def fleet(
    app: str,
    hosts: Sequence[HostLives],
    labels: Map[str, Map[str, str]] | None = None,
    notes: Sequence[str] = (),
) -> Fleet:
    """What the *hosts* of *app* have in common and where they differ.

    *labels* are what is known of each host: a release, say. The build-ids of its program and of the
    library that allocates are compared anyway, as far as they are known.
    """
    now = tuple(HostLives(host.host, (_newest(host),)) for host in hosts)
    live = reduce(merged, (host.last.rows for host in now), Rows())
    known = labels or {}
    found = (_row(codes, now, live, known) for codes in most_changed(now, _CANDIDATES))
    rows = [row._replace(first=_first(row.codes, hosts)) for row in found if row]
    ordered = sorted(rows, key=lambda row: (-row.rate.mean, row.calls))
    silent = tuple(host.host for host in now if host.whole() is None)
    return Fleet(app, now, _whole(now, live), tuple(ordered), silent, (*notes, *_older(hosts, now)))


def _newest(host: HostLives) -> Life:
    """The newest life that tells of growth."""
    return next((life for life in reversed(host.lives) if life.moments), host.last)


def _older(hosts: Sequence[HostLives], now: Sequence[HostLives]) -> list[str]:
    """Notes on hosts that were restarted too lately."""
    return [f"{host.host} was restarted, and its dumps since do not tell yet: this is its life before"
            for host, shown in zip(hosts, now, strict=True) if host.last is not shown.last]  # fmt: skip


def _first(codes: Codes, hosts: Sequence[HostLives]) -> tuple[str, float] | None:
    """The host of the first life in which a function surely grows, and when that life began."""
    known = [(life.first, host.host, life) for host in hosts for life in host.lives]
    lives = sorted(known, key=itemgetter(0, 1))
    found = (
        (host, time) for time, host, life in lives if (each := life.rate(codes)) and each.low > 0
    )
    return next(found, None)


def outliers(rates: Map[str, Rate]) -> tuple[Outlier, ...]:
    """The hosts that differ from the median of *rates*, the farthest first.

    By more than the median deviation explains, by half the median at least, and by more than the
    sampling errors of the host and of the others.
    """
    if len(rates) < _MANY:
        return ()
    middle = median([each.mean for each in rates.values()])
    deviation = median([abs(each.mean - middle) for each in rates.values()])
    usual = median([each.spread for each in rates.values()])

    def is_far(each: Rate) -> bool:
        far = abs(each.mean - middle)
        bounds = (_FAR * _MAD * deviation, _SURE * hypot(each.spread, usual), _HALF * abs(middle))
        return far > max(bounds)

    found = [Outlier(host, each, middle, deviation) for host, each in rates.items() if is_far(each)]
    return tuple(sorted(found, key=lambda each: -abs(each.rate.mean - middle)))


def explanations(rates: Map[str, Rate], labels: Map[str, Map[str, str]]) -> tuple[Only, ...]:
    """The *labels* (by host, then by name) which just those hosts have on which something grows.

    Hosts of which it cannot be told whether it grows there count neither way; hosts without a label
    make it no explanation.
    """
    growing = [host for host, each in rates.items() if each.low > 0]
    if not growing:
        return ()
    half = _HALF * median([rates[host].mean for host in growing])
    calm = [host for host, each in rates.items() if host not in growing and each.high < half]
    names = dict.fromkeys(name for host in (*growing, *calm) for name in labels.get(host, {}))
    return tuple(each for name in names if (each := _only(name, *(
        {labels.get(host, {}).get(name, "") for host in side} for side in (growing, calm)))))  # fmt: skip


def _only(name: str, growing: set[str], calm: set[str]) -> Only | None:
    """What the values of the label *name* on both sides explain."""
    if not growing or not calm or growing & calm or "" in growing | calm:
        return None
    if len(growing) == 1:
        return Only(name, min(growing))
    return Only(name, min(calm), grows=False) if len(calm) == 1 else None


def _whole(hosts: Sequence[HostLives], live: Rows) -> FleetRow | None:
    rates = {host.host: each for host in hosts if (each := host.whole())}
    if not rates:
        return None
    everything = Row(*map(sum, zip(*live.values(), strict=True))) if live else NONE
    return FleetRow(
        (), (), total(list(rates.values())), rates, everything, _growing(rates),
        outliers(rates),
    )  # fmt: skip


def _row(
    codes: Codes, hosts: Sequence[HostLives], live: Rows, labels: Map[str, Map[str, str]]
) -> FleetRow | None:
    rates = {host.host: each for host in hosts if (each := host.rate(codes))}
    if not rates:
        return None
    words = hosts[0].last.words
    module = words[codes[0]].module if codes else ""
    known = {host.host: {**labels.get(host.host, {}), **_builds(host, module)} for host in hosts}
    return FleetRow(
        codes, words, total(list(rates.values())), rates, live.get(codes, NONE), _growing(rates),
        outliers(rates), explanations(rates, known),
    )  # fmt: skip


def _growing(rates: Map[str, Rate]) -> tuple[str, ...]:
    return tuple(host for host, each in rates.items() if each.low > 0)


def _builds(host: HostLives, module: str) -> Map[str, str]:
    """The build-ids of the program and of *module* on *host*, by the names of the files."""
    life = host.last
    program = life.process.executable.rpartition("/")[2]
    return {f"build-id of {name}": life.builds[name] for name in dict.fromkeys((program, module))
            if name in life.builds}  # fmt: skip
