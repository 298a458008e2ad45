"""Where the memory of each host of a fleet is: its RSS, and the verdict of the files beside its profiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memops.profile.inspection import inspect
from memops.profile.verdict.evidence import HeapGrowth
from memops.units import format_size

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence

    from memops.profile.fleet.lives import HostLives, Life
    from memops.profile.fleet.rates import Rate
    from memops.profile.fleet.resident import ResidentHost, ResidentLife
    from memops.profile.study import Inputs
    from memops.profile.verdict.values import Verdict

_CULPRITS = 3


@dataclass(frozen=True, slots=True)
class HostMemory:
    """What the memory files of one life told on a *host*: its last *rss* in bytes, and the *verdict*.

    *rate* is how fast the RSS grows, None where that is not known. *profiled* says whether a life with
    heap profiles of that host is shown, which is the same.
    """

    host: str
    rss: int
    rate: Rate | None
    verdict: Verdict
    profiled: bool


def memory_of(
    hosts: Sequence[HostLives],
    resident: Sequence[ResidentHost],
    inputs: Sequence[Inputs],
    *,
    keep_going: bool = False,
) -> tuple[HostMemory, ...]:
    """What files told of the memory of the *hosts*, and of those that have no profiles.

    *resident* was read of the same *inputs*. Of a host the life is judged that is shown, and of one
    without profiles the newest. Raises `UsageError` for a damaged file, unless *keep_going*.
    """
    shown = {each.host: each.last for each in hosts}
    found = []
    for host in resident:
        life = shown.get(host.host)
        chosen = _same(host, life) if life else host.lives[-1]
        if chosen:
            own = [each for each in inputs if each.host == host.host]
            found.append(_memory(host.host, chosen, life, own, keep_going=keep_going))
    return tuple(found)


def _same(host: ResidentHost, life: Life) -> ResidentLife | None:
    """The life on *host* that is *life*: of its pid, or without one the nearest in time.

    A pid is that in a container, perhaps, so one that is known must only be among those told.
    """
    pid = life.process.pid
    known = [each for each in host.lives if not (each.pids and pid) or pid in each.pids]
    return min(known, key=lambda each: abs(each.moments[-1] - life.last), default=None)


def _memory(
    host: str,
    resident: ResidentLife,
    life: Life | None,
    inputs: Sequence[Inputs],
    *,
    keep_going: bool,
) -> HostMemory:
    times = {path: time for each in inputs for path, time in each.times.items()}
    one = inputs[0]._replace(memory=resident.files, times=times)
    growth = life_growth(life) if life else None
    seen = inspect(one, growth=growth, keep_going=keep_going)
    return HostMemory(host, resident.sizes[-1], resident.rate(), seen.verdict, life is not None)


def life_growth(life: Life) -> HeapGrowth:
    """What the heap profiles of *life* say, for the rules: it leaks where it surely grows."""
    rate = life.whole()
    if rate is None or life.moments is None:
        return HeapGrowth(live=life.process.live)
    grown = round(sum(life.grown(codes) for codes in life.sizes))
    return HeapGrowth(
        live=life.process.live,
        grown=grown,
        dumps=life.process.dumps,
        span=life.moments.span,
        low=rate.low,
        high=rate.high,
        verdict="leaks" if rate.low > 0 else "not sure to grow",
        culprits=tuple(_culprits(life)),
    )


def _culprits(life: Life) -> list[str]:
    """The functions that surely grow the most, each with its caller."""
    grown: Map[tuple[int, ...], float] = {codes: life.grown(codes) for codes in life.sizes}
    largest = sorted(grown, key=lambda codes: -grown[codes])[:_CULPRITS]
    sure = [codes for codes in largest if (rate := life.rate(codes)) and rate.low > 0]
    return [f"{_called(life, codes)} +{format_size(grown[codes])}" for codes in sure]


def _called(life: Life, codes: Sequence[int]) -> str:
    names = [life.words[code].function for code in codes]
    return " called from ".join(names) or "everything together"
