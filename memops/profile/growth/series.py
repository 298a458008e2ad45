"""All dumps of a process: the live bytes of each stack over time, and which stacks grow.

However many dumps there are, no more than `MOST` moments are kept: when they become more, neighbours
are averaged. So memory grows with the number of different stacks, not with that of the dumps.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.growth.trend import Times, Trend, trend

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence

    from memops.profile.growth.naming import Call, Codes, Row

MOST = 64
"""Moments of a series: a slope through more is hardly any surer."""
RANKED = 1000
"""Stacks of which the trend is found: those that changed the most."""
_SHORTEST = 1.0  # seconds; files copied without their times seem to be written all at once


class Growing(NamedTuple):
    """A stack, leaf first, its live bytes at each moment of the series, and its trend.

    Its *codes* are indices into *words*.
    """

    codes: Codes
    words: Sequence[Call]
    sizes: tuple[int, ...]
    trend: Trend

    @property
    def calls(self) -> tuple[Call, ...]:
        """The functions of the stack, the leaf first."""
        return tuple(map(self.words.__getitem__, self.codes))


class Series(NamedTuple):
    """The moments at *times* (seconds since the epoch), and stacks by the low end of their trend.

    *dumps* are all that were read; *whole* is the trend of everything together, and *sizes* its live
    bytes; *interval* is the sampling interval in bytes.
    """

    times: tuple[float, ...]
    sizes: tuple[int, ...]
    whole: Trend
    stacks: tuple[Growing, ...]
    dumps: int
    interval: int


class Track:
    """The series while it grows: the dumps are added in the order of their writing."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.stacks: dict[Codes, list[float]] = {}
        self.dumps, self.interval, self.live = 0, 1, 0
        self.ordered = True
        self._first: tuple[float, Map[Codes, Row]] | None = None
        self._weight = 1  # dumps in a moment that is full
        self._filled = 0  # dumps in the last moment

    def add(self, time: float, rows: Map[Codes, Row], interval: int, live: int) -> None:
        """Add the *rows* of a dump of *time* (seconds since the epoch), of a process with *live* bytes.

        Of dumps in the same moment (some file systems know only seconds) the last one counts. Dumps
        whose times are not in their order make it no series.
        """
        self.dumps += 1
        self.interval, self.live = max(self.interval, interval), live
        if self.dumps == 1:
            self._first = (time, rows)  # most profiles stay alone, and the largest are among them
            return
        if self._first:
            self._add(*self._first)
            self._first = None
        self._add(time, rows)

    def _add(self, time: float, rows: Map[Codes, Row]) -> None:
        again = bool(self.times) and time == self.times[-1] and self._filled == 1
        self.ordered &= not self.times or time >= self.times[-1]
        if again:
            self._take_back()
        if self._filled in {0, self._weight}:
            self._open()
        self._put(time, rows)

    def _take_back(self) -> None:
        for sizes in self.stacks.values():
            sizes.pop()
        self.times.pop()
        self._filled = 0

    def _open(self) -> None:
        """Begin a new moment, at nothing."""
        if len(self.times) == MOST:
            self._halve()
        self.times.append(0.0)
        for sizes in self.stacks.values():
            sizes.append(0.0)
        self._filled = 0

    def _halve(self) -> None:
        """Average each moment with its neighbour."""
        self._weight *= 2
        self.times = _pairs(self.times)
        for codes, sizes in self.stacks.items():
            self.stacks[codes] = _pairs(sizes)

    def _put(self, time: float, rows: Map[Codes, Row]) -> None:
        """Average a dump into the last moment."""
        share = 1 / (self._filled + 1)
        rest, count = 1 - share, len(self.times)
        self._filled += 1
        self.times[-1] = self.times[-1] * rest + time * share
        if rest:
            for sizes in self.stacks.values():
                sizes[-1] *= rest
        for codes, row in rows.items():
            if codes not in self.stacks:
                self.stacks[codes] = [0.0] * count
            self.stacks[codes][-1] += row[0] * share

    def series(self, words: Sequence[Call]) -> Series | None:
        """What the dumps tell; None for a single one, or if their times do not tell their order."""
        times = tuple(self.times)
        if len(times) < 2 or not self.ordered or times[-1] - times[0] < _SHORTEST:  # noqa: PLR2004 - a pair
            return None
        grid = Times(times)
        found = [
            Growing(codes, words, sizes, trend(grid, sizes, self.interval, self.live))
            for codes, sizes in self._most_changed()
        ]
        ranked = sorted(found, key=lambda each: (-each.trend.low, -each.trend.slope, each.calls))
        totals = tuple(round(sum(at)) for at in zip(*self.stacks.values(), strict=True))
        totals = totals or (0,) * len(times)
        whole = trend(grid, totals, self.interval, self.live)
        return Series(times, totals, whole, tuple(ranked), self.dumps, self.interval)

    def _most_changed(self) -> list[tuple[Codes, tuple[int, ...]]]:
        """At most `RANKED` stacks and their sizes: those whose last third differs most from the first."""
        third = max(len(self.times) // 3, 1)
        chosen = heapq.nlargest(
            RANKED,
            self.stacks.items(),
            key=lambda item: abs(sum(item[1][-third:]) - sum(item[1][:third])),
        )
        return [(codes, tuple(map(round, sizes))) for codes, sizes in chosen]


def _pairs(values: list[float]) -> list[float]:
    return [(one + other) / 2 for one, other in zip(values[::2], values[1::2], strict=True)]
