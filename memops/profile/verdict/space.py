"""The address space of a process by what each part of it is for."""

from __future__ import annotations

from bisect import bisect_right
from heapq import heappop, heappush
from itertools import accumulate, chain, islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.memory.maps import Mapping
from memops.profile.verdict import kinds
from memops.profile.verdict.arenas import arena_heaps, is_go
from memops.profile.verdict.evidence import GLIBC
from memops.profile.verdict.values import Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from memops.profile.verdict.arenas import Heap
    from memops.profile.verdict.evidence import Snapshot

_COMPRESSED = 1 << 35
"""Compressed oops reach 32 GiB: below lies the heap of a JVM, and nothing else that is anonymous."""
_CLASS_SPACES = (0x100000000, 0x7C0000000, 0x800000000)
"""Where HotSpot puts the class space when it can: behind the heap, or from 32 GiB on (JDK 8 to 21)."""
_GUARD, _STACKS = 256 << 10, range(16 << 10, 1 << 30)
"""A guard is a page of glibc's and HotSpot's three zones: 20 KiB, 256 KiB where a page has 64. A stack
has 16 KiB at least (PTHREAD_STACK_MIN)."""
_CLAIMS = 200_000
"""Regions that a JVM may tell of; the kernel allows 65,530 mappings (vm.max_map_count)."""
_SHARED = ("/dev/shm/", "/SYSV", "/memfd:", "/dev/zero", "/run/shm/")  # noqa: S108 - names, not files
_NAMES = (
    ("glibc: malloc arena", kinds.ARENA), ("glibc: malloc", kinds.MALLOC), ("stack", kinds.STACK),
    ("jemalloc", kinds.JEMALLOC), ("mimalloc", kinds.MIMALLOC), ("Go:", kinds.GO),
)  # fmt: skip


class Claim(NamedTuple):
    """Addresses that somebody says are of a *kind*."""

    start: int
    end: int
    kind: str
    label: str


class _Sized(NamedTuple):
    mapping: Mapping
    rss: int | None


def regions(snapshot: Snapshot) -> tuple[Region, ...]:
    """The regions of the process, by address, without gaps inside a mapping.

    What a JVM says of itself counts first (System.map, then NMT's detail, then the bounds of its
    heap), then the kernel's names, then how glibc's arenas and thread stacks lie. Where two kinds
    share a mapping, its RSS is shared out by their sizes.
    """
    sized = _sized(snapshot)
    mappings = [each.mapping for each in sized]
    sources = chain(_tags(snapshot), _tracked(snapshot), _bounds(snapshot))
    said = _disjoint(islice(sources, _CLAIMS))
    heaps = arena_heaps(mappings)
    guessed = [*_arenas(heaps), *_java(mappings, snapshot, said), *_stacks(mappings, heaps)]
    claims = _disjoint([*said, *guessed])
    starts = [claim.start for claim in claims]
    found: list[Region] = []
    for each in sized:
        named = _named(each.mapping, snapshot)
        if named and not (named.kind == kinds.FILE and _claimed(claims, starts, each.mapping)):
            found.append(
                Region(each.mapping.start, each.mapping.end, named.kind, named.label, each.rss)
            )
        else:
            found += _cut(each, claims, starts)
    return tuple(found)


def _sized(snapshot: Snapshot) -> list[_Sized]:
    if snapshot.areas:
        return [_Sized(area.mapping, area.rss) for area in snapshot.areas]
    if snapshot.mappings and not snapshot.map_is_sized:
        return [_Sized(mapping, None) for mapping in snapshot.mappings]
    return [_Sized(Mapping(each.start, each.end, each.perms, 0, each.path), each.rss)
            for each in snapshot.system_map]  # fmt: skip


def _tags(snapshot: Snapshot) -> Iterator[Claim]:
    for each in snapshot.system_map:
        for tag in each.tags[:1]:
            if tag.startswith("STACK-"):
                tid, _, name = tag.removeprefix("STACK-").partition("-")
                yield Claim(each.start, each.end, kinds.STACK, f"{name} (tid {tid})")
            else:
                yield Claim(each.start, each.end, kinds.OF_SYSTEM_MAP.get(tag, kinds.JVM), tag)


def _tracked(snapshot: Snapshot) -> Iterator[Claim]:
    for each in snapshot.nmt.regions if snapshot.nmt else ():
        yield Claim(each.start, each.end, kinds.OF_NMT.get(each.category, kinds.JVM), each.category)


def _bounds(snapshot: Snapshot) -> Iterator[Claim]:
    for start, end in snapshot.java_heap.ranges if snapshot.java_heap else ():
        yield Claim(start, end, kinds.JAVA_HEAP, "by GC.heap_info")


def _arenas(heaps: Iterable[Heap]) -> Iterator[Claim]:
    for heap in heaps:
        yield Claim(heap.start, heap.end, kinds.ARENA, f"heap at {heap.start:#x}")


def _stacks(mappings: Sequence[Mapping], heaps: Iterable[Heap]) -> Iterator[Claim]:
    """Stacks of threads: what is readable right above a small guard, but for the ends of arenas."""
    ends = {heap.end for heap in heaps}
    for guard, stack in pairwise(mappings):
        small = guard.perms == "---p" and guard.end - guard.start <= _GUARD
        plain = stack.perms == "rw-p" and not stack.path and not guard.path and not is_go(stack)
        fits = guard.end == stack.start and stack.end - stack.start in _STACKS
        if small and plain and fits and guard.end not in ends:
            yield Claim(stack.start, stack.end, kinds.STACK, "behind a guard page")


def _java(
    mappings: Sequence[Mapping], snapshot: Snapshot, said: Sequence[Claim]
) -> Iterator[Claim]:
    """What a JVM that says nothing of itself has: code, class space and heap, by their places."""
    if not snapshot.is_jvm or any(claim.kind == kinds.CODE for claim in said):
        return
    after_archive = 0
    for each in mappings:
        if each.path.endswith(".jsa"):
            after_archive = each.end
        elif each.path:
            after_archive = 0
        elif "x" in each.perms:
            yield Claim(each.start, each.end, kinds.CODE, "writable and executable")
        elif each.start in _CLASS_SPACES or each.start == after_archive != 0:
            after_archive = each.end if each.start == after_archive else 0
            yield Claim(each.start, each.end, kinds.CLASS_SPACE, "by its place")
        elif each.start < _COMPRESSED:
            yield Claim(each.start, each.end, kinds.JAVA_HEAP, "by its place")


def _disjoint(claims: Iterable[Claim]) -> list[Claim]:
    """*claims* by address; where some overlap, the earliest of them counts."""
    known = [claim for claim in claims if claim.start < claim.end]
    order = sorted(range(len(known)), key=lambda index: known[index].start)
    points = sorted({edge for claim in known for edge in (claim.start, claim.end)})
    found: list[Claim] = []
    active: list[int] = []
    last, begun = -1, 0
    for at, end in pairwise(points):
        while begun < len(order) and known[order[begun]].start <= at:
            heappush(active, order[begun])
            begun += 1
        while active and known[active[0]].end <= at:
            heappop(active)
        if active and active[0] == last and found[-1].end == at:
            found[-1] = found[-1]._replace(end=end)
        elif active:
            last = active[0]
            found.append(known[last]._replace(start=at, end=end))
    return found


def _claimed(claims: Sequence[Claim], starts: Sequence[int], mapping: Mapping) -> bool:
    """Whether a JVM says what the file in *mapping* is for: the archive of class data sharing."""
    at = bisect_right(starts, mapping.start) - 1
    return at >= 0 and claims[at].kind == kinds.CDS and mapping.start < claims[at].end


def _named(mapping: Mapping, snapshot: Snapshot) -> Claim | None:
    """What the name of *mapping* tells; None for one without, or whose name tells nothing."""
    path = mapping.path
    kind, label = "", path
    if path.startswith(_SHARED) or path.startswith("[anon_shmem"):
        kind = kinds.SHARED
    elif path == "[heap]":
        kind, label = (
            (kinds.ARENA, "main arena") if snapshot.allocator == GLIBC else (kinds.BRK, path)
        )
    elif path.startswith("[stack"):
        tid = path[7:-1]  # [stack:12] is what Linux 3.4 to 4.4 called the stack of a thread
        kind, label = kinds.STACK, f"tid {tid}" if tid else "main thread"
    elif path.startswith("[anon:"):
        kind = next((kind for word, kind in _NAMES if word in path), kinds.NAMED)
    elif path.startswith("["):
        kind = kinds.KERNEL
    elif path.endswith(".jsa"):
        kind = kinds.CDS
    elif path:
        kind = kinds.FILE
    return Claim(mapping.start, mapping.end, kind, label) if kind else None


def _cut(each: _Sized, claims: Sequence[Claim], starts: Sequence[int]) -> list[Region]:
    """The mapping, cut where claims begin and end; what nobody claims is anonymous."""
    mapping = each.mapping
    rest = kinds.FILE if mapping.path else kinds.GO if is_go(mapping) else kinds.ANONYMOUS
    pieces: list[Claim] = []
    at = mapping.start
    for index in range(max(bisect_right(starts, mapping.start) - 1, 0), len(claims)):
        claim = claims[index]
        if claim.start >= mapping.end:
            break
        if claim.end <= at:
            continue
        if claim.start > at:
            pieces.append(Claim(at, claim.start, rest, mapping.path))
        end = min(claim.end, mapping.end)
        pieces.append(Claim(max(claim.start, at), end, claim.kind, claim.label))
        at = end
    if at < mapping.end:
        pieces.append(Claim(at, mapping.end, rest, mapping.path))
    shares = _shared_out(each.rss, [piece.end - piece.start for piece in pieces])
    return [Region(*piece, rss) for piece, rss in zip(pieces, shares, strict=True)]


def _shared_out(whole: int | None, sizes: Sequence[int]) -> list[int | None]:
    """*whole* in parts like *sizes*, which add up to it to the byte; each None where it is None."""
    if whole is None:
        return [None] * len(sizes)
    total, done = sum(sizes), 0
    found: list[int | None] = []
    for end in accumulate(sizes):
        upto = whole * end // total
        found.append(upto - done)
        done = upto
    return found
