"""Which files of a series count: those written in a window of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from memops.errors import UsageError
from memops.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from memops.profile.heap.files import DumpFile


@dataclass(frozen=True, slots=True)
class Window:
    """From *since* to *until*, both included.

    Each is a time (``2026-11-23T20:00``, of this machine's zone unless it says another) or a duration
    before the newest dump (``2h``). *name* is the option that says so, empty for one for each end.
    """

    since: str | None = None
    until: str | None = None
    name: str = ""


class Span(NamedTuple):
    """From *since* to *until* in seconds since the epoch, both included; None: without that end."""

    since: float | None = None
    until: float | None = None

    def holds(self, time: float) -> bool:
        """Whether *time* lies in it."""
        return (self.since is None or self.since <= time) and (
            self.until is None or time <= self.until
        )


def parse_range(text: str, name: str) -> Window:
    """The window that *text* of the option *name* says: ``T1..T2``, ``T1..``, ``..T2``, or ``2h``.

    T1 and T2 are what a `Window` knows, ``2h`` alone the last two hours. Raises `UsageError`.
    """
    since, dots, until = text.partition("..")
    ends = [each.strip() or None for each in (since, until)]
    if not any(ends) or (not dots and "-" in since):
        remedy = "write T1..T2, T1.., ..T2 or 2h: 6h..2h, 2026-11-23T20:00..2026-11-23T22:00"
        raise UsageError(name, f"{text!r} is no window of time", remedy)
    for each in ends:
        _moment(each, 0, name)
    return Window(ends[0], ends[1], name)


def within(
    window: Window, files: Sequence[DumpFile], time_of: Callable[[Path], float]
) -> list[DumpFile]:
    """Those of *files* that were written in *window*, by *time_of* (seconds since the epoch).

    Raises `UsageError` where that leaves none, or where a time cannot be understood.
    """
    times = [time_of(each.path) for each in files]
    span = resolved(window, max(times))
    kept = [each for each, time in zip(files, times, strict=True) if span.holds(time)]
    if not kept:
        raise nothing_then(window, times, "dumps was written")
    return kept


def resolved(window: Window | None, newest: float) -> Span:
    """What *window* is, if its durations are before *newest*; all times if there is no window.

    Raises `UsageError` where a time cannot be understood, or the end comes first.
    """
    if window is None:
        return Span()
    span = Span(
        _moment(window.since, newest, window.name or "--since"),
        _moment(window.until, newest, window.name or "--until"),
    )
    if span.since is not None and span.until is not None and span.since > span.until:
        raise UsageError(_named(window), "it ends before it begins", "write the earlier time first")
    return span


def nothing_then(window: Window, times: Sequence[float], what: str) -> UsageError:
    """The error that none of files of *times* is in *window*; *what* they are: ``dumps was written``."""
    over = format_duration(max(times) - min(times))
    said = f"none of {len(times)} {what} then"
    return UsageError(_named(window), said, f"they span {over}, and end at {_iso(max(times))}")


def _named(window: Window) -> str:
    return window.name or "--since, --until"


def _moment(text: str | None, newest: float, name: str) -> float | None:
    if text is None:
        return None
    try:
        return (
            datetime.fromisoformat(text).timestamp()
            if "-" in text
            else newest - parse_duration(text)
        )
    except (ValueError, OverflowError, UsageError):
        remedy = "write 2h (before the newest dump) or 2026-11-23T20:00"
        raise UsageError(name, f"{text!r} is neither a duration nor a time", remedy) from None


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time).astimezone().isoformat(timespec="seconds")
