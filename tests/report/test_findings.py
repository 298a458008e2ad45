"""A verdict as people read it, and as programs do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memops.profile.growth.filters import Filters, pattern
from memops.profile.inspection import Inspection, inspect
from memops.profile.sorting import sort_files
from memops.profile.study import Inputs, study
from memops.profile.verdict.values import Finding, Share, Verdict, Waterfall
from memops.report import FORMATS, INSPECTIONS
from memops.report.findings import findings, waterfall
from memops.report.view import View
from tests.corpus.read import VERDICTS, verdict_case, verdict_directory
from tests.report.schema import Validator

PUBLISHED = json.loads((Path(__file__).parents[2] / "docs" / "analyze.schema.json").read_text())


def inspected(name: str) -> Inspection:
    paths = [path for stop in verdict_case(name).values() for path in stop]
    return inspect(Inputs((), app="orders", host="web-1", memory=paths))


def test_the_finding_comes_first_then_its_evidence_what_next_and_where_the_memory_is() -> None:
    lines = INSPECTIONS["text"](inspected("java-leak"), View()).splitlines()

    assert lines[0].startswith("orders on web-1, pid ")
    assert lines[0].endswith(": 2 snapshots over 10 min 00 s, 80.2 MiB RSS") or "RSS" in lines[0]
    assert lines[2].startswith("native leak (likely): +58.7 MiB are live in malloc that the JVM")
    assert lines[3].startswith("    VM.info: ")
    assert (
        "    next: memops enable-profiling --hosts web-1  # for the function that allocates"
        in lines
    )
    assert any(line.endswith("RSS, of which are") for line in lines)
    assert "unexplained anonymous" in lines[-1]


@pytest.mark.parametrize("name", VERDICTS)
def test_the_lines_of_the_waterfall_add_up(name: str) -> None:
    found = inspected(name)
    told = found.verdict.waterfall
    assert told
    lines = waterfall(found.verdict, 1000)
    small = [share for share in told.shares[:-1] if share.bytes < 0.01 * told.rss]

    for share in told.shares:
        assert any(share.name in line for line in lines)
    assert len(lines) == 1 + len(told.shares) - len(small) + bool(small)


@pytest.mark.parametrize("name", ["c-shared", "java25-threads", "c-steady"])
def test_programs_get_the_whole_verdict(name: str) -> None:
    found = inspected(name)
    told = json.loads(INSPECTIONS["json"](found, View()))

    assert Validator(PUBLISHED).faults(told, PUBLISHED["$defs"]["inspection"]) == []
    assert (told["schema"], told["app"], told["host"]) == (2, "orders", "web-1")
    assert [each["kind"] for each in told["verdict"]["findings"]] == [
        each.kind for each in found.verdict.findings
    ]
    shares = told["verdict"]["waterfall"]["shares"]
    assert (
        sum(each["bytes"] for each in shares)
        == told["verdict"]["waterfall"]["rss"]
        == told["rss"][-1]
    )
    assert {"start", "end", "kind", "label", "rss"} == set(told["verdict"]["regions"][0])


def test_what_a_stranger_named_does_not_reach_the_terminal() -> None:
    hostile = "\x1b[2Jx\u202e"
    share = Share(hostile, 5 << 20, hostile)
    verdict = Verdict(
        (Finding("k", hostile, (hostile,), "likely", hostile),), Waterfall(9, (share, share))
    )

    for line in (*findings(verdict), *waterfall(verdict, 100)):
        assert line.isprintable()


def test_there_is_nothing_to_say_without_a_verdict() -> None:
    assert findings(None) == waterfall(None, 80) == []


def test_a_study_tells_its_verdict_as_published() -> None:
    given = sort_files([verdict_directory("java-je-seep")])
    found = study(Inputs(given.dumps, memory=given.memory))
    told = json.loads(FORMATS["json"](found, View()))

    assert Validator(PUBLISHED).faults(told, PUBLISHED) == []
    assert told["verdict"]["findings"][0]["kind"] == "native leak"
    lines = FORMATS["text"](found, View()).splitlines()
    assert lines.index("") < next(
        at for at, line in enumerate(lines) if line.startswith("native leak (likely): ")
    )
    assert "native leak (likely): " in FORMATS["terminal"](found, View())


def test_filters_leave_the_verdict_whole() -> None:
    """What is hidden from the tables must not be missing from the waterfall."""
    given = sort_files([verdict_directory("java-je-seep")])
    inputs = Inputs(given.dumps, memory=given.memory)
    found = study(inputs, filters=Filters(focus=pattern("nothing at all", "")))

    assert found.verdict
    assert found.verdict.waterfall == inspect(inputs).verdict.waterfall
