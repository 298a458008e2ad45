"""Growth rates for people: how much an hour, between what bounds, of which function."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from memops.report.safe import printable
from memops.report.text import clip, short_module
from memops.units import format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from memops.profile.fleet.rates import Rate
    from memops.profile.growth.naming import Call

_HOUR = 3600
_REASONS = 2
_SHORT = 300  # seconds of dumps, below which rates are by the minute


class Pace(NamedTuple):
    """How rates are told: by so many *seconds*, which have a *name*, in a *unit* of `UNITS`."""

    seconds: int
    name: str
    unit: str = "auto"

    def size(self, size: float) -> str:
        """*size* bytes: ``4.8 MiB``."""
        return format_size(size, self.unit)

    def signed(self, rate: float) -> str:
        """Bytes a second with their sign: ``+4.8 MiB``."""
        told = self.size(self.seconds * rate)
        return told if told.startswith("-") else f"+{told}"

    def mean(self, rate: Rate | None) -> str:
        """How much it grows; a dash where that is not known."""
        return self.signed(rate.mean) if rate else "-"

    def bounds(self, rate: Rate | None) -> str:
        """Between what the truth lies with 95 %: ``4.3 MiB .. 5.4 MiB``."""
        if rate is None:
            return ""
        return " .. ".join(self.size(self.seconds * each) for each in (rate.low, rate.high))


def pace_of(rates: Iterable[Rate | None], unit: str = "auto") -> Pace:
    """How to tell *rates*: by the hour, or by the minute where dumps span less."""
    longest = max((each.seconds for each in rates if each), default=_HOUR)
    return Pace(_HOUR, "an hour", unit) if longest >= _SHORT else Pace(60, "a minute", unit)


def called(calls: Sequence[Call]) -> str:
    """A function and its caller in a sentence: ``libz inflate called from Inflater_inflate``."""
    if not calls:
        return "everything together"
    library = short_module(calls[0])
    head = calls[0].function if calls[0].reason else f"{library} {calls[0].function}".lstrip()
    return printable(f"{head} called from {calls[1].function}" if calls[1:] else head)


def pair(calls: Sequence[Call]) -> str:
    """A function and its caller in a table: ``inflate < Inflater_inflate``."""
    return " < ".join(call.function for call in calls) or "everything together"


def moment(time: float) -> str:
    """*time* (seconds since the epoch) as ``--since`` takes it: ``2026-11-23T20:00Z``.

    A host may tell a time that no calendar has: that stays a number.
    """
    try:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%MZ}"
    except (ValueError, OverflowError, OSError):
        return f"{time:.0f}"


def columns(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """*rows* below each other, all columns but the last one to the right, in *width* columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.rjust(size) for cell, size in zip(row[:-1], widths[:-1], strict=True)]
        lines.append(clip("  ".join([*cells, row[-1]]).rstrip(), width))
    return lines


def notes(found: Iterable[str], width: int) -> list[str]:
    """What the reader must know."""
    return [clip(f"note: {each}", width) for each in found]


def nameless(rows: Iterable[Sequence[Call]]) -> Iterator[str]:
    """That the functions of *rows* which have no name cannot be compared everywhere, if so."""
    reasons = dict.fromkeys(call.reason for calls in rows for call in calls if call.reason)
    if reasons:
        why = ", ".join(list(reasons)[:_REASONS])
        yield f"unnamed functions are only the same in one build ({why}); give --symbols"


def paragraphs(blocks: Iterable[Sequence[str]]) -> str:
    """*blocks* of lines with an empty line between them; empty blocks are left out."""
    return "\n".join("\n".join(block) + "\n" for block in blocks if block)
