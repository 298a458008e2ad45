"""What JVMs of JDK 8, 11, 21 and 25 answer, captured: every file is known and read whole."""

from __future__ import annotations

import re
import tarfile
from functools import cache

import pytest

from memops.profile.memory import kinds
from memops.profile.memory.javaheap import parse_heap_info
from memops.profile.memory.kinds import kind_of
from memops.profile.memory.maps import first_file, parse_maps
from memops.profile.memory.nmt import parse_nmt
from memops.profile.memory.systemmap import parse_system_map
from memops.profile.symbols.jit import readable
from memops.profile.symbols.perfmap import parse_perf_map
from memops.profile.verdict.collect import read_snapshots
from tests.corpus.read import HERE

JDKS = [8, 11, 21, 25]
_KILOBYTES = 1 << 10


@cache
def said(jdk: int) -> dict[str, bytes]:
    with tarfile.open(HERE / "jdks" / f"{jdk}.tar.gz") as archive:
        members = {each.name: archive.extractfile(each) for each in archive.getmembers()}
        return {name: file.read() for name, file in members.items() if file}


HEAPS = [(jdk, name) for jdk in JDKS for name in said(jdk) if name.startswith("GC.heap_info")]


def test_each_jdk_was_asked_with_all_of_its_collectors() -> None:
    told = {jdk: {name.partition(" ")[2] for each, name in HEAPS if each == jdk} for jdk in JDKS}

    assert told == {
        8: {"Serial", "Parallel", "G1", "ConcMarkSweep"},
        11: {"Serial", "Parallel", "G1", "ConcMarkSweep", "Z", "Shenandoah"},
        21: {"Serial", "Parallel", "G1", "Z", "Shenandoah"},
        25: {"Serial", "Parallel", "G1", "Z", "Shenandoah"},
    }


@pytest.mark.parametrize(("jdk", "name"), HEAPS)
def test_the_heap_of_every_collector_is_read(jdk: int, name: str) -> None:
    text = said(jdk)[name]

    heap = parse_heap_info(text, name)

    assert kind_of(text, "x") == kinds.HEAP_INFO
    assert 200 << 20 < heap.total <= 256 << 20
    assert 0 < heap.used < 64 << 20
    if not name.endswith(" Z"):
        assert min(heap.ranges)[0] == 0xF0000000
        assert sum(end - start for start, end in heap.ranges) == 256 << 20


@pytest.mark.parametrize("jdk", JDKS)
@pytest.mark.parametrize("name", ["summary", "detail", "detail.diff"])
def test_the_categories_of_native_memory_tracking_add_up(jdk: int, name: str) -> None:
    text = said(jdk)[f"VM.native_memory {name}"]

    report = parse_nmt(text, name)

    rounded = 2 * len(report.categories) * _KILOBYTES  # each is told in whole kilobytes
    committed = sum(each.committed for each in report.categories.values())
    assert kind_of(text, "x") == (kinds.NMT_DIFF if "diff" in name else kinds.NMT)
    assert len(report.categories) == len(re.findall(rb"^- +\w", text, re.MULTILINE))
    assert abs(committed - report.total.committed) <= rounded
    if report.total.malloc:
        malloc = sum(each.malloc for each in report.categories.values())
        assert abs(malloc - report.total.malloc) <= rounded


@pytest.mark.parametrize("jdk", JDKS)
def test_the_sites_of_a_diff_are_not_counted_as_its_last_category(jdk: int) -> None:
    categories = parse_nmt(said(jdk)["VM.native_memory detail.diff"], "diff").categories

    last = list(categories.values())[-1]
    assert last.malloc <= last.committed + _KILOBYTES


@pytest.mark.parametrize("jdk", JDKS)
def test_regions_and_sites_of_the_detail_have_their_category(jdk: int) -> None:
    text = said(jdk)["VM.native_memory detail"]

    report = parse_nmt(text, "detail")

    committed = [each for each in report.regions if each.committed]
    whole = [each for each in report.regions if each.category == "Java Heap"]
    assert {each.category for each in committed} >= {"Java Heap", "Code", "Thread Stack", "GC"}
    assert all(each.category for each in report.regions)
    assert any(each.end - each.start == 256 << 20 for each in whole)
    sites = re.findall(rb"^ +\(+malloc=\d+KB (?:type|tag)=", text, re.MULTILINE)
    assert len(report.sites) >= 0.9 * len(sites) > 0


@pytest.mark.parametrize("jdk", [11, 21, 25])
def test_a_whole_report_of_vm_info_tells_what_the_single_commands_do(
    jdk: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("report") / "any.name"
    path.write_bytes(b"#\n" + said(jdk)["VM.info"])
    alone = parse_nmt(said(jdk)["VM.native_memory summary"], "nmt")

    found = read_snapshots([path], {path: 0.0})[0]

    assert found.nmt
    assert found.java_heap
    assert found.nmt.categories.keys() == alone.categories.keys()
    assert found.java_heap.total == 256 << 20
    assert b"C-Heap outstanding" in said(jdk)["VM.info"]


def test_what_jdk_8_does_not_know_is_a_refusal_and_no_error() -> None:
    for command in ("VM.info", "System.map", "Compiler.perfmap"):
        text = said(8)[command]
        assert b"Unknown diagnostic command" in text
        assert kind_of(text, "x") == kinds.REFUSED
        assert kind_of(text.partition(b"\n")[0] + b"\n", "x") == kinds.REFUSED  # stdout alone


@pytest.mark.parametrize("jdk", [21, 25])
def test_system_map_has_sizes_and_tags(jdk: int) -> None:
    text = said(jdk)["System.map"]

    tagged = parse_system_map(text, "map")

    assert kind_of(text, "x") == kinds.SYSTEM_MAP
    assert len(tagged) == len(re.findall(rb"^0x", text, re.MULTILINE))
    assert all(each.rss is not None for each in tagged)
    assert {tag.partition("-")[0] for each in tagged for tag in each.tags} >= {
        "JAVAHEAP", "CODE", "META", "CLASS", "CDS", "GC", "STACK",
    }  # fmt: skip


@pytest.mark.parametrize("jdk", [21, 25])
def test_every_name_of_a_perf_map_is_a_method_or_the_jvms_own(jdk: int) -> None:
    names = [readable(name) for name in parse_perf_map(said(jdk)["perf.map"]).names]

    methods = [name for name in names if not name.startswith("[")]
    assert len(names) == said(jdk)["perf.map"].count(b"\n")
    assert all(re.fullmatch(r"[\w.$]+\.[\w$<>]+", name) for name in methods)
    assert "[interpreter]" in names
    assert any(name.startswith("java.util.zip.Inflater.") for name in methods)


@pytest.mark.parametrize("jdk", JDKS)
def test_the_program_is_java_and_not_the_archive_below_it(jdk: int) -> None:
    assert first_file(parse_maps(said(jdk)["maps"])).endswith("/bin/java")
