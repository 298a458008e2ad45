"""The connections of a run: one for each host, made when first needed, closed together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from memops.model.host import Host
    from memops.transport.base import Connection

    Connect = Callable[[Host], Connection]


class Connections:
    """Hands out the connection of a host; one host is only ever used by one thread at a time."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._lock = Lock()
        self._open: dict[str, Connection] = {}

    def to(self, host: Host) -> Connection:
        """The connection to *host*, made now if there is none; raises `Unreachable`."""
        with self._lock:
            known = self._open.get(host.name)
        if known is not None:
            return known
        made = self._connect(host)
        with self._lock:
            self._open[host.name] = made
        return made

    def drop(self, host: Host) -> None:
        """Forget a connection that was lost, so that the next use makes a new one."""
        with self._lock:
            lost = self._open.pop(host.name, None)
        if lost is not None:
            lost.close()

    def close(self) -> None:
        """Close all of them, side by side: a dead one may take its time."""
        with self._lock:
            open_now = list(self._open.values())
            self._open.clear()
        if open_now:
            with ThreadPoolExecutor(min(32, len(open_now))) as pool:
                list(pool.map(lambda each: each.close(), open_now))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
