"""How fast a stack grows, how sure that is, and what kind of growth it is.

The slope is Theil and Sen's (the median of the slopes of all pairs of dumps), which one odd dump
does not move. Its error has two parts that add up: the scatter about the line, and the sampling:
what is newly live was sampled once and stays wrong by the same amount in every later dump, so the
scatter does not show it; its variance is the interval R times the net growth, and times one R more that
may be there without having been sampled.

The scatter of one dump is partly that of the dump before, where memory is replaced slowly, or grows in
jumps, or in waves: dumps say less then than as many that are independent. `_wandering` counts for that.
How often each word is wrong of processes that are known, ``python -m benchmarks.growth`` measures.
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
_ONE_SIDED = 1.64
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
_DEEP = 6  # sigmas of the sampling: of 64 dumps the highest is 4.8 above the lowest by chance alone
_WALK = 1.6  # the variance of the slope through a random walk, of that from end to end (measured; least squares: 1.2)
_DAY = 86400.0
_MATTERS = 0.1  # of what is live in the process, in a day
_NEVER = 3  # what was not seen once happens less often than this in the time of watching, with 95 %
MOST_MORE = 999
"""Further dumps, above which their number says no more than that they are many."""


class Trend(NamedTuple):
    """Growth in bytes a second: *slope*, and *low* and *high*, between which it is with 95 %.

    *verdict* is ``leaks`` (grows to the end), ``plateaus`` (grew, and stopped), ``periodic`` (goes up
    and down), ``shrinks``, ``steady`` (if it grows, then by less in a day than a tenth of what is live
    in the process), or ``too early to tell``: then *more* further dumps at the same pace should tell.
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


def trend(times: Times, sizes: Sequence[int], interval: int, live: int) -> Trend:
    """The trend of *sizes* (bytes, estimates at a sampling *interval*) at *times*.

    *live* is what the whole process holds in the last dump, in bytes.
    """
    slope, error = _doubted(times, sizes, interval)
    spread = error * student(len(times) - 2)
    low, high = slope - spread, slope + spread
    verdict = _verdict(times, sizes, interval, (slope, low, high), live)
    more = _more(times, sizes, interval, (slope, spread), live) if verdict == TOO_EARLY else 0
    return Trend(slope, low, high, verdict, more)


LEAKS, PLATEAUS, PERIODIC, SHRINKS = "leaks", "plateaus", "periodic", "shrinks"
STEADY, TOO_EARLY = "steady", "too early to tell"


def fit(times: Times, sizes: Sequence[int], interval: int) -> tuple[float, float]:
    """The slope in bytes a second, and one sigma of it if the scatter of each dump is its own."""
    slope, offsets, sampling = _line(times, sizes, interval)
    return slope, sqrt(_scattered(times, offsets) + sampling)


def _doubted(times: Times, sizes: Sequence[int], interval: int) -> tuple[float, float]:
    """The slope in bytes a second, and one sigma of it whatever the scatter of a dump has of the last one's.

    What was never sampled may be there all the same: about one *interval* of it.
    """
    slope, offsets, sampling = _line(times, sizes, interval)
    unseen = (interval / times.span) ** 2 if interval > 1 else 0.0
    scattered = _wandering(offsets, _scattered(times, offsets), times.span) if offsets else 0.0
    return slope, sqrt(scattered + sampling + unseen)


def _line(times: Times, sizes: Sequence[int], interval: int) -> tuple[float, list[float], float]:
    """The slope, how far each dump is off the line (two are not), and the variance by the sampling."""
    slope = median([(sizes[later] - sizes[at]) / span for at, later, span in times.pairs])
    rate = interval if interval > 1 else 0
    if len(times) < 3:  # noqa: PLR2004 - two points have no scatter
        return slope, [], rate * (abs(sizes[0]) + abs(sizes[-1])) / times.span**2
    offsets = [size - slope * time for time, size in zip(times.moments, sizes, strict=True)]
    return slope, offsets, rate * abs(sizes[-1] - sizes[0]) / times.span**2


def _scattered(times: Times, offsets: Sequence[float]) -> float:
    """The variance of a slope of which *offsets* do not hang together."""
    return _scatter(offsets) / (_EFFICIENCY * times.width) if offsets else 0.0


def _wandering(offsets: Sequence[float], scattered: float, span: float) -> float:
    """The variance of a slope, which is *scattered* if the *offsets* of dumps do not hang together.

    As far as each may be like the one before (Santer and others 2000, J. Geophys. Res. 105, 7337, with
    Kendall's correction for few, and as alike as they are with 95 % at the most), they tell as little
    as fewer would; at the worst it is what a random walk with their steps does in a *span* of seconds.
    """
    offsets = _without_odd(offsets)
    count, middle = len(offsets), sum(offsets) / len(offsets)
    away = [offset - middle for offset in offsets]
    steps = sum((after - before) ** 2 for before, after in pairwise(away))
    walk = _WALK * steps * (count - 1) / (count - 2) / span**2
    squares = sum(each * each for each in away)
    if not squares or count <= _FEW:
        return max(scattered, walk)
    like = sum(one * other for one, other in pairwise(away)) / squares
    like = (like + 2 / count) / (1 - 4 / count) + _ONE_SIDED / sqrt(count)
    alike = scattered * (1 + like) / (1 - like) if like < 1 else walk
    return max(scattered, min(walk, alike))


def _without_odd(offsets: Sequence[float]) -> list[float]:
    """*offsets*, but of many the one that sticks out the most between its neighbours is as the nearer."""
    found = list(offsets)
    if len(found) < _MANY:
        return found
    inner = range(1, len(found) - 1)
    odd = max(inner, key=lambda at: abs(found[at] - sorted(found[at - 1 : at + 2])[1]))
    found[odd] = sorted(found[odd - 1 : odd + 2])[1]
    return found


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
    live: int,
) -> str:
    _, low, high = found
    if high < 0:
        return SHRINKS
    falls = _deep_falls(sizes, interval) if len(times) >= _ENOUGH else 0
    if falls > 1:
        return PERIODIC
    if len(times) < _FEW or _deep_falls(_without_odd(sizes), interval):
        return TOO_EARLY
    if len(times) < _ENOUGH:
        return LEAKS if low > 0 else TOO_EARLY
    if low > 0:
        return _end_of_growth(times, sizes, interval, live)
    return _no_growth(times, sizes, interval, high, live)


def _no_growth(times: Times, sizes: Sequence[int], interval: int, high: float, live: int) -> str:
    """What it is where no growth is shown: that none is there that matters must be shown, too.

    What rose before the second half is as a whole no line that one could draw through it; then the
    second half tells.
    """
    half = len(times) // 2
    if not _rose(sizes, interval):
        return STEADY if _is_calm(times, high, interval, live) else TOO_EARLY
    late, error = _doubted(times.late, sizes[half:], interval)
    most = late + student(len(times) - half - 2) * error
    return PLATEAUS if _has_stopped(times, sizes, interval, most, live) else TOO_EARLY


def _has_stopped(times: Times, sizes: Sequence[int], interval: int, most: float, live: int) -> bool:
    """Whether no growth goes on in the second half that matters, for as long as it must be waited for."""
    waited = times.late.span >= _calm(times, sizes)
    return waited and _is_calm(times.late, most, interval, live)


def _is_calm(times: Times, most: float, interval: int, live: int) -> bool:
    """Whether growth by *most* bytes a second, or by what no sample showed, does not matter.

    It matters from a tenth of the *live* bytes of the process in a day.
    """
    return max(most, _unseen(times, interval)) <= _mattering(live)


def _mattering(live: int) -> float:
    """Bytes a second, from which on growth matters to a process that holds *live* bytes."""
    return _MATTERS * max(live, 0) / _DAY


def _unseen(times: Times, interval: int) -> float:
    """Bytes a second that may grow without one sample of it: what a flat line cannot exclude."""
    return _NEVER * interval / times.span


def _end_of_growth(times: Times, sizes: Sequence[int], interval: int, live: int) -> str:
    """Whether the growth of the first half went on in the second, or stopped, or cannot be told yet.

    That nothing grew there shows nothing by itself: it must be shown that less than half of the
    growth went on, and none that matters, for longer than growth paused before. What is shown to have
    slowed so, and still grows, may be filling up as well as leaking.
    """
    half = len(times) // 2
    early, early_error = _doubted(times.early, sizes[:half], interval)
    late, error = _doubted(times.late, sizes[half:], interval)
    factor = student(half - 2)
    doubt = factor * sqrt(error**2 + (_HALVED * early_error) ** 2)
    goes_on = late - _NORMAL * error > 0
    if late + doubt >= _HALVED * early:
        return LEAKS if goes_on or late >= _SLOWED * early else TOO_EARLY
    stopped = _has_stopped(times, sizes, interval, late + factor * error, live)
    return PLATEAUS if stopped and not goes_on else TOO_EARLY


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


def _deep_falls(sizes: Sequence[float], interval: int) -> int:
    """How many falls there are that sampling does not explain, if together they are like the rises."""
    legs = _legs(sizes, _noise(sizes, interval))
    rises, falls = sum(leg for leg in legs if leg > 0), -sum(leg for leg in legs if leg < 0)
    return sum(leg < 0 for leg in legs) if falls > _WAVES * rises else 0


def _noise(sizes: Sequence[float], interval: int) -> float:
    """Bytes, of which sampling alone does not move a dump."""
    return _DEEP * sqrt((interval if interval > 1 else 0) * max(*sizes, 0))


def _legs(sizes: Sequence[float], least: float) -> list[float]:
    """How far it goes up or down (negative) from turn to turn; a turn is more than *least* bytes."""
    turns, end = [sizes[0]], sizes[0]
    for size in sizes:
        up = end >= turns[-1]
        if (size - end if up else end - size) >= 0:
            end = size
        elif abs(size - end) > least:
            turns.append(end)
            end = size
    return [after - before for before, after in pairwise([*turns, end])]


def _more(
    times: Times, sizes: Sequence[int], interval: int, found: tuple[float, float], live: int
) -> int:
    """How many further dumps at the same pace tell growth from none, and outlast a pause.

    Either the slope comes to stand out of the doubt, or growth that matters is excluded.
    """
    (slope, spread), count = found, len(times)
    pace, mattering = times.span / (count - 1), _mattering(live)
    most = MOST_MORE + count
    watch = _NEVER * interval / mattering if mattering > 0 and slope <= mattering / 2 else 0.0
    if count >= _ENOUGH and (slope > spread or _rose(sizes, interval)):
        watch = 2 * max(watch, _calm(times, sizes))
    waited = ceil(min(watch / pace, most)) + 1 - count
    surer = _further(count, max(slope / 2, mattering - slope), spread)
    least = _FEW if slope > spread else _ENOUGH
    return min(max(surer, waited, least - count, 1), MOST_MORE)


def _rose(sizes: Sequence[int], interval: int) -> bool:
    """Whether all of the second half lies above the beginning, by more than sampling explains."""
    return min(sizes[len(sizes) // 2 :]) - sizes[0] > _noise(sizes, interval)


def _further(count: int, wanted: float, spread: float) -> int:
    """How many more dumps than *count* bring *spread* down to *wanted*; 0 where it is.

    The error of a slope falls with the number of dumps, to the power 0.5 (a random walk) to 1.5 (dumps
    that do not hang together).
    """
    if spread <= wanted:
        return 0
    if wanted <= 0:
        return MOST_MORE
    if spread >= wanted * (MOST_MORE + count):
        return MOST_MORE
    needed: float = count * spread / wanted
    return min(ceil(needed) - count, MOST_MORE)


def student(freedom: float) -> float:
    """Student's t for 95 % on both sides with so many degrees of *freedom*.

    Two dumps leave none, but have no scatter either: their error is of the sampling, which is known.
    """
    if freedom < 1:
        return _NORMAL
    return _STUDENT[int(freedom) - 1] if freedom < len(_STUDENT) + 1 else _NORMAL + 2.4 / freedom
