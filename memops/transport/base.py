"""What every transport is: a session on one host, as one user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from memops.model.action import Action, Look, Output, Run
    from memops.model.host import Become


class Session(Protocol):
    """One long-lived shell on one host as one user. Not shared between threads."""

    @property
    def host(self) -> str:
        """The host's name in the inventory."""
        ...

    @property
    def run_dir(self) -> str | None:
        """Where `Saved` bytes lie on the host (``originals/<sha256>`` below it)."""
        ...

    def look(self, looks: Sequence[Look]) -> tuple[Output, ...]:
        """Make all *looks*, in one round trip; one output each, in order.

        A look that fails is an output with its exit code, never an error here; only a lost
        connection raises `Unreachable`.
        """
        ...

    def act(self, actions: Sequence[Action]) -> tuple[Output, ...]:
        """Do *actions* in order, in one round trip, until one fails: the outputs of those begun.

        The last output tells a failure by an exit code that is not 0 (or not in ``Run.ok``).
        """
        ...

    def save(self, path: str, sha256: str) -> Action:
        """The action that copies *path*, as it is now, to ``originals/<sha256>`` of `run_dir`."""
        ...

    def stream(self, look: Look, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
        """The standard output of one look, as it comes, in constant memory.

        Raises `StepFailed` at the end when the exit code says so.
        """
        ...

    def fetch(
        self,
        files: Iterable[tuple[str | Run, Path]],
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Output, ...]:
        """Bring files home: (source as in `Fetch`, path here) pairs, streamed, in constant memory.

        Each is written beside its place, checked against a sha256 taken on the host, fsynced and
        renamed; a partial file is resumed. One output each, in order: rc 0 and the sha256 (hex) as
        stdout, or the exit code and what went wrong as stderr. *progress* hears the bytes received.
        What has no size of its own (``/proc``, a `Run`) is one stream, hashed as it goes.
        """
        ...


class Connection(Protocol):
    """One connection to one host; sessions on it share the connection."""

    def session(self, become: Become | None = None, *, run_dir: str | None = None) -> Session:
        """The session as the login user, or as *become* says; made once for each."""
        ...

    def close(self) -> None:
        """End all sessions and the connection; what still runs on the host is killed."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
