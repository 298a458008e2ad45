"""The digests of a file that is on its way, made while more of it comes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_PORTION = 1 << 20
"""Bytes that are hashed in one go: hashlib lets other threads work meanwhile."""


class Digests:
    """The sha256 of what came, and its BLAKE2b where that is asked for.

    Of a large file a portion is hashed by a thread of a pool while the next one arrives, never more
    than one at a time, so that no more than two are in memory.
    """

    def __init__(self) -> None:
        self._sha256, self._blake2b = hashlib.sha256(), hashlib.blake2b()
        self._coming: list[bytes] = []
        self._size = 0
        self._hashing: Future[None] | None = None
        self._both = False

    def update(self, content: bytes, pool: ThreadPoolExecutor | None, *, blake2b: bool) -> None:
        """Take *content* in; *blake2b* is the same for all of a file."""
        self._both = blake2b
        self._coming.append(content)
        self._size += len(content)
        if pool is not None and self._size >= _PORTION:
            self._wait()
            self._hashing = pool.submit(self._hash, self._taken())

    @property
    def sha256(self) -> str:
        """The sha256 in hexadecimal."""
        self.settle()
        return self._sha256.hexdigest()

    @property
    def blake2b(self) -> str:
        """The BLAKE2b of 512 bits in hexadecimal."""
        self.settle()
        return self._blake2b.hexdigest()

    def settle(self) -> None:
        """Hash what came; nothing is being hashed after that."""
        self._wait()
        self._hash(self._taken())

    def _wait(self) -> None:
        if self._hashing is not None:
            self._hashing.result()
            self._hashing = None

    def _taken(self) -> list[bytes]:
        coming, self._coming, self._size = self._coming, [], 0
        return coming

    def _hash(self, portion: list[bytes]) -> None:
        content = b"".join(
            portion
        )  # in one go, for after each the other threads must be waited for
        self._sha256.update(content)
        if self._both:
            self._blake2b.update(content)
