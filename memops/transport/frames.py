"""Frames: how the answers of many commands travel on one stream without ever being confused.

A frame is a line of its own: the nonce of the batch (128 random bits, which no command has ever
seen, because it lives in an unexported variable of the shell) and a word. What stands before the
first frame of a batch (a banner, the noise of a profile, late words of an earlier command) belongs
to nobody and is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Splitter:
    """Cuts one stream into contents (`bytes`) and the words of frames (`str`), in their order."""

    def __init__(self, nonce: str) -> None:
        self._mark = f"\n{nonce} ".encode()
        self._held = bytearray(b"\n")
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes | str]:
        """What *chunk* completes; a possible beginning of a frame is held back until it is sure."""
        if (
            chunk
            and self._begun
            and not self._held
            and self._mark not in chunk
            and self._sure(chunk) == len(chunk)
        ):
            yield chunk  # by far the most of a large content: not copied
            return
        self._held += chunk
        while (at := self._held.find(self._mark)) >= 0:
            end = self._held.find(b"\n", at + len(self._mark))
            if end < 0:
                yield from self._content(at)
                return
            word = bytes(self._held[at + len(self._mark) : end]).decode("ascii", "replace")
            yield from self._content(at)
            del self._held[: len(self._mark) + len(word) + 1]
            self._begun = True
            yield word
        yield from self._content(self._sure(self._held))

    def _sure(self, content: bytes | bytearray) -> int:
        """How many bytes of *content* cannot be the beginning of a frame."""
        tail = content[-len(self._mark) + 1 :]
        start = tail.rfind(b"\n")
        if start < 0 or not self._mark.startswith(tail[start:]):
            return len(content)
        return len(content) - len(tail) + start

    def _content(self, size: int) -> Iterator[bytes]:
        if size and self._begun:
            yield bytes(self._held[:size])
        del self._held[:size]
