"""What is known of a process when it is judged: snapshots in the order of time, and its heap growth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

    from memops.profile.memory.allocators import JemallocStats, MallocInfo
    from memops.profile.memory.areas import Area
    from memops.profile.memory.counters import Cgroup
    from memops.profile.memory.javaheap import JavaHeap
    from memops.profile.memory.maps import Mapping
    from memops.profile.memory.nmt import CHeap, NativeMemory
    from memops.profile.memory.systemmap import Tagged

JEMALLOC, TCMALLOC, MIMALLOC, GLIBC, UNKNOWN = "jemalloc", "tcmalloc", "mimalloc", "glibc", ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the files of one moment told; *time* is in seconds since the epoch.

    *kinds* names the files there were. *areas* are from smaps, else from pmap, which knows no
    ``Anonymous``; *pids* are the process's on the host and in its containers; *status* and *rollup* are bytes by the kernel's names. What no file told is empty
    or None; a C heap of 0 (under another malloc than glibc's) is None too.
    """

    time: float = 0.0
    kinds: frozenset[str] = frozenset()
    areas: tuple[Area, ...] = ()
    mappings: tuple[Mapping, ...] = ()
    status: Map[str, int] = field(default_factory=dict)
    rollup: Map[str, int] = field(default_factory=dict)
    threads: int | None = None
    pids: tuple[int, ...] = ()
    nmt: NativeMemory | None = None
    diff: NativeMemory | None = None
    c_heap: CHeap | None = None
    system_map: tuple[Tagged, ...] = ()
    java_heap: JavaHeap | None = None
    malloc_info: MallocInfo | None = None
    jemalloc: JemallocStats | None = None
    cgroup: Cgroup | None = None

    @property
    def paths(self) -> frozenset[str]:
        """The files that are mapped; of pmap only their base names."""
        mapped = (*self.mappings, *(area.mapping for area in self.areas))
        found = {each.path for each in mapped} | {each.path for each in self.system_map}
        return frozenset(found - {""})

    @property
    def allocator(self) -> str:
        """Which malloc the process has, by the libraries it maps; empty where no file tells.

        One that is linked statically is not seen.
        """
        libraries = {path.rpartition("/")[2] for path in self.paths}
        for name in (JEMALLOC, TCMALLOC, MIMALLOC):
            if any(each.startswith(f"lib{name}") for each in libraries):
                return name
        if self.jemalloc:
            return JEMALLOC
        told = any(each.startswith(("libc.so", "libc-")) for each in libraries)
        return GLIBC if told or self.c_heap or self.malloc_info else UNKNOWN

    @property
    def is_jvm(self) -> bool:
        """Whether this is a HotSpot JVM, or any other that has a libjvm."""
        mapped = any(path.rpartition("/")[2] == "libjvm.so" for path in self.paths)
        return mapped or bool(self.nmt or self.c_heap or self.java_heap or self.system_map)

    @property
    def rss(self) -> int | None:
        """The resident set in bytes, by the most exact file there is; None where none tells."""
        if self.areas:
            return sum(area.rss for area in self.areas)
        if self.map_is_sized:
            return sum(each.rss or 0 for each in self.system_map)
        if "Rss" in self.rollup:
            return self.rollup["Rss"]
        return self.status.get("VmRSS")

    @property
    def map_is_sized(self) -> bool:
        """Whether there is a System.map that tells resident sizes (JDK 24 and later)."""
        return bool(self.system_map) and all(each.rss is not None for each in self.system_map)

    @property
    def huge(self) -> int | None:
        """Bytes of anonymous memory in transparent huge pages; None where no file tells."""
        if "AnonHugePages" in self.rollup:
            return self.rollup["AnonHugePages"]
        sizes = [
            area.sizes["AnonHugePages"] for area in self.areas if "AnonHugePages" in area.sizes
        ]
        return sum(sizes) if sizes else None


@dataclass(frozen=True, slots=True)
class HeapGrowth:
    """What the heap profiles told: *live* bytes in the last of *dumps*, *grown* since the first.

    *error* is one sigma of what grew.
    The whole grows by *low* to *high* bytes a second (95 %) over *span* seconds, and *verdict* is that
    of the trend of what grows; *span* is 0 where the dumps tell no trend. *culprits* are sentences.
    """

    live: int
    grown: int = 0
    error: float = 0.0
    dumps: int = 1
    span: float = 0.0
    low: float = 0.0
    high: float = 0.0
    verdict: str = ""
    culprits: tuple[str, ...] = ()


class Subject(NamedTuple):
    """How the operator names the process: *app* and *host* as in the inventory, *pid* or nothing."""

    app: str = ""
    host: str = ""
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known: *snapshots* in the order of time, the heap's *growth* where it was profiled."""

    snapshots: tuple[Snapshot, ...] = ()
    growth: HeapGrowth | None = None
    subject: Subject = field(default_factory=Subject)

    @property
    def first(self) -> Snapshot:
        """The earliest snapshot; an empty one where there is none."""
        return self.snapshots[0] if self.snapshots else Snapshot()

    @property
    def last(self) -> Snapshot:
        """The latest snapshot; an empty one where there is none."""
        return self.snapshots[-1] if self.snapshots else Snapshot()

    @property
    def rss_growth(self) -> int | None:
        """Bytes by which the RSS grew between the first snapshot and the last; None if not known."""
        before, after = self.first.rss, self.last.rss
        several = len(self.snapshots) > 1 and before is not None and after is not None
        return after - before if several and before is not None and after is not None else None
