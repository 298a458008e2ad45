"""What a process suffers from: each captured case has its one finding, and none of its neighbours'."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from memops.profile.memory.allocators import MallocInfo
from memops.profile.memory.counters import parse_cgroup
from memops.profile.memory.nmt import CHeap
from memops.profile.verdict.collect import read_snapshots
from memops.profile.verdict.evidence import Evidence, HeapGrowth, Snapshot, Subject
from memops.profile.verdict.judge import NOT_ENOUGH, NOT_JUDGED, NOTHING, RULES, judge
from tests.corpus.read import VERDICTS, verdict_case

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from memops.profile.verdict.values import Finding, Verdict

MB = 1 << 20
EXPECTED = {
    "c-steady": NOTHING,
    "c-leak": "native leak",
    "c-blocks": "native leak",
    "c-retain": "glibc retention",
    "c-stacks": "thread stacks",
    "c-anonymous": "memory outside malloc",
    "c-huge": "THP bloat",
    "c-shared": "shared memory",
    "c-mapped": "mapped files",
    "c-cache": "page cache",
    "je-leak": "native leak",
    "je-retain": "jemalloc dirty pages",
    "java-steady": NOTHING,
    "java-leak": "native leak",
    "java-g1-leak": "native leak",
    "java25-leak": "native leak",
    "java-retain": "glibc retention",
    "java-classes": "JVM-internal",
    "java-direct": "JVM-internal",
    "java-garbage": "Java heap",
    "java-threads": "thread stacks",
    "java25-threads": "thread stacks",
    "java-mapped": "mapped files",
    "java-je-leak": NOT_ENOUGH,
    "java-je-seep": NOT_ENOUGH,
}
SURE = {
    "c-retain": "certain", "java-retain": "certain", "java-direct": "certain", "je-retain": "certain",
    "java-classes": "certain", "java-threads": "certain", "c-stacks": "likely", "java-leak": "likely",
}  # fmt: skip
# Which files tell the case from its neighbours: without them it must not be called by its name.
DECIDING = {
    "c-leak": ("allocator",), "c-blocks": ("allocator",), "c-retain": ("allocator",),
    "c-anonymous": ("allocator",), "je-retain": ("allocator",),
    "java-leak": ("vminfo",), "java-retain": ("vminfo",), "java-direct": ("nmt", "nmt.diff"),
    "java-classes": ("nmt", "nmt.diff"), "c-huge": ("smaps", "smaps_rollup"), "c-cache": ("memory.stat",),
    "java-garbage": ("smaps",), "c-stacks": ("smaps",), "c-mapped": ("smaps", "status"),
    "c-shared": ("smaps", "status", "memory.stat"),
}  # fmt: skip


def evidence(name: str, *but: str) -> Evidence:
    paths = [path for stop in verdict_case(name, *but).values() for path in stop]
    return Evidence(read_snapshots(paths, {}))


def real(verdict: Verdict) -> list[Finding]:
    return [each for each in verdict.findings if each.kind != NOT_JUDGED]


def test_every_case_that_was_captured_is_expected() -> None:
    assert sorted(EXPECTED) == VERDICTS


@pytest.mark.parametrize("name", VERDICTS)
def test_a_case_has_its_finding_and_none_of_its_neighbours(name: str) -> None:
    verdict = judge(evidence(name))

    assert [each.kind for each in real(verdict)] == [EXPECTED[name]]
    assert verdict.findings[0].confidence == SURE.get(name, verdict.findings[0].confidence)
    assert all(each.next and each.sentence for each in verdict.findings)


@pytest.mark.parametrize(
    "name", [each for each in VERDICTS if EXPECTED[each] not in {NOTHING, NOT_ENOUGH, "page cache"}]
)
def test_a_finding_is_about_what_grew(name: str) -> None:
    given = evidence(name)
    finding = judge(given).findings[0]

    assert given.rss_growth is not None
    assert 0.5 * given.rss_growth < finding.bytes < 1.5 * given.rss_growth


@pytest.mark.parametrize("name", [each for each in VERDICTS if each.startswith("java")])
def test_a_summary_of_native_memory_is_enough_beside_smaps(name: str, tmp_path: Path) -> None:
    """What collecting brings home: no regions of NMT, no bounds of the heap, no System.map."""
    paths = []
    for stop, files in verdict_case(name, "heap_info", "system_map", "nmt.diff").items():
        (tmp_path / stop).mkdir()
        for path in files:
            text = path.read_bytes().partition(b"\nVirtual memory map:")[0]
            paths.append(tmp_path / stop / path.name)
            paths[-1].write_bytes(text)
    verdict = judge(Evidence(read_snapshots(paths, {})))

    assert [each.kind for each in real(verdict)] == [EXPECTED[name]]


@pytest.mark.parametrize("name", DECIDING)
def test_without_the_file_that_decides_nothing_is_claimed(name: str) -> None:
    verdict = judge(evidence(name, *DECIDING[name]))
    told = verdict.findings[-1]

    assert EXPECTED[name] not in {each.kind for each in verdict.findings}
    assert told.kind in {NOT_ENOUGH, NOT_JUDGED}
    assert any(line.startswith(f"{EXPECTED[name]}: needs ") for line in told.evidence)


@pytest.mark.parametrize("name", VERDICTS)
def test_the_shares_of_the_waterfall_are_the_rss(name: str) -> None:
    verdict = judge(evidence(name))

    assert verdict.waterfall is not None
    assert sum(each.bytes for each in verdict.waterfall.shares) == verdict.waterfall.rss
    assert min(each.bytes for each in verdict.waterfall.shares) >= 0
    assert verdict.waterfall.rss == sum(each.rss or 0 for each in verdict.regions)


@pytest.mark.parametrize("name", VERDICTS)
def test_any_of_its_files_in_any_order_make_a_verdict(name: str) -> None:
    """Which kind it is may not be known then, but never is it one of the neighbours'."""
    fair = {EXPECTED[name], NOT_ENOUGH, NOT_JUDGED, NOTHING}
    if EXPECTED[name] == "native leak" and name != "java-je-leak":
        fair.add("memory outside malloc")  # it is, as far as NMT alone can tell
    if EXPECTED[name] == "thread stacks":
        fair.add("JVM-internal")  # NMT counts stacks too, where no address tells them
    paths = [path for stop in verdict_case(name).values() for path in stop]
    choose = random.Random(name)
    for _ in range(6):
        some = choose.sample(paths, choose.randint(1, len(paths)))
        verdict = judge(Evidence(read_snapshots(some, {})))
        kinds = {each.kind for each in verdict.findings if each.confidence == "certain"}
        assert kinds <= fair, [path.parent.name + path.name for path in some]
        if verdict.waterfall:
            assert sum(each.bytes for each in verdict.waterfall.shares) == verdict.waterfall.rss


@pytest.mark.parametrize("name", ["java25-threads", "java-leak", "je-retain", "c-cache"])
def test_damaged_files_are_told_of_and_never_crash(name: str, tmp_path: Path) -> None:
    choose = random.Random(name)
    for attempt in range(6):
        paths = []
        for stop, files in verdict_case(name).items():
            (tmp_path / f"{attempt}.{stop}").mkdir()
            for path in files:
                text = bytearray(path.read_bytes())
                for _ in range(choose.randint(0, 3)):
                    at, size = choose.randrange(len(text) + 1), choose.randint(1, 400)
                    text[at : at + size] = choose.randbytes(choose.randint(0, 60))
                paths.append(tmp_path / f"{attempt}.{stop}" / path.name)
                paths[-1].write_bytes(text)
        verdict = judge(Evidence(read_snapshots(paths, {}, [])))
        assert verdict.findings
        if verdict.waterfall:
            assert sum(each.bytes for each in verdict.waterfall.shares) == verdict.waterfall.rss


@pytest.mark.parametrize("name", VERDICTS)
def test_a_single_snapshot_tells_no_growth(name: str) -> None:
    paths = verdict_case(name)["1"]
    verdict = judge(
        Evidence(read_snapshots([each for each in paths if each.name != "nmt.diff"], {}))
    )

    assert not any(
        "+" in each.sentence or "grew by" in each.sentence
        for each in real(verdict)
        if each.kind != NOT_ENOUGH
    )
    assert verdict.findings[-1].kind == NOT_ENOUGH


def test_a_diff_tells_growth_since_its_baseline() -> None:
    paths = [path for path in verdict_case("java-direct")["1"] if path.name != "nmt"]
    finding = judge(Evidence(read_snapshots(paths, {}))).findings[0]

    assert finding.kind == "JVM-internal"
    assert "since its baseline" in finding.evidence[0]
    assert finding.evidence[-1] == "+96.0 MiB of it by Unsafe_AllocateMemory0 < code without a name"


def test_without_the_address_space_the_jvm_tells_of_its_stacks() -> None:
    finding = judge(evidence("java-threads", "smaps")).findings[0]

    assert (finding.kind, "(Thread)" in finding.sentence) == ("JVM-internal", True)


def test_without_the_address_space_what_glibc_keeps_is_an_upper_bound() -> None:
    finding = judge(evidence("java-retain", "smaps")).findings[0]

    assert (finding.kind, finding.confidence) == ("glibc retention", "possible")
    assert "at most" in finding.sentence


@pytest.mark.parametrize(
    ("stat", "kinds"),
    [
        (b"anon 100000000\nfile 800000000\ninactive_file 700000000\nshmem 0\n", {"page cache"}),
        (b"anon 100000000\nfile 800000000\ninactive_file 0\nshmem 790000000\n", {"shared memory"}),
        (b"anon 880000000\nfile 20000000\ninactive_file 9000000\nshmem 0\n", set()),
    ],
)
def test_a_control_group_of_version_2_tells_cache_from_tmpfs(stat: bytes, kinds: set[str]) -> None:
    """Written by hand after cgroup-v2.rst: this machine has version 1."""
    group = parse_cgroup({"memory.current": b"910000000\n", "memory.stat": stat})
    found = judge(Evidence((Snapshot(cgroup=group),))).findings

    assert {each.kind for each in found} - {NOT_ENOUGH} == kinds


def test_numbers_that_began_anew_at_4_gib_are_not_believed() -> None:
    """Made by hand: a process of 5 GiB under a glibc before 2.33."""
    status = {"VmRSS": 5 << 30, "RssAnon": 5 << 30}
    wrapped = CHeap(100 * MB, 900 * MB, may_have_wrapped=True)
    large = Evidence((Snapshot(status=status, c_heap=wrapped),))
    small = Evidence((Snapshot(status={"VmRSS": 2 << 30, "RssAnon": 2 << 30}, c_heap=wrapped),))

    assert "glibc retention" not in {each.kind for each in judge(large).findings}
    assert "glibc retention" in {each.kind for each in judge(small).findings}


def test_the_evidence_names_the_threads() -> None:
    finding = judge(evidence("java25-threads")).findings[0]

    assert "150 are named worker-N" in finding.evidence


def malloc(live: int) -> Snapshot:
    """Made by hand: only what malloc says of itself."""
    return Snapshot(malloc_info=MallocInfo((), live))


@pytest.mark.parametrize(
    ("sizes", "confidence"),
    [
        ((50, 100, 150, 200), ["likely"]),
        ((50, 200, 200, 200), ["possible"]),
        ((50, 200, 198, 203, 201, 202), ["possible"]),
        ((50, 51, 52, 53), []),
        ((200, 150, 100, 50), []),
    ],
)
def test_a_cache_that_filled_is_no_leak_that_goes_on(
    sizes: Sequence[int], confidence: list[str]
) -> None:
    verdict = judge(Evidence(tuple(malloc(size * MB) for size in sizes)))

    assert [each.confidence for each in real(verdict) if each.kind == "native leak"] == confidence


GROWTH = HeapGrowth(live=300 * MB, grown=200 * MB, dumps=10, span=86400, low=50_000, high=60_000,
                    verdict="leaks", culprits=("libz inflateInit2_ called from Inflater_init",))  # fmt: skip


@pytest.mark.parametrize(
    ("growth", "confidence"),
    [
        (GROWTH, "certain"),
        (replace(GROWTH, dumps=5), "likely"),
        (replace(GROWTH, span=3600), "likely"),
        (replace(GROWTH, dumps=2, span=0, verdict=""), "possible"),
        (replace(GROWTH, verdict="plateaus"), ""),
        (replace(GROWTH, verdict="periodic"), ""),
        (replace(GROWTH, verdict="steady"), ""),
        (replace(GROWTH, verdict="too early to tell"), ""),
        (replace(GROWTH, verdict="", grown=MB), ""),
    ],
)
def test_a_series_of_heap_profiles_tells_a_leak_and_its_function(
    growth: HeapGrowth, confidence: str
) -> None:
    verdict = judge(Evidence(growth=growth))
    leaks = [each for each in verdict.findings if each.kind == "native leak"]

    assert [each.confidence for each in leaks] == ([confidence] if confidence else [])
    assert all("inflateInit2_" in each.sentence for each in leaks)


def test_of_less_than_a_day_it_is_said_that_a_rise_by_day_looks_the_same() -> None:
    def evidence_of(span: float) -> str:
        return " ".join(judge(Evidence(growth=replace(GROWTH, span=span))).findings[0].evidence)

    assert "for longer than 3 h 00 min before it falls" in evidence_of(3 * 3600)
    assert "before it falls" not in evidence_of(86400)


def test_what_the_counters_show_and_the_profiles_do_not_is_told() -> None:
    given = replace(evidence("c-leak"), growth=replace(GROWTH, verdict="steady", live=9 * MB))
    (finding,) = real(judge(given))

    assert (finding.kind, finding.confidence) == ("native leak", "likely")
    assert "the heap profiles do not show it (steady)" in finding.evidence[-1]


def test_the_next_command_names_the_host_and_the_process() -> None:
    fleet = replace(evidence("java-leak"), subject=Subject("orders", "web-1", 12))
    here = replace(evidence("java-retain"), subject=Subject(pid=12))

    assert "--hosts web-1" in judge(fleet).findings[0].next
    assert "jcmd 12 System.trim_native_heap" in judge(here).findings[0].next


def test_nothing_at_all_is_not_enough() -> None:
    (only,) = judge(Evidence()).findings

    assert only.kind == NOT_ENOUGH
    assert len(only.evidence) >= 4


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_where_it_is_documented(rule: object) -> None:
    told = " ".join((rule.__doc__ or "").split())
    assert any(
        word in told for word in ("issue", "JDK-", "man 5", "manual", "JEP", ".rst", "glibc")
    ), told


def test_paths_may_be_of_any_directory(tmp_path: Path) -> None:
    for stop, paths in verdict_case("c-leak").items():
        for path in paths:
            (tmp_path / f"{path.name}.{stop}").write_bytes(path.read_bytes())
    found = read_snapshots(sorted(tmp_path.iterdir()), {})  # written at once: their order tells

    assert [each.rss for each in found] == [each.rss for each in evidence("c-leak").snapshots]
