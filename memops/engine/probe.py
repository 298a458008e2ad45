"""The reader of one host's facts, and the memory that spares it round trips."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from memops.model.action import Output, Stat
from memops.model.entry import format_stat, parse_stat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from memops.model.action import Action, Look, Run
    from memops.model.step import Query
    from memops.transport.base import Session

T = TypeVar("T")


class Reader:
    """A `memops.model.step.Probe` that looks at *session* whenever it is asked."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, query: Query[T], /) -> T:
        """What *query* says of this host."""
        return query.parse(self._session.look(query.looks))

    def prefetch(self, *queries: Query[Any]) -> None:
        """Make the looks of all *queries* in one round trip (`Remembering` keeps the answers)."""
        self._session.look([look for query in queries for look in query.looks])


class Remembering:
    """A session that makes each look once, until something is done to the host."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._outputs: dict[Look, Output] = {}

    @property
    def host(self) -> str:
        """The host's name in the inventory."""
        return self._session.host

    @property
    def run_dir(self) -> str | None:
        """The run directory of the session below."""
        return self._session.run_dir

    def look(self, looks: Sequence[Look]) -> tuple[Output, ...]:
        """The answers to *looks*; those not known yet are asked for in one round trip."""
        self._outputs.update(self._implied(looks))
        missing = [look for look in dict.fromkeys(looks) if look not in self._outputs]
        if missing:
            self._outputs.update(zip(missing, self._session.look(missing), strict=True))
        return tuple(self._outputs[look] for look in looks)

    def _implied(self, looks: Sequence[Look]) -> Iterator[tuple[Look, Output]]:
        """The answers that those with a digest hold."""
        for look in looks:
            if isinstance(look, Stat) and look not in self._outputs:
                known = self._outputs.get(replace(look, digest=True))
                entry = parse_stat(known) if known is not None else None
                if entry is not None:
                    yield look, Output(0, format_stat(replace(entry, sha256="")))
                elif known is not None:
                    yield look, known

    def act(self, actions: Sequence[Action]) -> tuple[Output, ...]:
        """Do *actions*; whatever was known is known no more."""
        self.forget()
        return self._session.act(actions)

    def save(self, path: str, sha256: str) -> Action:
        """As the session below."""
        return self._session.save(path, sha256)

    def stream(self, look: Look, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
        """As the session below."""
        return self._session.stream(look, progress)

    def fetch(
        self, files: Iterable[tuple[str | Run, Path]], progress: Callable[[int], None] | None = None
    ) -> tuple[Output, ...]:
        """As the session below."""
        return self._session.fetch(files, progress)

    def forget(self) -> None:
        """The host has changed, or time has passed: look again."""
        self._outputs.clear()
