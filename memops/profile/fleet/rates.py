"""Growth rates with their errors, over several lives and hosts.

The lives of a window are pooled by their length, not by how sure each is: the sampling variance of a
rate grows with the rate itself, so weights of the inverse variance favour lives that by chance look
slow, and what is asked for is the growth of the whole time anyway.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.growth.trend import MOST_MORE, fit, student

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from memops.profile.growth.trend import Times

_CERTAIN = 1e9  # degrees of freedom of an error that is known rather than measured


class Rate(NamedTuple):
    """Growth in bytes a second, measured over so many *seconds* with so many *dumps*.

    *variance* is that of *mean*, known with *freedom* degrees of freedom; so much of it as is
    *sampled* is the error of the sampling, which falls the slower with further dumps.
    """

    mean: float
    variance: float
    freedom: float
    seconds: float
    dumps: int
    sampled: float = 0.0

    @property
    def spread(self) -> float:
        """How far from the mean the truth lies at most, with 95 %."""
        return student(self.freedom) * sqrt(self.variance)

    @property
    def low(self) -> float:
        """The low end of the interval that holds the truth with 95 %."""
        return self.mean - self.spread

    @property
    def high(self) -> float:
        """The high end of it."""
        return self.mean + self.spread


def rate(times: Times, sizes: Sequence[int], interval: int) -> Rate:
    """The rate of one life, of which *sizes* were live at *times* (sampled at *interval* bytes).

    What was never sampled may be there all the same: about one *interval* of it.
    """
    slope, error = fit(times, sizes, interval)
    sampling = interval if interval > 1 else 0
    unseen = (sampling / times.span) ** 2
    sampled = sampling * abs(sizes[-1] - sizes[0]) / times.span**2 + unseen
    freedom = len(times) - 2 or _CERTAIN
    variance = error**2 + unseen
    return Rate(slope, variance, freedom, times.span, len(times), min(sampled, variance))


def pooled(lives: Sequence[Rate]) -> Rate:
    """The rate of a host over all the time in which dumps of its *lives*, at least one, tell."""
    seconds = sum(each.seconds for each in lives)
    shares = [(each.seconds / seconds, each) for each in lives]
    mean = sum(share * each.mean for share, each in shares)
    variance, freedom = _error((share**2 * each.variance, each.freedom) for share, each in shares)
    sampled = sum(share**2 * each.sampled for share, each in shares)
    return Rate(mean, variance, freedom, seconds, sum(each.dumps for each in lives), sampled)


def total(hosts: Sequence[Rate]) -> Rate:
    """What all *hosts* together grow by."""
    variance, freedom = _error((each.variance, each.freedom) for each in hosts)
    return Rate(
        sum(each.mean for each in hosts),
        variance,
        freedom,
        sum(each.seconds for each in hosts),
        sum(each.dumps for each in hosts),
        sum(each.sampled for each in hosts),
    )


def difference(before: Rate, after: Rate) -> Rate:
    """How much faster *after* is than *before*."""
    return total([after, before._replace(mean=-before.mean)])


def further(found: Rate, wanted: float) -> int:
    """How many more dumps at the same pace bring the spread of *found* down to *wanted*.

    The variance of the scatter about the line falls with the third power of their number, that of
    the sampling with the first. At most `MOST_MORE`.
    """
    for more in range(MOST_MORE):
        scale = 1 + more / found.dumps
        scatter, sampled = (found.variance - found.sampled) / scale**3, found.sampled / scale
        if student(found.freedom + more) * sqrt(scatter + sampled) <= wanted:
            return more
    return MOST_MORE


def _error(parts: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """The variance of a sum of (variance, freedom), and its freedom (Welch and Satterthwaite)."""
    known = list(parts)
    variance = sum(each for each, _ in known)
    doubt = sum(each**2 / freedom for each, freedom in known)
    return variance, min(variance**2 / doubt, _CERTAIN) if doubt > 0 else _CERTAIN
