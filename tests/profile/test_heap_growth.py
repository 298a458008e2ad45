"""What the rules learn from heap profiles: of real series, through the whole analysis."""

from __future__ import annotations

import pytest

from memops.profile.sorting import sort_files
from memops.profile.study import Inputs, Study, study
from memops.profile.verdict.evidence import Evidence, HeapGrowth
from memops.profile.verdict.growth import heap_growth
from memops.profile.verdict.judge import judge
from memops.profile.verdict.waterfall import OTHER_LIVE
from tests.corpus import read


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


def growth(found: Study) -> HeapGrowth:
    return heap_growth(found.analysis, found.series, {}, found.process.dumps)


@pytest.mark.parametrize(
    ("corpus", "culprit"),
    [
        ("jvm", "libz inflate called from Java_java_util_zip_Inflater_inflateBytesBytes +"),
        ("leak", "leak rent_page called from serve_request +"),
    ],
)
def test_a_real_series_leaks_and_names_its_function(corpus: str, culprit: str) -> None:
    found = growth(study(read.inputs(corpus)))
    (finding,) = [
        each for each in judge(Evidence(growth=found)).findings if each.kind == "native leak"
    ]

    assert (found.verdict, found.low > 0) == ("leaks", True)
    assert found.span == 60.0 * (found.dumps - 1) or found.span > 0
    assert found.culprits[0].startswith(culprit)
    assert finding.confidence == "likely"
    assert culprit in finding.sentence
    assert finding.bytes == found.grown > 0


def test_a_single_dump_grows_by_nothing() -> None:
    found = growth(study(read.inputs("forks"), pid=2702))

    assert (found.grown, found.dumps, found.verdict) == (0, 1, "")
    assert found.live > 0


def test_the_threads_are_told_by_their_names() -> None:
    whole = study(read.inputs("leak"))
    threads = {"zip-worker": 800, "t3": 150, "t4": 50}
    told = heap_growth(whole.analysis, whole.series, threads, 5).culprits
    nameless = heap_growth(whole.analysis, whole.series, {"t0": 1, "t12": 1}, 5).culprits

    assert told[-1] == "allocated by the threads: zip-worker 80 %, t3 15 %, t4 5 %"
    assert not any("threads" in line for line in nameless)


def test_profiles_and_memory_files_of_one_process_tell_the_same_leak() -> None:
    found = sort_files([read.verdict_directory("java-je-seep")])
    whole = study(Inputs(found.dumps, memory=found.memory))
    assert whole.verdict
    leak = whole.verdict.findings[0]

    assert (leak.kind, leak.confidence) == ("native leak", "likely")
    assert "libz" in leak.sentence
    assert any(line.startswith("allocated by the threads: java 9") for line in leak.evidence)
    assert whole.verdict.waterfall
    (other,) = [each for each in whole.verdict.waterfall.shares if each.name == OTHER_LIVE]
    assert other.bytes > 45 << 20
    assert not any(" alone; " in note for note in whole.notes)


def test_the_first_method_of_the_app_is_named() -> None:
    """By the perf map: unwinding by libgcc ends in the JDK's own method, so there is none here."""
    found = study(read.inputs("jvm", perf=True))
    told = growth(found).culprits

    assert any("java.util.zip" in call.function for call in found.analysis.stacks[0].calls)
    assert not any("Java method" in line for line in told)
