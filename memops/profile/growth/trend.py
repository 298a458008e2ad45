"""How fast a stack grows, how sure that is, and what kind of growth it is.

The slope is Theil and Sen's (the median of the slopes of all pairs of dumps), which one odd dump
does not move. Its error has two parts that add up: the scatter about the line, and the sampling:
what is newly live was sampled once and stays wrong by the same amount in every later dump, so the
scatter does not show it; its variance is the interval R times the net growth.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from math import ceil, sqrt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

# Student's t for 95 % on both sides, by degrees of freedom (NIST/SEMATECH e-Handbook, 1.3.6.7.2).
_STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14)
_NORMAL = 1.96
_MAD = 1.4826  # from the median deviation to one sigma of a normal distribution
_MANY = 10  # dumps, from which on one odd one among them does not count
_EFFICIENCY = 0.95  # of Theil and Sen's slope (Sen 1968): 3/pi of that of least squares
_FEW = 4  # dumps, below which nothing is told from noise but a line that is clear anyway
_ENOUGH = 6  # dumps, from which on the two halves are looked at apart
_SLOWED = 0.25
_HALVED = 0.5
_CALM = 60.0  # seconds, below which standing still is a pause of the load, not the end of growth
_PAUSES = 3  # of the longest pause in the growth: to wait that long by chance is below 5 %
_GROWN = 0.75
_WAVES = 0.5
MOST_MORE = 999
"""Further dumps, above which their number says no more than that they are many."""


class Trend(NamedTuple):
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


class Times:
    """Moments (seconds), at least two, in their order; what all slopes over them share is made once."""

    def __init__(self, moments: tuple[float, ...]) -> None:
        self.moments = moments

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
    def early(self) -> Times:
        """The first half of them."""
        return Times(self.moments[: len(self.moments) // 2])

    @cached_property
    def late(self) -> Times:
        """The second half of them."""
        return Times(self.moments[len(self.moments) // 2 :])


def trend(times: Times, sizes: Sequence[int], interval: int) -> Trend:
    """The trend of *sizes* (bytes, estimates at a sampling *interval*) at *times*."""
    slope, error = fit(times, sizes, interval)
    spread = error * student(len(times) - 2)
    low, high = slope - spread, slope + spread
    verdict = _verdict(times, sizes, interval, (slope, low, high))
    more = _more(times, sizes, slope, spread) if verdict == TOO_EARLY else 0
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
    sampling = rate * abs(sizes[-1] - sizes[0]) / times.span**2
    return slope, sqrt(_scatter(offsets) / (_EFFICIENCY * times.width) + sampling)


def _scatter(offsets: Sequence[float]) -> float:
    """The variance of *offsets* from a line that was laid through them.

    Of few the median deviation says too little (of three it is always nothing).
    """
    level, freedom = median(offsets), len(offsets) - 2
    deviations = [abs(offset - level) for offset in offsets]
    if len(offsets) < _MANY:
        return sum(each * each for each in deviations) / freedom
    return (_MAD * median(deviations)) ** 2 * len(offsets) / freedom


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
    return _end_of_growth(times, sizes, interval)


def _end_of_growth(times: Times, sizes: Sequence[int], interval: int) -> str:
    """Whether the growth of the first half went on in the second, or stopped, or cannot be told yet.

    That nothing grew there shows nothing by itself: it must be shown that less than half of the
    growth went on, for longer than growth paused before.
    """
    half = len(times) // 2
    early, early_error = fit(times.early, sizes[:half], interval)
    late, error = fit(times.late, sizes[half:], interval)
    if late >= _SLOWED * early or late - _NORMAL * error > 0:
        return LEAKS
    doubt = student(half - 2) * sqrt(error**2 + (_HALVED * early_error) ** 2)
    shown = late + doubt < _HALVED * early
    return PLATEAUS if shown and times.late.span >= _calm(times, sizes) else TOO_EARLY


def _calm(times: Times, sizes: Sequence[int]) -> float:
    """Seconds for which nothing may grow before growth has stopped.

    Large pieces are lost now and then: the pauses between them, up to where most of the first half's
    growth was there, tell how long one has to wait for the next.
    """
    half = sizes[: len(sizes) // 2 + 1]
    top, since, pause = half[0], times.moments[0], 0.0
    enough = top + _GROWN * (max(half) - top)
    for time, size in zip(times.moments, half, strict=False):
        if size > top:
            pause, top, since = max(pause, time - since), size, time
        if top >= enough:
            break
    return max(_CALM, _PAUSES * pause)


def _goes_up_and_down(sizes: Sequence[int], interval: int) -> bool:
    """Whether there are falls, more than one, that sampling does not explain, and like the rises."""
    steps = [after - before for before, after in pairwise(sizes)]
    rises, falls = sum(step for step in steps if step > 0), -sum(step for step in steps if step < 0)
    noise = 3 * sqrt((interval if interval > 1 else 0) * max(*sizes, 0))
    deep = sum(-step > noise for step in steps)
    return len(sizes) >= _ENOUGH and deep > 1 and falls > _WAVES * rises


def _more(times: Times, sizes: Sequence[int], slope: float, spread: float) -> int:
    """How many further dumps at the same pace halve the doubt, and outlast a pause."""
    count = len(times)
    more = _further(count, slope / 2, spread) if slope > 0 else max(_FEW - count, 1)
    if slope > spread and count >= _ENOUGH:
        pace = times.span / (count - 1)
        more = max(more, ceil(2 * _calm(times, sizes) / pace) + 1 - count)
    return min(max(more, _FEW - count, 1), MOST_MORE)


def _further(count: int, wanted: float, spread: float) -> int:
    """How many more dumps than *count* bring *spread* down to *wanted*; 0 where it is.

    The error of a slope falls with the number of dumps to the power 1.5.
    """
    if spread <= wanted:
        return 0
    if spread >= wanted * (MOST_MORE + count) ** 1.5:
        return MOST_MORE
    needed: float = count * (spread / wanted) ** (2 / 3)
    return min(ceil(needed) - count, MOST_MORE)


def student(freedom: float) -> float:
    """Student's t for 95 % on both sides with so many degrees of *freedom*.

    Two dumps leave none, but have no scatter either: their error is of the sampling, which is known.
    """
    if freedom < 1:
        return _NORMAL
    return _STUDENT[int(freedom) - 1] if freedom < len(_STUDENT) + 1 else _NORMAL + 2.4 / freedom
