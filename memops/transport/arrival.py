"""One file on its way home: written beside its place, synced while it comes, then named."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memops.model.action import Output
from memops.transport.digests import Digests

if TYPE_CHECKING:
    from pathlib import Path

    from memops.model.action import Run

_AHEAD = 16 << 20
"""Bytes of one file after which the disk begins to take them, while the rest is still on its way."""


@dataclass(slots=True)
class Arrival:
    """One file on its way home: *source* there, *into* here."""

    source: str | Run
    into: Path
    done: int = 0  # bytes that lie here already
    error: bytes = b""
    rc: int = 0
    descriptor: int = -1
    unsynced: int = 0
    syncing: Future[None] | None = None
    digests: Digests = field(default_factory=Digests)

    @property
    def part(self) -> Path:
        """Where the bytes lie until all are here."""
        return self.into.with_name(f"{self.into.name}.part")

    def open(self) -> None:
        """Make the partial file, or go on with the bytes it has."""
        self.into.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self.descriptor = os.open(self.part, flags, 0o600)
        os.ftruncate(self.descriptor, self.done)
        os.lseek(self.descriptor, self.done, os.SEEK_SET)

    def write(
        self, content: bytes, pool: ThreadPoolExecutor | None = None, *, blake2b: bool = False
    ) -> None:
        """Take *content*, and make its BLAKE2b too where the host makes that.

        What is large is hashed by a thread of *pool*.
        """
        if self.descriptor < 0:
            self.open()
        self.digests.update(content, pool, blake2b=blake2b)
        left = memoryview(content)
        while left:
            left = left[os.write(self.descriptor, left) :]
        self.unsynced += len(content)

    def sync(self, pool: ThreadPoolExecutor, *, ahead: int = _AHEAD) -> None:
        """Have the disk take what has come, where that is *ahead* bytes or more; not waited for.

        An error of the disk is told once only, so it is kept for `keep`.
        """
        if self.unsynced < ahead or not self._synced():
            return
        self.unsynced = 0
        self.syncing = pool.submit(os.fdatasync, self.descriptor)

    def _synced(self) -> bool:
        """Whether nothing is being synced any more, and nothing went wrong."""
        return self.syncing is None or (self.syncing.done() and self.syncing.exception() is None)

    def discard(self) -> None:
        """Nothing of this file is kept."""
        self.shut()
        self.part.unlink(missing_ok=True)
        self.digests.settle()
        self.done, self.digests = 0, Digests()

    def shut(self) -> None:
        """Close the file; nothing is being synced after that."""
        if self.syncing is not None:
            wait([self.syncing])
        self.syncing, self.unsynced = None, 0
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1

    def keep(self) -> None:
        """The whole file is here: sync it and give it its name."""
        if self.descriptor < 0:
            self.open()
        if self.syncing is not None:
            self.syncing.result()
        os.fsync(self.descriptor)
        self.shut()
        os.replace(self.part, self.into)  # noqa: PTH105  (one call, beside os.fsync)

    def output(self) -> Output:
        """The sha256 of what came, or what went wrong."""
        if self.rc == 0:
            return Output(0, self.digests.sha256.encode())
        return Output(self.rc, b"", self.error)
