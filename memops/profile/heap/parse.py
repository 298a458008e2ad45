"""Reading heap profiles: fast on whole ones, exact about what is wrong with the others.

A few regular expressions run over the bytes of the whole file; possessive repeats keep each of them
linear in time and without memory of its own, whatever the file holds.
"""

from __future__ import annotations

import re
from functools import cached_property
from operator import methodcaller
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.profile.heap.dump import REDO, Dump
from memops.profile.heap.profile import Count, HeapProfile, Sampled, Samples, Thread, add

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_COUNTS = rb"(\d{1,20}): (\d{1,20}) \[(\d{1,20}): (\d{1,20})\]"
_HEADER = re.compile(rb"heap_v2/(\d{1,20})\n  t\*: " + _COUNTS + rb"\n((?:  t\d[^\n]{0,200}+\n)*+)")
_STACK = re.compile(
    rb"@([^\n]*+)\n  t\*: (" + _COUNTS + rb"\n)((?:  t\d[^\n]{0,100}+\n)*+)",
)
# The same, of which only the live samples of the whole process are looked at.
_SAMPLE = re.compile(
    rb"@([^\n]*+)\n  t\*: (\d{1,20}): (\d{1,20}) \[\d{1,20}: \d{1,20}\]\n(?:  t\d[^\n]{0,100}+\n)*+",
)
_THREAD = re.compile(rb"  t(\d{1,20}): " + _COUNTS + rb"(?: ([^\n]*+))?\n")
_LIBRARIES = b"\nMAPPED_LIBRARIES:\n"

LINE_LIMIT = 1 << 17
"""Bytes in a line, at most: 128 frames is jemalloc's usual depth, this is room for 6,000."""
LINES_LIMIT = ADDRESSES_LIMIT = 2_000_000
"""Lines and different addresses in a file, at most: ten times what 50,000 stacks need."""
_SHORTEST = 9  # bytes of a line, at least, in the mean: "@\n" and "  t*: 1: 8 [0: 0]\n" are 20
MAPS_LIMIT = 64 << 20
"""Bytes of MAPPED_LIBRARIES, at most: half a million mappings."""
_ADDRESSES = 1 << 64


def parse_heap(text: bytes, name: str) -> HeapProfile:
    """The profile in *text*, the contents of the file *name*.

    Raises `UsageError` that names the file, the line and what to do next.
    """
    return look_through(text, name).profile()


def look_through(text: bytes, name: str) -> Dump:
    """*text*, the contents of the file *name*, once its frame is known to be whole.

    Raises `UsageError` as `parse_heap` does; of its stacks the lines may still turn out broken.
    """
    header = _HEADER.match(text)
    if header is None:
        raise _not_a_profile(text, name)
    cut = text.find(_LIBRARIES, header.end() - 1)
    if cut < 0:
        raise _truncated(text, name)
    if len(text) > _SHORTEST * LINES_LIMIT and text.count(b"\n") > LINES_LIMIT:
        raise UsageError(name, "more than 2 million lines, which no heap profile has", REDO)
    interval, mapped = int(header[1]), cut + len(_LIBRARIES)
    if not interval:
        raise UsageError(f"{name}:1", "the sampling interval is 0", REDO)
    dump = _HeapV2(name, text, interval, _samples(header.groups()[1:5]), mapped)
    if len(text) - mapped > MAPS_LIMIT:
        raise dump.fault(cut + 2, "MAPPED_LIBRARIES is longer than 64 MiB")
    return dump


_groups: Callable[[re.Match[bytes]], tuple[bytes, bytes, bytes]] = methodcaller("groups")


class _HeapV2(Dump):
    """A dump of jemalloc."""

    def samples(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        return map(_groups, self._stacks(_SAMPLE))

    def profile(self) -> HeapProfile:
        header = self._header
        return HeapProfile(
            interval=self.interval,
            total=self.total,
            threads=_threads(header, self),
            stacks=self._sampled(),
            mappings=self.mappings,
        )

    @cached_property
    def _header(self) -> re.Match[bytes]:
        found = _HEADER.match(self.text)
        assert found  # noqa: S101 - `look_through` found it
        return found

    def _stacks(self, pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
        """The stacks one behind the other; raises where something else stands between them."""
        position, end = self._header.end(), self.mapped - len(_LIBRARIES) + 1
        for match in pattern.finditer(self.text, position, end):
            if match.start() != position:
                break
            position = match.end()
            if match.end(1) - match.start() > LINE_LIMIT:
                raise self.fault(match.start(), "the stack is too long")
            yield match
        if position != end and self.text[position:end].strip():
            what = f"{_excerpt(self.text, position)} is not a stack of a heap"
            raise self.fault(position, what)

    def _sampled(self) -> dict[tuple[int, ...], Sampled]:
        """The samples by stack; a stack written twice (5.3.0 may) is added up."""
        stacks: dict[tuple[int, ...], Sampled] = {}
        read = Addresses().__getitem__
        for match in self._stacks(_STACK):
            frames, counts, objects, size, all_objects, all_size, threads = match.groups()
            try:
                stack = tuple(map(read, frames.split()))
            except ValueError as error:
                raise self.fault(match.start(), str(error)) from None
            samples = _samples((objects, size, all_objects, all_size))
            each = Sampled(samples, _by_thread(samples, counts, threads, match, self))
            stacks[stack] = _both(stacks[stack], each) if stack in stacks else each
        return stacks


class Addresses(dict[bytes, int]):
    """The number of each address as it is written; raises `ValueError` that says what is wrong."""

    def __missing__(self, token: bytes) -> int:
        address = self[token] = self.read(token)
        return address

    def read(self, token: bytes) -> int:
        """The number that *token* is, without keeping it."""
        if len(self) >= ADDRESSES_LIMIT:
            raise ValueError("more than 2 million different addresses")
        try:
            address = int(token if token.isalnum() else b"", 16)  # no sign, no underscore
        except ValueError:
            raise ValueError("a frame is not an address") from None
        if address >= _ADDRESSES:
            raise ValueError("an address has more than 64 bits")
        return address


def _by_thread(
    samples: Samples, counts: bytes, threads: bytes, match: re.Match[bytes], dump: Dump
) -> tuple[tuple[int, Samples], ...]:
    """The samples of each thread; nearly always one has them all, in the same words."""
    head, _, rest = threads.partition(b": ")
    if rest == counts and head[3:].isdigit():
        return ((int(head[3:]), samples),)
    found = _thread_lines(threads, match, dump) if threads else []
    return tuple([(int(uid), _samples(each)) for uid, *each, _ in found])


def _threads(header: re.Match[bytes], dump: Dump) -> tuple[Thread, ...]:
    return tuple(
        Thread(int(uid), _samples(counts), label.decode("utf-8", "surrogateescape"))
        for uid, *counts, label in _thread_lines(header[6], header, dump)
    )


def _thread_lines(
    lines: bytes, match: re.Match[bytes], dump: Dump
) -> list[tuple[bytes, bytes, bytes, bytes, bytes, bytes]]:
    """The fields of the thread *lines*, which are the last group of *match*."""
    found = _THREAD.findall(lines)
    if len(found) != lines.count(b"\n"):
        position = match.start(match.lastindex or 0)
        for line in lines.splitlines(keepends=True):
            if not _THREAD.fullmatch(line):
                break
            position += len(line)
        raise dump.fault(position, "this thread's line has no four counts")
    return found


def _samples(counts: Iterable[bytes]) -> Samples:
    objects, size, all_objects, all_size = counts
    if all_objects == all_size == b"0":
        return Samples(Count(int(objects), int(size)))
    return Samples(Count(int(objects), int(size)), Count(int(all_objects), int(all_size)))


def _both(one: Sampled, other: Sampled) -> Sampled:
    live = add(one.samples.live, other.samples.live)
    accumulated = add(one.samples.accumulated, other.samples.accumulated)
    return Sampled(Samples(live, accumulated), one.threads + other.threads)


def _not_a_profile(text: bytes, name: str) -> UsageError:
    if not text.strip(b"\0 \n"):
        return UsageError(f"{name}:1", "the file is empty", REDO)
    if text.startswith((b"heap profile:", b"heap_v2")):
        line = 1 + text[:LINE_LIMIT].startswith(b"heap_v2/")
        what = "the header of this heap profile cannot be read"
        return UsageError(f"{name}:{line}", what, REDO)
    what = f"not a jemalloc heap profile (it begins {_excerpt(text, 0)})"
    return UsageError(f"{name}:1", what, "give files that end in .heap")


def _truncated(text: bytes, name: str) -> UsageError:
    what = "cut short: it has no MAPPED_LIBRARIES (disk full, killed, or still being written?)"
    return UsageError(f"{name}:{_line(text, len(text))}", what, REDO)


def _line(text: bytes, position: int) -> int:
    return text.count(b"\n", 0, position) + 1


def _excerpt(text: bytes, position: int) -> str:
    line = text[position : position + 40].split(b"\n")[0]
    return repr(line.decode("utf-8", "replace"))
