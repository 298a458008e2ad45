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
from memops.profile.heap.profile import Count, HeapProfile, Sampled, Samples, add
from memops.profile.memory.maps import parse_maps

if TYPE_CHECKING:
    from collections.abc import Iterable

_COUNTS = rb" *(\d{1,20}): *(\d{1,20}) *\[ *(\d{1,20}): *(\d{1,20})\] @"
_HEADER = re.compile(rb"heap profile:" + _COUNTS + rb" *(heap[_a-z0-9]{0,20})(?:/(\d{1,20}))?\n")
_STACK = re.compile(_COUNTS + rb"((?: 0x[0-9a-f]{1,16}){0,4096}+) *\n")
_LIBRARIES = b"MAPPED_LIBRARIES:\n"
_REDO = "dump it again, or analyse the others without it"
_LINES_LIMIT = 2_000_000


def parse_legacy(text: bytes, name: str) -> HeapProfile:
    """The profile in *text*, the contents of the file *name*.

    Raises `UsageError` that names the file, the line and what to do next.
    """
    header = _HEADER.match(text)
    interval = _interval(header[5], header[6]) if header else 0
    if header is None or not interval:
        raise UsageError(f"{name}:1", "the header of this heap profile cannot be read", _REDO)
    if text.count(b"\n") > _LINES_LIMIT:
        raise UsageError(name, "more than 2 million lines, which no heap profile has", _REDO)
    cut = text.find(_LIBRARIES, header.end() - 1)
    if cut < 0:
        line = text.count(b"\n") + 1
        raise UsageError(f"{name}:{line}", "cut short: it has no MAPPED_LIBRARIES", _REDO)
    return HeapProfile(
        interval=interval,
        total=_samples(header.groups()[:4]),
        threads=(),
        stacks=_stacks(text, header.end(), cut, name),
        mappings=parse_maps(text[cut + len(_LIBRARIES) :]),
        writer="tcmalloc",
    )


def _interval(kind: bytes, rate: bytes | None) -> int:
    """Bytes between samples; 0 for a kind that is not known."""
    every = int(rate or 1)
    return {
        b"heapprofile": 1,
        b"heap_v2": every,
        b"heapz_v2": every,
        b"heap": max(1, every // 2),
    }.get(kind, 0)


def _stacks(text: bytes, start: int, end: int, name: str) -> dict[tuple[int, ...], Sampled]:
    stacks: dict[tuple[int, ...], Sampled] = {}
    position = start
    for match in _STACK.finditer(text, start, end):
        if match.start() != position:
            break
        position = match.end()
        stack = tuple(int(pc, 16) for pc in match[5].split())
        samples = _samples(match.groups()[:4])
        have = stacks[stack].samples if stack in stacks else Samples(Count(0, 0))
        live, everything = add(have.live, samples.live), add(have.accumulated, samples.accumulated)
        stacks[stack] = Sampled(Samples(live, everything))
    if text[position:end].strip():
        line = text.count(b"\n", 0, position) + 1
        raise UsageError(f"{name}:{line}", "this line is not a stack of a heap profile", _REDO)
    return stacks


def _samples(counts: Iterable[bytes]) -> Samples:
    objects, size, all_objects, all_size = map(int, counts)
    return Samples(Count(objects, size), Count(all_objects, all_size))
