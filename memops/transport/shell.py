"""One long-lived ``sh`` on a host, over any duplex stream of bytes: batches in, frames out."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from memops.errors import Unreachable
from memops.transport import script
from memops.transport.batch import SETUP, render
from memops.transport.frames import Splitter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from memops.transport.script import Call

PATIENCE = 120.0
"""Seconds of silence, beyond what a command may take, after which a host counts as lost."""

_CHECK_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class Received:
    """What one step of a stream brought: bytes sent, standard output, standard error, the end."""

    sent: int = 0
    out: bytes = b""
    err: bytes = b""
    ended: bool = False


class Stream(Protocol):
    """The two-way stream of one command on a host."""

    def step(self, outgoing: memoryview, timeout: float) -> Received:
        """Send what can be sent of *outgoing*, and receive what is there within *timeout* seconds."""
        ...

    def check(self) -> None:
        """Raise `Unreachable` where the other end no longer answers; bounded in time."""
        ...

    def close(self) -> None:
        """Give the stream up; what runs at its end is not killed by that."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that item *index* printed, on standard error where *err*."""

    index: int
    content: bytes
    err: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """Item *index* ended with the exit code *rc*."""

    index: int
    rc: int


class Lost(Unreachable):
    """The host was there, and is not any more: what was under way may or may not have been done."""


class Shell:
    """Speaks with one shell; *greet* opens its stream, past any password, up to the shell's hello."""

    def __init__(self, host: str, greet: Callable[[], tuple[Stream, int]]) -> None:
        self._host = host
        self._greet = greet
        self._stream: Stream | None = None
        self._pid = 0
        self._busy = False

    def converse(
        self, calls: Sequence[Call], *, until_failure: bool = False, feed: str = ""
    ) -> Generator[Piece | Ended]:
        """Run *calls* as one batch and tell what each printed and how it ended, as it comes.

        *feed* is a command that runs beside them all and whose output is their standard input.
        Left early, what still runs is killed. Raises `Unreachable` when the host is lost.
        """
        nonce = secrets.token_hex(16)
        stream = self._open()
        self._busy = True
        try:
            yield from _Batch(self._host, stream, nonce, calls).run(
                render(nonce, calls, until_failure=until_failure, feed=feed)
            )
            self._busy = False
        except Unreachable:
            self._drop()
            raise
        finally:
            if self._busy:
                self.kill()

    def kill(self) -> None:
        """End the shell and everything below it, through a second shell; the first one is busy.

        The killing comes before the closing: a shell that ends by itself leaves orphans behind.
        """
        if self._stream is not None and self._busy:
            with suppress(Unreachable):
                self._kill_from_beside()
        self._drop()

    def _kill_from_beside(self) -> None:
        other = Shell(self._host, self._greet)
        calls = [script.Call(f'memops_kill KILL "$(memops_tree {self._pid})"')]
        nonce = secrets.token_hex(16)
        try:
            batch = _Batch(self._host, other._open(), nonce, calls)
            for _ in batch.run(render(nonce, calls, until_failure=False, feed="")):
                pass
        finally:
            other._drop()

    def _open(self) -> Stream:
        if self._stream is None:
            self._stream, self._pid = self._greet()
            _send_all(self._host, self._stream, SETUP)
        return self._stream

    def _drop(self) -> None:
        stream, self._stream, self._busy = self._stream, None, False
        if stream is not None:
            stream.close()


class _Batch:
    """One batch under way."""

    def __init__(self, host: str, stream: Stream, nonce: str, calls: Sequence[Call]) -> None:
        self._host = host
        self._stream = stream
        self._calls = calls
        self._splitters = (Splitter(nonce), Splitter(nonce))
        self._at = [-1, -1]
        self._rcs: list[int] = []
        self._done = [False, False]
        self._patience = PATIENCE + max((call.seconds for call in calls), default=0.0)
        self._pending: Iterator[bytes] = iter(())

    def run(self, text: bytes) -> Iterator[Piece | Ended]:
        outgoing, heard = memoryview(text), time.monotonic()
        checked = heard
        while not all(self._done):
            if not outgoing:
                outgoing = memoryview(next(self._pending, b""))
            got = self._stream.step(outgoing, 1.0)
            outgoing, now = outgoing[got.sent :], time.monotonic()
            yield from self._split(0, got.out)
            yield from self._split(1, got.err)
            if got.out or got.err or got.sent:
                heard = checked = now
            elif got.ended:
                raise Lost(
                    self._host, "the connection ended in the middle of a command", "run again"
                )
            elif now - heard > self._patience:
                raise Lost(self._host, f"silent for {now - heard:.0f} s", "see what hangs there")
            elif now - checked > _CHECK_EVERY:
                self._stream.check()
                checked = now

    def _split(self, side: int, chunk: bytes) -> Iterator[Piece | Ended]:
        for part in self._splitters[side].feed(chunk) if chunk else ():
            if isinstance(part, bytes):
                yield Piece(self._at[side], part, err=side == 1)
            elif part == "want":
                content = self._calls[self._at[side]].payload
                self._pending = script.payload(content if content is not None else b"")
            elif part == "end":
                self._done[side] = True
            else:
                yield from self._ended(side, part)

    def _ended(self, side: int, word: str) -> Iterator[Ended]:
        """An item is over once both of its streams say so."""
        index = self._at[side]
        self._at[side] += 1
        if word != "begin" and self._at[side] <= self._at[1 - side]:
            yield Ended(index, int(word))


def _send_all(host: str, stream: Stream, content: bytes) -> None:
    outgoing, started = memoryview(content), time.monotonic()
    while outgoing:
        outgoing = outgoing[stream.step(outgoing, 0.0).sent :]
        if time.monotonic() - started > PATIENCE:
            raise Lost(host, "takes no more bytes", "see what hangs there")
