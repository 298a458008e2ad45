"""Which dumps of a series count: those written in a window of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

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
    before the newest dump (``2h``).
    """

    since: str | None = None
    until: str | None = None


def within(
    window: Window, files: Sequence[DumpFile], time_of: Callable[[Path], float]
) -> list[DumpFile]:
    """Those of *files* that were written in *window*, by *time_of* (seconds since the epoch).

    Raises `UsageError` where that leaves none, or where a time cannot be understood.
    """
    times = [time_of(each.path) for each in files]
    newest = max(times)
    since, until = (_moment(text, newest, name) for text, name in (
        (window.since, "--since"), (window.until, "--until")))  # fmt: skip
    kept = [
        each
        for each, time in zip(files, times, strict=True)
        if (since is None or since <= time) and (until is None or time <= until)
    ]
    if not kept:
        span = format_duration(newest - min(times))
        what = f"none of {len(files)} dumps was written then"
        raise UsageError("--since, --until", what, f"they span {span}, and end at {_iso(newest)}")
    return kept


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
