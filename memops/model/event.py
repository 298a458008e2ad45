"""What happens in a run, as values for a ``sink(event)``: terminal, JSON lines, journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from memops.model.step import Change

Outcome = Literal["ok", "changed", "skipped", "failed", "unreachable", "rolledback", "ignored"]


@dataclass(frozen=True, slots=True)
class PlayStarted:
    """A play begins on *hosts*."""

    play: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WaveStarted:
    """Wave *number* of *total* begins on *hosts*."""

    number: int
    total: int
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A change on a host, about to be made (or, in a check, that would be made)."""

    host: str
    task: str
    change: Change
    undoable: bool = True


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A task ended on a host; *detail* is a line for people."""

    host: str
    task: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something over a second has come: *done* of *total* (0: unknown) in *unit*."""

    host: str
    what: str
    done: int = 0
    total: int = 0
    unit: Literal["bytes", "steps", "lines", "seconds", ""] = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a line: a rounded value, a skipped file, a warning."""

    host: str
    text: str
    level: Literal["info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class HostEnded:
    """All that a host's recap line says."""

    host: str
    ok: int = 0
    changed: int = 0
    unreachable: int = 0
    failed: int = 0
    skipped: int = 0
    rescued: int = 0
    ignored: int = 0
    rolledback: int = 0


Event = PlayStarted | WaveStarted | Planned | TaskEnded | Progress | Note | HostEnded
Sink = Callable[[Event], None]
