"""Heap profiles of gperftools and tcmalloc (``heap profile:``), as the same value.

The format is that of gperftools' ``heap-profile-table.cc``::

    heap profile: <objects>: <bytes> [<objects>: <bytes>] @ <kind>[/<R>]
      <objects>: <bytes> [<objects>: <bytes>] @ 0x<pc> 0x<pc> ...
    <empty line>
    MAPPED_LIBRARIES:

Kind ``heapprofile`` records every allocation; ``heap_v2/<R>`` samples as jemalloc does; ``heap/<R>``
with twice the interval that matters (google/pprof's ``profile/legacy_profile.go``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.profile.heap.dump import REDO, Dump
from memops.profile.heap.profile import Count, HeapProfile, Sampled, Samples, add

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COUNTS = rb" *(\d{1,20}): *(\d{1,20}) *\[ *(\d{1,20}): *(\d{1,20})\] @"
_HEADER = re.compile(rb"heap profile:" + _COUNTS + rb" *(heap[_a-z0-9]{0,20})(?:/(\d{1,20}))?\n")
_STACK = re.compile(_COUNTS + rb"((?: 0x[0-9a-f]{1,16}){0,4096}+) *\n")
_LIBRARIES = b"MAPPED_LIBRARIES:\n"
_LINES_LIMIT = 2_000_000


def look_through_legacy(text: bytes, name: str) -> Dump:
    """*text*, the contents of the file *name*, once its frame is known to be whole.

    Raises `UsageError` that names the file, the line and what to do next.
    """
    header = _HEADER.match(text)
    interval = _interval(header[5], header[6]) if header else 0
    if header is None or not interval:
        raise UsageError(f"{name}:1", "the header of this heap profile cannot be read", REDO)
    if text.count(b"\n") > _LINES_LIMIT:
        raise UsageError(name, "more than 2 million lines, which no heap profile has", REDO)
    cut = text.find(_LIBRARIES, header.end() - 1)
    if cut < 0:
        line = text.count(b"\n") + 1
        raise UsageError(f"{name}:{line}", "cut short: it has no MAPPED_LIBRARIES", REDO)
    total = _samples(header.groups()[:4])
    return _Legacy(name, text, interval, total, cut + len(_LIBRARIES), "tcmalloc")


class _Legacy(Dump):
    """A dump of gperftools or tcmalloc: a line for each stack."""

    def samples(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        for match in self._stacks():
            yield match[5], match[1], match[2]

    def profile(self) -> HeapProfile:
        stacks: dict[tuple[int, ...], Sampled] = {}
        for match in self._stacks():
            stack = tuple(int(pc, 16) for pc in match[5].split())
            samples = _samples(match.groups()[:4])
            have = stacks[stack].samples if stack in stacks else Samples(Count(0, 0))
            live, everything = (
                add(have.live, samples.live),
                add(have.accumulated, samples.accumulated),
            )
            stacks[stack] = Sampled(Samples(live, everything))
        return HeapProfile(
            interval=self.interval, total=self.total, threads=(), stacks=stacks,
            mappings=self.mappings, writer=self.writer,
        )  # fmt: skip

    def _stacks(self) -> Iterator[re.Match[bytes]]:
        position, end = self.text.index(b"\n") + 1, self.mapped - len(_LIBRARIES)
        for match in _STACK.finditer(self.text, position, end):
            if match.start() != position:
                break
            position = match.end()
            yield match
        if self.text[position:end].strip():
            raise self.fault(position, "this line is not a stack of a heap profile")


def _interval(kind: bytes, rate: bytes | None) -> int:
    """Bytes between samples; 0 for a kind that is not known."""
    every = int(rate or 1)
    return {
        b"heapprofile": 1,
        b"heap_v2": every,
        b"heapz_v2": every,
        b"heap": max(1, every // 2),
    }.get(kind, 0)


def _samples(counts: Iterable[bytes]) -> Samples:
    objects, size, all_objects, all_size = map(int, counts)
    return Samples(Count(objects, size), Count(all_objects, all_size))
