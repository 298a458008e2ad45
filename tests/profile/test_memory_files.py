"""The files beside the heap profiles, captured together from one process: they must agree."""

from __future__ import annotations

import gzip
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.profile.memory.allocators import parse_jemalloc_stats, parse_malloc_info
from memops.profile.memory.areas import parse_pmap, parse_smaps, total
from memops.profile.memory.counters import parse_cgroup, parse_kilobytes
from memops.profile.memory.javaheap import JavaHeap, parse_heap_info
from memops.profile.memory.maps import parse_maps
from memops.profile.memory.nmt import CHeap, parse_c_heap, parse_nmt
from memops.profile.memory.systemmap import parse_system_map
from tests.corpus.read import HERE, verdict_case


def captured(name: str) -> bytes:
    return gzip.decompress((HERE / "memory" / f"{name}.gz").read_bytes())


def test_smaps_adds_up_to_its_rollup() -> None:
    areas = parse_smaps(captured("smaps"), "smaps")
    rollup = parse_kilobytes(captured("smaps_rollup"), "smaps_rollup")

    for size in ("Rss", "Anonymous", "Private_Dirty", "Swap", "AnonHugePages"):
        assert total(areas, size) == rollup[size]


def test_smaps_and_maps_tell_of_the_same_mappings() -> None:
    areas = parse_smaps(captured("smaps"), "smaps")

    assert [area.mapping for area in areas] == list(parse_maps(captured("maps")))


def test_pmap_tells_what_smaps_tells() -> None:
    smaps = parse_smaps(captured("smaps"), "smaps")
    simple, full = (parse_pmap(captured(name), name) for name in ("pmap-x", "pmap-X"))

    assert total(full) == total(simple) == total(smaps)
    assert total(full, "Anonymous") == total(smaps, "Anonymous")
    assert [area.rss for area in full] == [area.rss for area in smaps]
    assert [(each.mapping.start, each.mapping.end, each.mapping.perms) for each in full] == [
        (each.mapping.start, each.mapping.end, each.mapping.perms) for each in smaps
    ]
    assert [area.mapping.start for area in simple] == [area.mapping.start for area in smaps]
    assert {area.mapping.path for area in full} >= {"", "libjvm.so", "[heap]", "[stack]"}


def test_status_agrees_with_smaps() -> None:
    status = parse_kilobytes(captured("status"), "status")
    rss = total(parse_smaps(captured("smaps"), "smaps"))

    assert status["VmRSS"] == status["RssAnon"] + status["RssFile"] + status["RssShmem"]
    assert abs(status["VmRSS"] - rss) < 0.01 * rss


def test_native_memory_tracking_adds_up() -> None:
    for name in ("nmt-summary", "nmt-detail"):
        report = parse_nmt(captured(name), name)
        assert len(report.categories) > 15
        slack = 1024 * len(report.categories)  # each is rounded to a KB
        for size in ("reserved", "committed", "malloc"):
            parts = sum(getattr(each, size) for each in report.categories.values())
            assert abs(parts - getattr(report.total, size)) <= slack
    assert report.categories["Java Heap"].committed == 128 << 20


def test_a_diff_of_native_memory_tells_the_growth_since_the_baseline() -> None:
    report = parse_nmt(captured("nmt-summary.diff"), "diff")
    parts = sum(each.committed_growth for each in report.categories.values())

    assert report.total.committed_growth != 0
    assert abs(parts - report.total.committed_growth) <= 1024 * len(report.categories)
    assert parse_nmt(captured("nmt-summary"), "n").total.committed_growth == 0


def test_regions_of_native_memory_lie_in_their_reservations() -> None:
    regions = parse_nmt(captured("nmt-detail"), "detail").regions
    reserved = [each for each in regions if not each.committed]

    assert {"Java Heap", "Code", "Thread Stack", "Class"} <= {each.category for each in regions}
    assert all(each.category for each in regions)
    for region in regions:
        inside = [
            each for each in reserved if each.start <= region.start and region.end <= each.end
        ]
        assert {each.category for each in inside} <= {region.category}


def test_the_detail_tells_who_called_malloc() -> None:
    report = parse_nmt(captured("nmt-detail"), "detail")
    by_category = Counter[str]()
    for site in report.sites:
        by_category[site.category] += site.size

    assert len(report.sites) > 20
    assert all(0 < len(site.frames) <= 4 for site in report.sites)
    assert any("create_vm" in frame for site in report.sites for frame in site.frames)
    internal = report.categories["Internal"].malloc  # has no arenas; sites under a KB are left out
    assert 0.7 * internal < by_category["Internal"] <= internal


def test_the_c_heap_of_vm_info_is_read() -> None:
    heap = parse_c_heap(captured("vm-info"))

    assert heap is not None
    assert heap.outstanding > 600 * 40_000  # what 600 inflaters hold
    assert heap.retained
    assert not heap.may_have_wrapped
    assert parse_c_heap(b"C-Heap outstanding allocations: 0K, retained: 0K\n") == CHeap(0, 0)
    assert parse_c_heap(b"no such line") is None
    # Written by hand after os_linux.cpp: an older glibc, and an older JDK with it.
    told = b"C-Heap outstanding allocations: 10K, retained: 2K (may have wrapped)\n"
    assert parse_c_heap(told) == CHeap(10 << 10, 2 << 10, may_have_wrapped=True)
    told = b"C-Heap outstanding allocations: 323983K (may have wrapped)\n"
    assert parse_c_heap(told) == CHeap(323983 << 10, None, may_have_wrapped=True)


def test_malloc_info_tells_held_from_kept() -> None:
    found = parse_malloc_info(captured("malloc_info"), "info")

    assert [arena.number for arena in found.arenas] == [0, 1]
    assert sum(arena.system for arena in found.arenas) == 512000
    assert found.free == 261980
    assert found.in_use == 512000 - 261980


def test_the_statistics_of_jemalloc_are_found_among_other_lines() -> None:
    text = captured("jemalloc-stats")
    once = parse_jemalloc_stats(text, "stats")
    twice = parse_jemalloc_stats(b'x\n{"jemalloc": 1}\n' + text + b"noise {\n" + text, "stats")

    assert once[0].version.startswith("5.3.0")
    assert once[0].profiling
    assert once[0].allocated <= once[0].active <= once[0].resident
    assert twice == once * 2


V2 = {
    "memory.current": b"1000000\n",
    "memory.max": b"2000000\n",
    "memory.stat": b"anon 700000\nfile 250000\ninactive_file 200000\nshmem 4096\n",
}


def test_both_versions_of_cgroups_speak_with_the_same_words() -> None:
    names = ("memory.stat", "memory.usage_in_bytes", "memory.limit_in_bytes")
    old = parse_cgroup({name: captured(f"v1-{name}") for name in names})
    new = parse_cgroup(V2)

    assert old.limit is None
    assert old.current is not None
    assert old.stat["anon"] > 100 << 20  # of the whole tree, not of its root alone
    assert {"anon", "file", "shmem", "inactive_file"} <= set(old.stat) & set(new.stat)
    assert (new.current, new.limit, new.working_set) == (1_000_000, 2_000_000, 800_000)
    assert parse_cgroup(V2 | {"memory.max": b"max\n"}).limit is None
    assert parse_cgroup({}).working_set is None
    assert parse_cgroup({"memory.stat": captured("v1-memory.stat")}).stat == old.stat


Parser = Callable[[bytes, str], object]
PARSERS: list[Parser] = [
    parse_smaps, parse_pmap, parse_kilobytes, parse_nmt, parse_malloc_info, parse_jemalloc_stats,
    parse_system_map, parse_heap_info,
]  # fmt: skip


@pytest.mark.parametrize("parse", PARSERS)
def test_other_files_are_refused_by_name(parse: Parser) -> None:
    with pytest.raises(UsageError, match=r"^some\.file:1: ") as refused:
        parse(b"something else\n", "some.file")
    assert refused.value.remedy


def of_case(case: str, name: str) -> bytes:
    return next(path for path in verdict_case(case)["1"] if path.name == name).read_bytes()


@pytest.mark.parametrize("case", ["java-garbage", "java-g1-leak", "java25-leak"])
def test_the_java_heap_lies_where_its_mappings_are(case: str) -> None:
    found = parse_heap_info(of_case(case, "heap_info"), "heap_info")
    committed = parse_nmt(of_case(case, "nmt"), "nmt").categories["Java Heap"].committed
    start, end = min(found.ranges)[0], max(found.ranges)[1]
    mapped = [area for area in parse_smaps(of_case(case, "smaps"), "smaps")
              if start <= area.mapping.start < end]  # fmt: skip

    assert found.used <= found.total <= committed
    assert mapped[0].mapping.start == start
    assert mapped[-1].mapping.end <= end
    assert total(mapped) <= committed


def test_zgc_tells_sizes_without_addresses() -> None:
    """Written by hand after zCollectedHeap.cpp."""
    text = b" ZHeap           used 20M, capacity 256M, max capacity 4096M\n Metaspace used 1K\n"

    assert parse_heap_info(text, "x") == JavaHeap(256 << 20, 20 << 20, ())


def test_system_map_tells_the_mappings_of_smaps() -> None:
    tagged = parse_system_map(of_case("java25-leak", "system_map"), "map")
    areas = parse_smaps(of_case("java25-leak", "smaps"), "smaps")
    known = {(area.mapping.start, area.mapping.end, area.mapping.perms) for area in areas}

    assert sum((each.start, each.end, each.perms) in known for each in tagged) > 0.95 * len(areas)
    assert {each.path for each in tagged} <= {area.mapping.path for area in areas}


NAMES = ["smaps", "pmap-x", "pmap-X", "status", "nmt-detail", "malloc_info", "jemalloc-stats"]


@pytest.mark.parametrize("parse", PARSERS)
@given(
    name=st.sampled_from(NAMES),
    noise=st.binary(max_size=80),
    start=st.integers(0, 20_000),
    at=st.integers(0, 3000),
    size=st.integers(0, 4000),
)
def test_no_bytes_crash_them(
    parse: Parser, name: str, noise: bytes, start: int, at: int, size: int
) -> None:
    page = captured(name)[start : start + size]
    with suppress(UsageError):
        parse(page[:at] + noise + page[at + 10 :], "noise")


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "tail",
    [b" ", b"x", b"0", b"[", b"\n", b"- A ", b"\t [0x1 - 0x2] reserved 1KB for ", b"[0x1] f+0x1\n"],
)
def test_a_long_tail_takes_no_time(parse: Parser, tail: bytes) -> None:
    """A pattern that tries each end of each start would take minutes."""
    for name in ("pmap-x", "nmt-summary", "smaps"):
        start = time.process_time()
        with suppress(UsageError):
            parse(captured(name) + tail * (300_000 // len(tail)), "long")
        assert time.process_time() - start < 3
