"""All of the RSS in shares that add up to it: where a process's memory is.

RSS = Java heap + metaspace + code + stacks + the JVM's other mappings + C heap + mapped files + shared
memory + what is not explained. The C heap is split as far as an allocator or a profile tells: what the
JVM's tracking counts, what else is live, what is free and kept.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.verdict import kinds
from memops.profile.verdict.evidence import JEMALLOC
from memops.profile.verdict.values import Share, Waterfall
from memops.units import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memops.profile.memory import nmt
    from memops.profile.verdict.evidence import Snapshot
    from memops.profile.verdict.values import Region

_BY_ADDRESS = (
    kinds.JAVA_HEAP, kinds.METASPACE, kinds.CLASS_SPACE, kinds.CODE, kinds.STACK, kinds.GC,
    kinds.JVM, kinds.CDS, kinds.GO, kinds.SHARED, kinds.KERNEL, kinds.NAMED,
)  # fmt: skip
_NAMES = {kinds.STACK: "thread stacks", kinds.JVM: "JVM, other", kinds.CDS: "CDS archive"}
_WRAPS = 1 << 32
UNEXPLAINED = "unexplained anonymous"
TRACKED, OTHER_LIVE, FREE = "C heap: the JVM's own", "C heap: other live", "C heap: free"
WHOLE = "C heap, not split"


class Malloc(NamedTuple):
    """What a malloc told in bytes, each None where it is not known, and the *source* that told.

    *free* is kept for later; *mapped* of *live* lie in mappings of their own; *resident* is all.
    """

    live: int | None
    free: int | None
    mapped: int | None
    resident: int | None
    source: str


class CHeap(NamedTuple):
    """The resident C heap in bytes: *tracked* by the JVM, *other* that is live, *free*.

    *loose* of all of it lay where no address tells that it is malloc's.
    """

    tracked: int
    other: int
    free: int
    loose: int


def malloc_of(snapshot: Snapshot, profiled: int | None = None) -> Malloc | None:
    """What is known of malloc's memory; *profiled* are the live bytes of a heap profile."""
    if snapshot.jemalloc:
        stats = snapshot.jemalloc
        free = max(0, stats.resident - stats.allocated)
        return Malloc(stats.allocated, free, None, stats.resident, "jemalloc's statistics")
    if snapshot.malloc_info:
        info = snapshot.malloc_info
        return Malloc(info.in_use, info.free, info.mapped, None, "malloc_info")
    heap = snapshot.c_heap
    if heap and snapshot.allocator != JEMALLOC and not _is_beyond(heap, snapshot):
        return Malloc(heap.outstanding, heap.retained, None, None, "VM.info")
    if profiled is not None:
        return Malloc(profiled, None, None, None, "the heap profile")
    return None


def _is_beyond(heap: nmt.CHeap, snapshot: Snapshot) -> bool:
    """Whether the numbers of an old ``mallinfo`` are of no use: the process is larger than they count."""
    return heap.may_have_wrapped and (snapshot.rss or 0) >= _WRAPS


def tracked_malloc(snapshot: Snapshot) -> int | None:
    """The bytes that the JVM itself has from malloc, by its own tracking; None without it."""
    report = snapshot.nmt or snapshot.diff
    return report.total.malloc if report else None


def waterfall(
    snapshot: Snapshot, found: Sequence[Region], profiled: int | None = None
) -> Waterfall | None:
    """The RSS of *snapshot*, whose regions are *found*, in shares; None where no file tells it."""
    rss = snapshot.rss
    if rss is None:
        return None
    if not any(each.rss for each in found):
        return Waterfall(rss, tuple(_by_counters(snapshot, rss)))
    sums = by_kind(found)
    shares = [
        Share(_NAMES.get(kind, kind), sums[kind], _source(snapshot, kind)) for kind in _BY_ADDRESS
    ]
    written = written_files(snapshot, found)
    shares += [
        Share(
            "mapped files", sums[kinds.FILE] - written, "smaps" if snapshot.areas else "System.map"
        ),
        Share("mapped files, written", written, "smaps: Anonymous"),
    ]
    heap, loose = _c_heap_shares(snapshot, sums, malloc_of(snapshot, profiled))
    shares = [share for share in (*shares, *heap) if share.bytes]
    return Waterfall(rss, (*shares, Share(UNEXPLAINED, sums[kinds.ANONYMOUS] - loose, "the rest")))


def by_kind(found: Sequence[Region]) -> Counter[str]:
    """Resident bytes by the kind of region."""
    sums: Counter[str] = Counter()
    for each in found:
        sums[each.kind] += each.rss or 0
    return sums


def written_files(snapshot: Snapshot, found: Sequence[Region]) -> int:
    """Bytes of privately mapped files that were written, and so are no longer the file's."""
    files = {each.start for each in found if each.kind == kinds.FILE}
    return sum(
        min(area.sizes.get("Anonymous", 0), area.rss)
        for area in snapshot.areas
        if area.mapping.start in files
    )


def _source(snapshot: Snapshot, kind: str) -> str:
    if kind not in kinds.OF_NMT.values() and kind != kinds.JVM:
        return "smaps" if snapshot.areas else "System.map"
    if any(each.tags for each in snapshot.system_map):
        return "System.map"
    if snapshot.nmt and snapshot.nmt.regions:
        return "NMT detail"
    if kind == kinds.JAVA_HEAP and snapshot.java_heap and snapshot.java_heap.ranges:
        return "GC.heap_info"
    return "by where it lies"


def _c_heap_shares(
    snapshot: Snapshot, sums: Counter[str], malloc: Malloc | None
) -> tuple[list[Share], int]:
    """The shares of the C heap, and how much of the anonymous memory without a name is in them."""
    located = sum(sums[kind] for kind in kinds.C_HEAP)
    if malloc is None or malloc.live is None:
        return [Share(WHOLE, located, "by where it lies")], 0
    split = split_c_heap(snapshot, located, sums[kinds.ANONYMOUS], malloc)
    untouched = malloc.live - split.tracked - split.other
    source = malloc.source
    if untouched > 0:
        source += f"; {format_size(untouched)} of the live bytes are not resident"
    free = Share(FREE, split.free, f"{malloc.source}, estimated")
    if malloc.free is None:  # a profile may have begun after some of it was allocated
        free = Share(WHOLE, split.free, "by where it lies")
    tracked = Share(TRACKED, split.tracked, "NMT: malloc")
    return [tracked, Share(OTHER_LIVE, split.other, source), free], split.loose


def split_c_heap(snapshot: Snapshot, located: int, loose: int, malloc: Malloc) -> CHeap:
    """The resident C heap by *malloc*'s words: *located* bytes by address, and some of the *loose*.

    Live bytes are taken to be resident as far as there is room; those that were never touched are
    not, and no file tells which.
    """
    live = malloc.live or 0
    within = min(loose, _outside(snapshot, located, loose, malloc))
    whole = located + within
    free = max(0, whole - live)
    if malloc.free is not None:
        free = min(free, max(malloc.free, located - live))
    used = whole - free
    tracked = min(tracked_malloc(snapshot) or 0, used)
    return CHeap(tracked, used - tracked, free, within)


def _outside(snapshot: Snapshot, located: int, loose: int, malloc: Malloc) -> int:
    """Bytes of malloc that lie in mappings which nothing marks as its own."""
    if malloc.mapped is not None:
        return malloc.mapped
    if malloc.resident is not None:
        return max(0, malloc.resident - located)
    live, free = malloc.live or 0, malloc.free or 0
    said = bool(snapshot.nmt and snapshot.nmt.regions) or any(e.tags for e in snapshot.system_map)
    # Where a JVM told all its own mappings, the rest is as good as malloc's, up to what malloc has.
    known = said or not snapshot.is_jvm
    return min(loose, max(0, (live + free if known else live) - located))


def _by_counters(snapshot: Snapshot, rss: int) -> list[Share]:
    """What the kernel's counters alone tell: anonymous, of files, shared."""
    if snapshot.rollup:
        anonymous = min(snapshot.rollup.get("Anonymous", 0), rss)
        return [
            Share("anonymous, not told apart", anonymous, "smaps_rollup"),
            Share("mapped files and shared memory", rss - anonymous, "smaps_rollup"),
        ]
    status = snapshot.status
    shared = min(status.get("RssShmem", 0), rss)
    files = min(status.get("RssFile", 0), rss - shared)
    return [
        Share("anonymous, not told apart", rss - shared - files, "status"),
        Share("mapped files", files, "status"),
        Share("shared memory", shared, "status"),
    ]
