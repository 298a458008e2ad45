"""The address space by what it is for: several sources that do not know each other must agree."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.profile.memory.areas import Area
from memops.profile.memory.maps import Mapping
from memops.profile.memory.nmt import Category, NativeMemory
from memops.profile.memory.nmt import Region as Tracked
from memops.profile.memory.systemmap import parse_system_map
from memops.profile.verdict import kinds
from memops.profile.verdict.arenas import HEAP_MAX, arena_heaps
from memops.profile.verdict.collect import read_snapshots
from memops.profile.verdict.evidence import Snapshot
from memops.profile.verdict.space import regions
from tests.corpus.read import VERDICTS, verdict_case

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memops.profile.verdict.values import Region

MB = 1 << 20
TOLD = ("nmt", "nmt.diff", "system_map", "heap_info")


def last(name: str, *but: str) -> Snapshot:
    return read_snapshots(verdict_case(name, *but)["1"], {})[-1]


def rss(found: Iterable[Region]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for each in found:
        sums[each.kind] += each.rss or 0
    return sums


@pytest.mark.parametrize("name", VERDICTS)
def test_the_regions_are_all_of_the_mappings_and_all_of_the_rss(name: str) -> None:
    snapshot = last(name)
    found = regions(snapshot)

    assert sum(rss(found).values()) == snapshot.rss
    assert sum(each.end - each.start for each in found) == sum(
        area.mapping.end - area.mapping.start for area in snapshot.areas
    )
    assert all(before.end <= after.start for before, after in pairwise(found))


@pytest.mark.parametrize("name", [each for each in VERDICTS if each.startswith("java")])
def test_a_jvm_that_says_nothing_is_understood_by_how_it_lies_there(name: str) -> None:
    told, guessed = rss(regions(last(name))), rss(regions(last(name, *TOLD)))

    for kind in (kinds.JAVA_HEAP, kinds.CODE, kinds.ARENA, kinds.FILE, kinds.CDS):
        assert abs(told[kind] - guessed[kind]) <= MB, kind
    # The class space and what the JVM mapped for itself are not told apart from stacks and others.
    assert abs(told[kinds.STACK] - guessed[kinds.STACK]) <= 2 * MB


@pytest.mark.parametrize("name", ["java25-threads", "java25-leak"])
def test_system_map_and_native_memory_tracking_tell_the_same(name: str) -> None:
    by_map, by_nmt = rss(regions(last(name, "nmt"))), rss(regions(last(name, "system_map")))

    for kind in {*by_map, *by_nmt}:
        assert abs(by_map[kind] - by_nmt[kind]) <= MB // 4, kind


def test_system_map_names_the_threads_and_knows_the_rss() -> None:
    snapshot = last("java25-threads")
    alone = replace(snapshot, areas=())
    labels = {each.label for each in regions(alone) if each.kind == kinds.STACK}

    assert sum("worker-" in label for label in labels) == 150
    assert any(label.startswith("main (tid ") for label in labels)
    assert alone.rss is not None
    assert snapshot.rss is not None
    assert abs(alone.rss - snapshot.rss) < 0.02 * snapshot.rss


def test_tags_are_found_in_the_columns_of_an_older_jdk() -> None:
    """Written by hand after JDK 22's memMapPrinter.cpp: no RSS, and several tags with a mark."""
    text = b"""0x00000000e0000000 - 0x00000000f0000000   268435456 rw-p 00000000  JAVAHEAP
0x00007f0000000000 - 0x00007f0000100000     1048576 rw-p 00000000  STACK-41-main GC  (*)
0x00007f0000100000 - 0x00007f0000200000     1048576 r-xp 00000000        /opt/A B/lib.so (deleted)
"""
    found = parse_system_map(text, "x")

    assert [(each.tags, each.rss) for each in found] == [
        (("JAVAHEAP",), None), (("STACK-41-main", "GC"), None), ((), None)
    ]  # fmt: skip
    assert found[2].path == "/opt/A B/lib.so (deleted)"


def test_arenas_are_found_and_nothing_else_is_one() -> None:
    spaces = {name: [area.mapping for area in last(name).areas] for name in VERDICTS}
    many = arena_heaps(spaces["c-retain"])

    assert len(many) == 12
    assert all(heap.end - heap.start == HEAP_MAX and heap.start % HEAP_MAX == 0 for heap in many)
    for name in ("je-retain", "je-leak", "java-je-leak", "c-steady", "c-anonymous", "c-stacks"):
        assert arena_heaps(spaces[name]) == [], name
    for heap in arena_heaps(spaces["java-leak"]):
        assert heap.start > 1 << 35  # the Java heap lies below, on the same boundaries


def anonymous(start: int, end: int, perms: str = "rw-p") -> Mapping:
    return Mapping(start, end, perms, 0, "")


BASE = 0x7F00_0000_0000


@pytest.mark.parametrize(
    ("mappings", "starts"),
    [
        ([anonymous(BASE, BASE + MB), anonymous(BASE + MB, BASE + HEAP_MAX, "---p")], [0]),
        # a mapping of somebody else's touches the heap from below
        ([anonymous(BASE - 3 * MB, BASE + MB), anonymous(BASE + MB, BASE + HEAP_MAX, "---p")], [0]),
        # a full heap touches one that is not
        ([anonymous(BASE - HEAP_MAX, BASE + MB), anonymous(BASE + MB, BASE + HEAP_MAX, "---p")],
         [-HEAP_MAX, 0]),
        # what is reserved goes on behind the boundary, or ends before it
        ([anonymous(BASE, BASE + MB), anonymous(BASE + MB, BASE + 2 * HEAP_MAX, "---p")], []),
        ([anonymous(BASE, BASE + MB), anonymous(BASE + MB, BASE + 9 * MB, "---p")], []),
        ([anonymous(BASE, BASE + MB), anonymous(BASE + 2 * MB, BASE + HEAP_MAX, "---p")], []),
        # 64 MiB on a boundary where there are no heaps beside it
        ([anonymous(BASE, BASE + HEAP_MAX)], []),
        # Go's, and a Java heap
        ([anonymous(0xC0_0000_0000, 0xC0_0040_0000), anonymous(0xC0_0040_0000, 0xC0_0400_0000, "---p")],
         []),
        ([anonymous(0xF800_0000, 0xFA00_0000), anonymous(0xFA00_0000, 0xFC00_0000, "---p")], []),
    ],
)  # fmt: skip
def test_a_heap_ends_on_its_boundary(mappings: list[Mapping], starts: list[int]) -> None:
    assert [heap.start - BASE for heap in arena_heaps(mappings)] == starts


@pytest.mark.parametrize(
    ("guard", "size", "kind"),
    [
        (4 << 10, 8 * MB, kinds.STACK),
        (20 << 10, 1004 << 10, kinds.STACK),
        (920 << 10, 4 * MB, kinds.ANONYMOUS),  # as a JVM under jemalloc had it
        (4 << 10, 4 << 10, kinds.ANONYMOUS),
    ],
)
def test_a_stack_lies_behind_a_small_guard(guard: int, size: int, kind: str) -> None:
    mappings = (anonymous(BASE, BASE + guard, "---p"), anonymous(BASE + guard, BASE + guard + size))
    snapshot = Snapshot(areas=tuple(Area(each, {"Rss": 4096}) for each in mappings))

    assert [each.kind for each in regions(snapshot)][1] == kind


def test_names_of_anonymous_memory_are_believed() -> None:
    """Written by hand: this kernel has no CONFIG_ANON_VMA_NAME."""
    names = {
        "[anon: glibc: malloc arena]": kinds.ARENA, "[anon: glibc: malloc]": kinds.MALLOC,
        "[anon: glibc: pthread stack: 41]": kinds.STACK, "[anon:jemalloc_pg]": kinds.JEMALLOC,
        "[anon: Go: heap]": kinds.GO, "[anon:mimalloc]": kinds.MIMALLOC, "[anon:mine]": kinds.NAMED,
        "[anon_shmem:mine]": kinds.SHARED, "/dev/shm/x": kinds.SHARED, "/memfd:x (deleted)": kinds.SHARED,
        "/SYSV00000000 (deleted)": kinds.SHARED, "/srv/data": kinds.FILE, "[vdso]": kinds.KERNEL,
        "[heap]": kinds.BRK, "[stack]": kinds.STACK, "[stack:4711]": kinds.STACK,
    }  # fmt: skip
    areas = tuple(
        Area(Mapping(at * MB, (at + 1) * MB, "rw-p", 0, name), {"Rss": 4096})
        for at, name in enumerate(names, 1)
    )

    found = regions(Snapshot(areas=areas))
    assert [each.kind for each in found] == list(names.values())
    assert [each.label for each in found][-2:] == ["main thread", "tid 4711"]


pages = st.integers(1, 60)


@st.composite
def spaces(draw: st.DrawFn) -> tuple[list[Area], list[Tracked]]:
    """Areas that do not overlap, and what a JVM might say, which may be anything."""
    edges = sorted(draw(st.sets(pages, min_size=2, max_size=12)))
    areas = [
        Area(Mapping(start << 12, end << 12, draw(st.sampled_from(("rw-p", "---p", "rwxp"))), 0,
                     draw(st.sampled_from(("", "", "/lib.so", "/x/classes.jsa", "[heap]")))),
             {"Rss": draw(st.integers(0, (end - start) << 12))})
        for start, end in pairwise(edges)
    ]  # fmt: skip
    said = st.builds(lambda a, b, what, committed: Tracked(a << 12, b << 12, what, committed), pages, pages,
                     st.sampled_from(("Java Heap", "Code", "Shared class space", "?")), st.booleans())  # fmt: skip
    return areas, draw(st.lists(said, max_size=8))


@given(spaces())
def test_nothing_is_lost_or_counted_twice_whatever_is_said(
    space: tuple[list[Area], list[Tracked]],
) -> None:
    areas, said = space
    nothing = Category(0, 0)
    snapshot = Snapshot(areas=tuple(areas), nmt=NativeMemory(nothing, {}, tuple(said)))

    found = regions(snapshot)

    assert sum(rss(found).values()) == snapshot.rss
    for area in areas:
        within = [each for each in found if area.mapping.start <= each.start < area.mapping.end]
        assert next(each.start for each in within) == area.mapping.start
        assert [each.end for each in within][-1] == area.mapping.end
        assert all(before.end == after.start for before, after in pairwise(within))
        assert sum(each.rss or 0 for each in within) == area.rss


def test_a_hostile_report_takes_no_time() -> None:
    """Small regions first, and then such that lie over all of them, again and again."""
    small = [
        Tracked(at << 13, (at << 13) + 4096, "Code", committed=False) for at in range(1, 40_000)
    ]
    large = [Tracked(0, 1 << 40, "GC", committed=False)] * 40_000
    snapshot = Snapshot(
        areas=(Area(Mapping(4096, 1 << 30, "rw-p", 0, ""), {"Rss": 4096}),),
        nmt=NativeMemory(Category(0, 0), {}, (*small, *large)),
    )
    start = time.process_time()
    found = regions(snapshot)

    assert time.process_time() - start < 3
    assert {each.kind for each in found} == {kinds.CODE, kinds.GC}
