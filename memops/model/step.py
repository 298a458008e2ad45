"""Queries, changes and steps: what a task reads, what it says, and what it does.

A task is a pure function from facts to steps, and a step is a value that knows its own inverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from memops.model.action import Action, Look, Output

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A fact: how to look, and how to understand the answers (one for each look, in order)."""

    looks: tuple[Look, ...]
    parse: Callable[[tuple[Output, ...]], T]


class Probe(Protocol):
    """The reader of one host's facts; a look is made once until the host is changed."""

    def __call__(self, query: Query[T], /) -> T:
        """What *query* says of this host."""
        ...

    def prefetch(self, *queries: Query[Any]) -> None:
        """Make the looks of all *queries* in one round trip."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """What differs, for people: *before* and *after* are texts; None means absent.

    Texts are shown as a unified diff when they have several lines. Never put whole binary files or
    secrets here.
    """

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class NoUndo:
    """An admission, shown in the plan: this step has no inverse, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """One move: what it changes, what it does, and what undoes it. *undo* has no default.

    The undo must be idempotent, and harmless where the step was never done.
    """

    change: Change
    do: Action
    undo: Action | NoUndo
