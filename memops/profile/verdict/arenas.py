"""Arenas of glibc in an address space: heaps of 64 MiB, told by how they lie there.

``arena.c`` of glibc: every heap but the main arena's is reserved on a boundary of ``HEAP_MAX_SIZE`` (twice
``DEFAULT_MMAP_THRESHOLD_MAX``: 64 MiB on 64 bits), readable from its start to what is in use, and
``PROT_NONE`` from there to its end.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memops.profile.memory.maps import Mapping

HEAP_MAX = 64 << 20
_LOWEST = 1 << 35
"""Below 32 GiB lie a JVM's own heap (compressed oops) and non-PIE programs, never glibc's mmaps."""
_GO = range(0xC0 << 32, 1 << 40)
"""Go reserves its arenas of 64 MiB from here on (``mallocinit`` in its ``runtime/malloc.go``)."""


class Heap(NamedTuple):
    """One heap of an arena: in use from *start* to *top*, reserved to *end*."""

    start: int
    top: int
    end: int


def arena_heaps(mappings: Sequence[Mapping]) -> list[Heap]:
    """The heaps of all arenas but the main one, by address, in *mappings*, which are sorted.

    A heap that is in use to its end has nothing reserved after it: such a mapping counts only where
    other heaps are seen, for anyone may map 64 MiB on a boundary. The kernel joins mappings that
    touch: where one begins before the boundary, the heap begins inside it.
    """
    pairs = list(_pairs(mappings))
    full = [heap for each in mappings for heap in _full(each)] if pairs else []
    return sorted({*full, *pairs})


def is_go(mapping: Mapping) -> bool:
    """Whether *mapping* lies where Go keeps its heap; it looks like an arena of glibc."""
    return mapping.start in _GO and not mapping.path


def _pairs(mappings: Sequence[Mapping]) -> Iterator[Heap]:
    for used, reserved in pairwise(mappings):
        if _is_used(used) and _is_reserved(reserved) and used.end == reserved.start:
            top = reserved.end - HEAP_MAX
            if reserved.end % HEAP_MAX or not used.start <= top < used.end:
                continue
            yield Heap(top, used.end, reserved.end)
            below = used.start if used.start % HEAP_MAX == 0 else top
            yield from (
                Heap(at, at + HEAP_MAX, at + HEAP_MAX) for at in range(below, top, HEAP_MAX)
            )


def _full(mapping: Mapping) -> Iterator[Heap]:
    if _is_used(mapping) and mapping.start % HEAP_MAX == mapping.end % HEAP_MAX == 0:
        for at in range(mapping.start, mapping.end, HEAP_MAX):
            yield Heap(at, at + HEAP_MAX, at + HEAP_MAX)


def _is_used(mapping: Mapping) -> bool:
    anonymous = not mapping.path and mapping.perms == "rw-p" and mapping.start >= _LOWEST
    return anonymous and not is_go(mapping)


def _is_reserved(mapping: Mapping) -> bool:
    return not mapping.path and mapping.perms == "---p"
