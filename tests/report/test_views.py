"""What people read of a view, over real dumps. `python -m tests.report.test_views` rewrites it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from memops.cli import analyze_options
from memops.profile.growth.filters import Filters, pattern
from memops.profile.study import Study, study
from memops.report import FORMATS
from memops.report.safe import encodable
from memops.report.speedscope import speedscope
from memops.report.svg import svg
from memops.report.text import table, title
from memops.report.view import GROUPINGS, SORTS, UNITS, View
from tests.corpus import read
from tests.report.dumps import EMPTY, GREW, hostile

GOLDEN = Path(__file__).parent / "golden"
CASES = {
    "jvm-tree": ("jvm", View(tree=0.001)),
    "jvm-tree-80": ("jvm", View(tree=0.001, width=80)),
    "paths-tree": ("paths", View(tree=0.05)),
    "jvm-peek": ("jvm", View(peek=re.compile("Inflater|invoke_compiler"))),
    "jvm-thread": ("jvm", View(by="thread")),
    "jvm-unwind-package": ("jvm-unwind", View(by="package")),
    "jvm-unwind-tree": ("jvm-unwind", View(tree=0.01)),
    "inlines-peek": ("inlines", View(peek=re.compile("open_template"))),
    "jvm-library-KiB": ("jvm", View(by="library", unit="KiB")),
    "jvm-size": ("jvm", View(by="size", sort="name")),
    "paths-objects": ("paths", View(sort="objects", top=5)),
    "jvm-focus": ("jvm", View(top=5)),
}
FILTERS = {"jvm-focus": Filters(focus=pattern(r"Inflater\.init", ""), hide=pattern("libzip", ""))}
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def render(case: str) -> str:
    name, view = CASES[case]
    return FORMATS["text"](study(read.inputs(name, perf=True), filters=FILTERS.get(case)), view)


@pytest.fixture
def jvm(monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(read.HERE)
    return study(read.inputs("jvm", perf=True))


@pytest.mark.parametrize("case", CASES)
def test_a_view_reads_as_the_golden_file(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)

    assert render(case) == (GOLDEN / f"{case}.view").read_text()


@pytest.mark.parametrize("width", [40, 80, 100, 160])
@pytest.mark.parametrize("view", ["tree", "peek", "by", "none"])
@pytest.mark.parametrize("style", ["text", "terminal"])
def test_numbers_and_names_stay_within_the_width(
    width: int, view: str, style: str, jvm: Study
) -> None:
    asked = {"tree": View(width=width, tree=0.0), "peek": View(width=width, peek=re.compile(".")),
             "by": View(width=width, by="package"), "none": View(width=width)}  # fmt: skip
    plain = ANSI.sub("", FORMATS[style](jvm, asked[view]))
    body = plain.partition("share")[2].partition("next:")[0]

    assert max(map(len, body.splitlines())) <= width


@pytest.mark.parametrize(
    "view", [View(tree=0.01), View(peek=re.compile("inflate")), View(by="size")]
)
def test_a_terminal_shows_the_lines_of_the_text(view: View, jvm: Study) -> None:
    shown = ANSI.sub("", FORMATS["terminal"](jvm, view))
    words = [word for row in (line.split() for line in FORMATS["text"](jvm, view).splitlines()[4:-1])
             for word in row if "…" not in word]  # fmt: skip

    assert [word for word in words if word not in shown.split()] == []


def test_no_color_is_minded(jvm: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    colours = re.compile(r"\x1b\[[0-9;]*(3[0-7]|38;)")
    coloured = FORMATS["terminal"](jvm, View(tree=0.01))
    monkeypatch.setenv("NO_COLOR", "1")

    assert colours.search(coloured)
    assert not colours.search(FORMATS["terminal"](jvm, View(tree=0.01)))


@pytest.mark.parametrize("by", GROUPINGS)
@pytest.mark.parametrize("sort", SORTS)
def test_the_first_rows_are_of_the_order_that_was_asked_for(by: str, sort: str, jvm: Study) -> None:
    whole = table(jvm, View(top=1000, by=by, sort=sort))
    other = table(jvm, View(top=1000, by=by, sort="cumulative"))

    assert table(jvm, View(top=3, by=by, sort=sort)) == whole[:4]
    if (by, sort) != ("function", "flat"):  # that table has no column of objects
        assert sorted(whole[1:]) == sorted(other[1:])


@pytest.mark.parametrize("unit", UNITS[1:])
def test_all_sizes_are_in_the_unit_that_was_asked_for(unit: str, jvm: Study) -> None:
    said = FORMATS["text"](jvm, View(unit=unit)).partition("every 128.0 KiB")[2]
    others = [each for each in ("KiB", "MiB", "GiB") if each != unit]

    assert f" {unit}" in said
    assert not re.search(rf"\d ({'|'.join(others)})\b", said)


def test_no_size_is_lost_in_a_large_unit(jvm: Study) -> None:
    assert "0.171 GiB ± 0.005" in FORMATS["text"](jvm, View(unit="GiB"))


def test_every_report_says_what_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)
    filters = Filters(focus=pattern("inflateInit2_", ""))
    found = study(read.inputs("jvm", perf=True), filters=filters)
    line = (
        "shown: 39.8 MiB of 243.0 MiB live (16 %), 37.0 MiB of 213.3 MiB growth (17 %): only stacks"
    )

    assert line in title(found)
    for made in (svg(found, View()), speedscope(found, View())):
        assert line.encode() in made
    for style in ("text", "terminal"):
        assert line in FORMATS[style](found, View())


@pytest.mark.parametrize("dumps", [(EMPTY,), (EMPTY, EMPTY), GREW], ids=["one", "two", "grew"])
@pytest.mark.parametrize(
    "view",
    [View(tree=0.0), View(peek=re.compile("")), View(sort="name"), View(top=0, peek=re.compile("x")),
     *(View(by=each) for each in GROUPINGS)],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("style", ["text", "terminal"])
def test_strangers_names_do_not_break_a_view(
    dumps: tuple[bytes, ...], view: View, style: str, tmp_path: Path
) -> None:
    said = ANSI.sub("", FORMATS[style](hostile(tmp_path, *dumps), view))

    assert not [char for char in said if not char.isprintable() and char != "\n"]


def test_nothing_left_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)
    found = study(read.inputs("leak"), filters=Filters(focus=pattern("no such", "")))

    assert "\nno stack is left to show\n" in FORMATS["text"](found, View())
    assert "0 B of 10.2 MiB live (0 %)" in FORMATS["text"](found, View())


@pytest.mark.parametrize(
    ("text", "encoding", "written"),
    [
        ("├ a → b ± 1…", "utf-8", "├ a → b ± 1…"),
        ("├ a → b ± 1…\n└ é", "ascii", "| a -> b +- 1~\n` ?"),
        ("└ é", "latin-1", "` ?"),
        ("é ± 1", "latin-1", "é ± 1"),
        ("é", "no such", "?"),
    ],
)
def test_what_an_encoding_cannot_write_becomes_ascii(
    text: str, encoding: str, written: str
) -> None:
    assert encodable(text, encoding) == written


def test_the_options_offer_what_there_is() -> None:
    assert analyze_options.SORTS == SORTS
    assert analyze_options.GROUPINGS == GROUPINGS
    assert analyze_options.UNITS == UNITS


if __name__ == "__main__":
    os.chdir(read.HERE)
    for each in CASES:
        (GOLDEN / f"{each}.view").write_text(render(each))
