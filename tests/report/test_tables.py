"""CSV, speedscope's JSON and jeprof's table, over real dumps and hostile ones."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memops.profile.study import Inputs, Study, study
from memops.report import FORMATS
from memops.report.files import FILES
from memops.report.view import View
from tests.corpus import read
from tests.report import dumps

if TYPE_CHECKING:
    from collections.abc import Sequence

JEPROF = json.loads((Path(__file__).parent / "golden" / "jeprof-text.json").read_text())


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


def rows(each: Study) -> list[list[str]]:
    text = FILES["csv"](each, View()).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def scope(each: Study) -> Any:
    return json.loads(FILES["speedscope"](each, View()))


def stacks(profile: Any, frames: Sequence[Any]) -> dict[tuple[str, ...], int]:
    names = [tuple(frames[at]["name"] for at in sample) for sample in profile["samples"]]
    assert len(set(names)) == len(names)
    return dict(zip(names, profile["weights"], strict=True))


@pytest.mark.parametrize("name", read.NAMES)
def test_both_add_up_to_the_growth(name: str) -> None:
    each = study(read.inputs(name))
    head, *table = rows(each)
    found = scope(each)
    sums = [sum(profile["weights"]) for profile in found["profiles"]]

    assert head == ["stack", "bytes", "objects", "error"]
    assert sum(int(row[1]) for row in table) == each.analysis.growth.bytes
    assert sum(int(row[2]) for row in table) == each.analysis.growth.objects
    assert sums[0] - sum(sums[1:]) == each.analysis.growth.bytes
    assert [profile["endValue"] for profile in found["profiles"]] == sums


def test_csv_has_what_grew_and_what_shrank_and_no_formula(tmp_path: Path) -> None:
    _, *table = rows(dumps.hostile(tmp_path, *dumps.GREW))
    found = {stack: (int(size), int(objects)) for stack, size, objects, _ in table}

    assert found["'=HYPERLINK(1);a:b,c\"d;<script>alert('x')</script> & \"co\" ]]>"] == (4000, 2)
    assert found["'=HYPERLINK(1);?[31mred??"] == (-400, -1)
    assert found["[no stack]"] == (10, 1)
    assert [int(row[1]) for row in table] == sorted((int(row[1]) for row in table), reverse=True)


def test_speedscope_has_what_shrank_beside_what_grew(tmp_path: Path) -> None:
    found = scope(dumps.hostile(tmp_path, *dumps.GREW))
    frames = found["shared"]["frames"]
    grown, shrunk = (stacks(profile, frames) for profile in found["profiles"])

    assert grown[dumps.NAMES[2], dumps.NAMES[1], dumps.NAMES[0]] == 4000
    assert grown[()] == 10
    assert shrunk == {(dumps.NAMES[2], "?[31mred??"): 400}
    assert [profile["name"] for profile in found["profiles"]] == ["grown", "shrunk"]


def test_speedscope_keeps_to_its_schema() -> None:
    found = scope(study(read.inputs("jvm", perf=True)))
    profile = found["profiles"][0]

    assert found["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert (profile["type"], profile["unit"], profile["startValue"]) == ("sampled", "bytes", 0)
    assert len(profile["samples"]) == len(profile["weights"])
    assert all(
        0 <= at < len(found["shared"]["frames"]) for each in profile["samples"] for at in each
    )
    assert all(set(frame) == {"name", "file"} for frame in found["shared"]["frames"])
    assert 0 <= found["activeProfileIndex"] < len(found["profiles"])


def test_of_nothing_there_is_an_empty_report(tmp_path: Path) -> None:
    each = dumps.hostile(tmp_path, dumps.EMPTY)

    assert rows(each) == [["stack", "bytes", "objects", "error"]]
    assert scope(each)["profiles"][0]["samples"] == []
    assert FORMATS["jeprof"](each, View()) == "Total: 0.0 MB\n"


@pytest.mark.parametrize("dump", JEPROF["dumps"])
def test_the_table_has_the_numbers_of_jeprof(dump: str) -> None:
    path = Path(dump)
    each = study(Inputs([path], symbols=[path.parent / "symbols"],
                        build_ids=read.inputs(path.parent.name).build_ids))  # fmt: skip
    lines = FORMATS["jeprof"](each, View()).splitlines()

    assert [line[:_NUMBERS] for line in lines[:4]] == [
        line[:_NUMBERS] for line in JEPROF["dumps"][dump]]  # fmt: skip


_NUMBERS = 39  # columns before the function: jeprof guesses some of its names


def test_the_table_has_short_names_and_no_control_characters(tmp_path: Path) -> None:
    table = FORMATS["jeprof"](study(read.inputs("jvm")), View())
    hostile = FORMATS["jeprof"](dumps.hostile(tmp_path, *dumps.GREW), View())

    assert " os::malloc\n" in table
    assert "\x1b" not in hostile
    assert hostile.splitlines()[-1] == "    -0.0  -8.9%  99.8%     -0.0  -8.9% ?[31mred??"
    assert len(hostile.splitlines()) == 7


def test_growth_to_nothing_has_jeprofs_words(tmp_path: Path) -> None:
    one = dumps.heap([((0,), 1, 100)]), dumps.heap([((1,), 1, 100)])
    table = FORMATS["jeprof"](dumps.hostile(tmp_path, *one), View())

    assert table.splitlines()[1].split()[1:5] == ["+inf", "+inf", "0.0", "+inf"]
    assert table.splitlines()[2].split()[1:5] == ["-inf", "nan", "-0.0", "-inf"]
