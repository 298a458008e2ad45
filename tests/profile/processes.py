"""Processes whose truth is known, seen through sampling: what the words on growth are held against.

Live memory is *pieces* of one size. Each piece was sampled, or not, when it was made, and stays so until
it is freed; so the error of a dump is in the next one too, as far as the pieces are still the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, exp, log, pi, sin, sqrt
from random import Random
from typing import TYPE_CHECKING

from memops.profile.growth.naming import Call, Row
from memops.profile.growth.series import Track

if TYPE_CHECKING:
    from collections.abc import Callable

    from memops.profile.growth.trend import Trend

MIB = 1 << 20
INTERVAL = 512 << 10
"""Bytes between samples, jemalloc's own default (``lg_prof_sample:19``)."""
BASE = 256 * MIB
"""What a stack holds that is not there for nothing."""
PROCESS = 4 * BASE
"""All that is live in the process."""
HOUR = 3600.0
_NORMAL = 30


@dataclass(frozen=True)
class Process:
    """*live* tells the bytes at each part of the watch, from 0 to 1, for a phase between 0 and 1.

    Pieces of *size* bytes stay for *stay* of the watch (exponential; None: for good). *grows* is the true
    growth in a whole watch, where there is one number.
    """

    name: str
    live: Callable[[float, float], float]
    size: int = 4096
    stay: float | None = None
    grows: float | None = None


def drawn(count: int, chance: float, dice: Random) -> int:
    """How many of *count* pieces a *chance* takes."""
    if chance >= 1 or count <= 0:
        return max(count, 0)
    if chance <= 0:
        return 0
    mean, spread = count * chance, sqrt(count * chance * (1 - chance))
    if spread * spread > _NORMAL:
        return min(max(round(dice.gauss(mean, spread)), 0), count)
    found, at, scale = 0, 0, log(1 - chance)
    while (at := at + ceil(log(1 - dice.random()) / scale)) <= count and scale:
        found, at = found + 1, max(at, 1)
    return found


def seen(process: Process, moments: list[float], dice: Random) -> list[int]:
    """The estimates of dumps at *moments* (parts of the watch)."""
    chance = 1 - exp(-process.size / INTERVAL)
    phase, before, have, sampled, estimates = dice.random(), 0.0, 0, 0, []
    for moment in moments:
        pieces = round(process.live(moment, phase) / process.size)
        stay = exp((before - moment) / process.stay) if process.stay else 1.0
        kept = min(round(have * stay), pieces)
        sampled = drawn(sampled, kept / have if have else 0, dice)
        sampled += drawn(pieces - kept, chance, dice)
        have, before = pieces, moment
        estimates.append(round(sampled * process.size / chance))
    return estimates


def watched(process: Process, dumps: int, hours: float, dice: Random) -> Trend:
    """The trend of *process* in so many *dumps* of *hours*, at jittered times."""
    pace = 1 / (dumps - 1)
    moments = [pace * (at + dice.uniform(-0.3, 0.3)) for at in range(dumps)]
    moments = [moment - moments[0] for moment in moments]
    track = Track()
    for moment, size in zip(moments, seen(process, moments, dice), strict=True):
        track.add(HOUR * hours * moment, {(0,): Row(size, 1, 0)}, INTERVAL, PROCESS)
    found = track.series([Call("f", "app")])
    assert found is not None
    return found.stacks[0].trend


def _flat(_at: float, _phase: float) -> float:
    return BASE


def _leak(grows: float) -> Callable[[float, float], float]:
    return lambda at, _phase: BASE + grows * at


def _lost_now_and_then(pieces: int) -> Callable[[float, float], float]:
    """So many *pieces* of 16 MiB, each at a moment of its own."""

    def live(at: float, phase: float) -> float:
        dice = Random(phase)
        return BASE + 16 * MIB * sum(dice.random() < at for _ in range(pieces))

    return live


def _cache(fill: float) -> Callable[[float, float], float]:
    return lambda at, _phase: BASE * (1 - exp(-at / fill))


def _warm_and_leaking(at: float, _phase: float) -> float:
    """A cache that fills soon, and beside it a leak that matters: a fifth of the process in a whole watch."""
    return BASE * (1 - exp(-at / 0.1)) + PROCESS / 5 * at


def _wave(period: float) -> Callable[[float, float], float]:
    return lambda at, phase: BASE * (1 + 0.4 * sin(2 * pi * (at / period + phase)))


def _teeth(period: float) -> Callable[[float, float], float]:
    return lambda at, phase: BASE * (0.6 + 0.8 * ((at / period + phase) % 1))


def _step(begin: float, spread: float) -> Callable[[float, float], float]:
    """A jump at a part of the watch, between *begin* and *begin* and *spread*."""
    return lambda at, phase: BASE * (1 + (at >= begin + spread * phase))


def _restarted(at: float, phase: float) -> float:
    """A leak that begins anew once in the watch."""
    end = 0.2 + 0.6 * phase
    return BASE * (at if at < end else at - end)


FLAT = Process("flat", _flat, grows=0)
LEAK = Process("leak", _leak(BASE), grows=BASE)
FLATS = (
    FLAT,
    replace(FLAT, name="flat, replaced all the time", stay=1e-3),
    replace(FLAT, name="flat, replaced slowly", stay=0.3),
    replace(FLAT, name="flat, replaced very slowly", stay=2.0),
    replace(FLAT, name="flat, large pieces replaced slowly", size=4 * MIB, stay=0.3),
)
LEAKING = (
    LEAK,
    Process("leak in what is replaced", _leak(BASE), stay=0.1, grows=BASE),
    Process("small leak", _leak(BASE / 16), grows=BASE / 16),
    Process("tiny leak", _leak(BASE / 128), grows=BASE / 128),
    Process(
        "leak that just matters, in what is replaced",
        _leak(PROCESS / 10),
        stay=0.1,
        grows=PROCESS / 10,
    ),
    Process(
        "leak of a large piece now and then",
        _lost_now_and_then(12),
        size=16 * MIB,
        grows=12 * 16 * MIB,
    ),
    Process("small leak of large pieces", _leak(BASE / 8), size=4 * MIB, grows=BASE / 8),
)
CACHES = tuple(
    Process(
        f"cache that fills in {fill:g} of the watch{' and is replaced' * bool(stay)}",
        _cache(fill),
        stay=stay,
    )
    for fill in (0.03, 0.1, 0.25, 2)
    for stay in (None, 0.1)
)
PERIODS = tuple(
    Process(f"{name} of {period:g} of the watch", shape(period), stay=0.05)
    for name, shape in (("waves", _wave), ("saw teeth", _teeth))
    for period in (0.13, 0.5, 1, 4)
)
SHORT = tuple(each for each in PERIODS if "of 4 " in each.name)
"""Those whose period is longer than the watch: no watch that is shorter can tell them from growth."""
ONCE = (
    Process("step at the start", _step(0, 0.15)),
    Process("step at any time", _step(0.2, 0.6)),
)
MIXED = (
    Process("cache, and a leak", _warm_and_leaking),
    Process("cache that is replaced, and a leak", _warm_and_leaking, stay=0.1),
    Process("restart", _restarted),
)
MATTERING = (
    *(each for each in LEAKING if (each.grows or 0) >= PROCESS / 10),
    *MIXED[:2],
)
"""Those that leak a tenth of the process in a watch, or more."""
ALL = (*FLATS, *LEAKING, *CACHES, *PERIODS, *ONCE, *MIXED)
