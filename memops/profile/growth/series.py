"""All dumps of a process: the live bytes of each stack over time, and which stacks grow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.growth.trend import Trend, trend

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence

    from memops.profile.growth.naming import Call, Codes, Row

_SHORTEST = 1.0  # seconds; files copied without their times seem to be written all at once


class Moment(NamedTuple):
    """One dump: its *time* (seconds since the epoch), its rows by stack, its sampling *interval*."""

    time: float
    rows: Map[Codes, Row]
    interval: int


@dataclass(frozen=True, slots=True)
class Growing:
    """A stack, leaf first, its live bytes in each dump of the series, and its trend."""

    calls: tuple[Call, ...]
    sizes: tuple[int, ...]
    trend: Trend


@dataclass(frozen=True, slots=True)
class Series:
    """The dumps at *times* (seconds since the epoch), and all stacks by the low end of their trend.

    *whole* is the trend of everything together.
    """

    times: tuple[float, ...]
    whole: Trend
    stacks: tuple[Growing, ...]


def series(moments: Sequence[Moment], calls: Sequence[Call]) -> Series | None:
    """The series of *moments*; None for a single one, or if their times do not tell their order.

    Of dumps in the same moment (some file systems know only seconds) the last one counts.
    """
    moments = list({moment.time: moment for moment in moments}.values())
    times = tuple(moment.time for moment in moments)
    ordered = all(earlier < later for earlier, later in pairwise(times))
    if len(times) < 2 or not ordered or times[-1] - times[0] < _SHORTEST:  # noqa: PLR2004 - a pair
        return None
    interval = max(moment.interval for moment in moments)
    stacks = dict.fromkeys(codes for moment in moments for codes in moment.rows)
    found = [_growing(codes, moments, calls, times, interval) for codes in stacks]
    totals = [sum(row[0] for row in moment.rows.values()) for moment in moments]
    ranked = sorted(found, key=lambda each: (-each.trend.low, -each.trend.slope, each.calls))
    return Series(times, trend(times, totals, interval), tuple(ranked))


def _growing(
    codes: Codes,
    moments: Sequence[Moment],
    calls: Sequence[Call],
    times: Sequence[float],
    interval: int,
) -> Growing:
    sizes = tuple([rows[codes][0] if codes in rows else 0 for _, rows, _ in moments])
    return Growing(tuple([calls[code] for code in codes]), sizes, trend(times, sizes, interval))
