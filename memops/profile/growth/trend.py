"""How fast a stack grows, how sure that is, and what kind of growth it is.

The slope is Theil and Sen's (the median of the slopes of all pairs of dumps), which one odd dump
does not move. Its error has two parts that add up: the scatter about the line, and the sampling:
what is newly live was sampled once and stays wrong by the same amount in every later dump, so the
scatter does not show it; its variance is the interval R times the net growth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Student's t for 95 % on both sides, by degrees of freedom (NIST/SEMATECH e-Handbook, 1.3.6.7.2).
_STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14)
_NORMAL = 1.96
_MAD = 1.4826  # from the median deviation to one sigma of a normal distribution
_FEW = 4  # dumps, below which nothing is told from noise but a line that is clear anyway
_ENOUGH = 6  # dumps, from which on the two halves are looked at apart
_SLOWED = 0.25
_WAVES = 0.5
_MOST = 999


@dataclass(frozen=True, slots=True)
class Trend:
    """Growth in bytes a second: *slope*, and *low* and *high*, between which it is with 95 %.

    *verdict* is ``leaks`` (grows to the end), ``plateaus`` (grew, and stopped), ``periodic`` (goes up
    and down), ``shrinks``, ``steady``, or ``too early to tell``: then *more* further dumps at the
    same pace should tell.
    """

    slope: float
    low: float
    high: float
    verdict: str
    more: int = 0


@dataclass(frozen=True)
class Times:
    """Moments (seconds), at least two, in their order; what all slopes over them share is made once."""

    moments: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.moments)

    @property
    def span(self) -> float:
        """Seconds from the first to the last."""
        return self.moments[-1] - self.moments[0]

    @cached_property
    def pairs(self) -> tuple[tuple[int, int, float], ...]:
        """Each two moments, and the seconds between them."""
        numbered = enumerate(self.moments)
        return tuple((at, later, self.moments[later] - time) for at, time in numbered
                     for later in range(at + 1, len(self.moments)))  # fmt: skip

    @cached_property
    def width(self) -> float:
        """The sum of the squares of their distances from the middle, in seconds squared."""
        middle = sum(self.moments) / len(self.moments)
        return sum((time - middle) ** 2 for time in self.moments)

    @cached_property
    def late(self) -> Times:
        """The second half of them."""
        return Times(self.moments[len(self.moments) // 2 :])


def trend(times: Times, sizes: Sequence[int], interval: int) -> Trend:
    """The trend of *sizes* (bytes, estimates at a sampling *interval*) at *times*."""
    slope, error = fit(times, sizes, interval)
    spread = error * _student(len(times))
    low, high = slope - spread, slope + spread
    verdict = _verdict(times, sizes, interval, (slope, low, high))
    more = _more(len(times), slope, spread) if verdict == TOO_EARLY else 0
    return Trend(slope, low, high, verdict, more)


LEAKS, PLATEAUS, PERIODIC, SHRINKS = "leaks", "plateaus", "periodic", "shrinks"
STEADY, TOO_EARLY = "steady", "too early to tell"


def fit(times: Times, sizes: Sequence[int], interval: int) -> tuple[float, float]:
    """The slope in bytes a second, and one sigma of it."""
    slope = median([(sizes[later] - sizes[at]) / span for at, later, span in times.pairs])
    rate = interval if interval > 1 else 0
    if len(times) < 3:  # noqa: PLR2004 - two points have no scatter
        return slope, sqrt(rate * (abs(sizes[0]) + abs(sizes[-1]))) / times.span
    offsets = [size - slope * time for time, size in zip(times.moments, sizes, strict=True)]
    level = median(offsets)
    scatter = (_MAD * median([abs(offset - level) for offset in offsets])) ** 2
    sampling = rate * abs(sizes[-1] - sizes[0]) / times.span**2
    return slope, sqrt(scatter / times.width + sampling)


def median(values: Sequence[float]) -> float:
    """The middle of *values*; the library's own takes 20 ms to import."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _verdict(
    times: Times,
    sizes: Sequence[int],
    interval: int,
    found: tuple[float, float, float],
) -> str:
    slope, low, high = found
    if high < 0:
        return SHRINKS
    if _goes_up_and_down(sizes, interval):
        return PERIODIC
    if low <= 0:
        return TOO_EARLY if slope > 0 and len(times) < _ENOUGH else STEADY
    if len(times) < _FEW:
        return TOO_EARLY
    if len(times) < _ENOUGH:
        return LEAKS
    late, late_error = fit(times.late, sizes[len(times) // 2 :], interval)
    stopped = late < _SLOWED * slope and late - _NORMAL * late_error <= 0
    return PLATEAUS if stopped else LEAKS


def _goes_up_and_down(sizes: Sequence[int], interval: int) -> bool:
    """Whether there are falls, more than one, that sampling does not explain, and like the rises."""
    steps = [after - before for before, after in pairwise(sizes)]
    rises, falls = sum(step for step in steps if step > 0), -sum(step for step in steps if step < 0)
    noise = 3 * sqrt((interval if interval > 1 else 0) * max(*sizes, 0))
    deep = sum(-step > noise for step in steps)
    return len(sizes) >= _ENOUGH and deep > 1 and falls > _WAVES * rises


def _more(count: int, slope: float, spread: float) -> int:
    """How many further dumps halve the doubt: the error falls with the number to the power 1.5."""
    if slope <= 0:
        return _FEW
    needed = ceil(count * (2 * spread / slope) ** (2 / 3))
    return min(max(needed, _FEW) - count, _MOST) if needed > count else max(1, _FEW - count)


def _student(count: int) -> float:
    freedom = count - 2
    if freedom < 1:
        return _NORMAL
    return _STUDENT[freedom - 1] if freedom <= len(_STUDENT) else _NORMAL + 2.4 / freedom
