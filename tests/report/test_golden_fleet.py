"""What people read of a fleet of real dumps. `python -m tests.report.test_golden_fleet` rewrites it."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memops.profile.fleet.comparison import compare, compare_resident
from memops.profile.fleet.fleet import fleet
from memops.profile.fleet.lives import Read, read_lives
from memops.profile.fleet.memory import memory_of
from memops.profile.fleet.resident import read_resident
from memops.profile.fleet.restarts import restarts
from memops.profile.growth.naming import Lexicon
from memops.profile.growth.window import parse_range
from memops.report import lives_json
from memops.report.comparison import comparison_text
from memops.report.fleet import fleet_text
from memops.report.resident import resident_text
from memops.report.restarts import restarts_text
from memops.report.view import View
from tests.corpus import read
from tests.profile.fleet import proc
from tests.report.schema import Validator
from tests.report.test_golden import GOLDEN

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[2] / "docs"
VIEW = View(top=6)
LABELS = {host: {"label": "stable"} for host in read.HOSTS[:4]} | {"web-5": {"label": "canary"}}


def _fleet(*hosts: str, style: str = "text") -> str:
    found = read_lives(read.fleet(*hosts))
    show = lives_json.fleet_json if style == "json" else fleet_text
    return show(fleet("shop", found.hosts, LABELS, found.notes), VIEW)


def _restarts(host: str, style: str = "text", view: View = VIEW) -> str:
    found = read_lives(read.fleet(host))
    show = lives_json.restarts_json if style == "json" else restarts_text
    return show(restarts("shop", found.hosts[0], found.notes), view)


def _compared(before: str, after: str, *hosts: str, style: str = "text") -> str:
    lexicon = Lexicon()

    def side(text: str, name: str) -> Read:
        return read_lives(read.fleet(*hosts), window=parse_range(text, name), lexicon=lexicon)

    one, other = side(before, "--before"), side(after, "--after")
    show = lives_json.comparison_json if style == "json" else comparison_text
    return show(compare("shop", one.hosts, other.hosts), VIEW)


def _with_memory(*hosts: str, style: str = "text", view: View = VIEW) -> str:
    """The fleet with memory files beside it, and a host of which there are no others."""
    with tempfile.TemporaryDirectory() as name:
        inputs = proc.beside(read.fleet(*hosts), Path(name))
        found = read_lives(inputs)
        rss = read_resident(inputs)
        whole = fleet("shop", found.hosts, LABELS, found.notes)
        whole = replace(whole, memory=memory_of(whole.hosts, rss.hosts, inputs))
        show = lives_json.fleet_json if style == "json" else fleet_text
        return show(whole, view)


def _compared_rss(style: str = "text", view: View = VIEW, *, profiled: bool = False) -> str:
    """The RSS before and after, alone or beside the live bytes."""
    windows = [parse_range("..2026-11-24T00:59Z", "--before"), parse_range(LATER, "--after")]
    with tempfile.TemporaryDirectory() as name:
        inputs = proc.beside(read.fleet("web-1", "web-2"), Path(name))
        inputs = inputs if profiled else [each._replace(dumps=()) for each in inputs]
        rss = [read_resident(inputs, window=each) for each in windows]
        told = compare_resident("shop", rss[0].hosts, rss[1].hosts)
        if not profiled:
            return (lives_json.resident_json if style == "json" else resident_text)(told, view)
        lexicon = Lexicon()
        one, other = (read_lives(inputs, window=each, lexicon=lexicon) for each in windows)
        found = compare("shop", one.hosts, other.hosts, (), told)
        return (lives_json.comparison_json if style == "json" else comparison_text)(found, view)


NARROW = View(top=6, width=80, unit="KiB")
NIGHT, LATER = "..2026-11-24T00:59Z", "2026-11-24T01:00Z.."
FIRST, SECOND = "..2026-11-23T22:30Z", "2026-11-23T23:00Z..2026-11-24T00:30Z"
CASES: dict[str, Callable[[], str]] = {
    "fleet.text": _fleet,
    "fleet.json": lambda: _fleet("web-1", "web-5", "web-2", style="json"),
    "fleet-two.text": lambda: _fleet("web-2", "web-5"),
    "restarts-remedy.text": lambda: _restarts("web-1"),
    "restarts-canary.text": lambda: _restarts("web-5"),
    "restarts.json": lambda: _restarts("web-2", "json"),
    "compare-fell.text": lambda: _compared(NIGHT, LATER, "web-1"),
    "compare-rose.text": lambda: _compared(FIRST, SECOND, "web-5"),
    "compare-same.text": lambda: _compared(FIRST, SECOND, "web-2", "web-3", "web-4"),
    "compare-early.text": lambda: _compared(FIRST, "2026-11-23T23:30Z..2026-11-23T23:45Z"),
    "compare-alone.text": lambda: _compared(NIGHT, LATER),
    "fleet-memory.text": lambda: _with_memory("web-1", "web-2", "web-5"),
    "fleet-memory-80.text": lambda: _with_memory("web-1", "web-2", "web-5", view=NARROW),
    "fleet-memory.json": lambda: _with_memory("web-2", "web-5", style="json"),
    "restarts-GiB.text": lambda: _restarts("web-1", view=VIEW._replace(unit="GiB")),
    "compare-rss.text": _compared_rss,
    "compare-rss-80.text": lambda: _compared_rss(view=NARROW),
    "compare-rss.json": lambda: _compared_rss("json"),
    "compare-beside.text": lambda: _compared_rss(profiled=True),
    "compare-beside.json": lambda: _compared_rss("json", profiled=True),
    "compare.json": lambda: _compared(NIGHT, LATER, "web-1", "web-2", style="json"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_report_on_lives_reads_as_the_golden_file(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(read.HERE)

    assert CASES[case]() == (GOLDEN / f"lives-{case}").read_text()


@pytest.mark.parametrize("case", [name for name in CASES if name.endswith(".json")])
def test_programs_read_what_is_published(case: str) -> None:
    published = json.loads((DOCS / "lives.schema.json").read_text())
    found = json.loads((GOLDEN / f"lives-{case}").read_text())
    kind = published["$defs"][found["kind"]]

    assert Validator(published).faults(found, kind) == []


if __name__ == "__main__":
    os.chdir(read.HERE)
    for each, render in CASES.items():
        (GOLDEN / f"lives-{each}").write_text(render())
