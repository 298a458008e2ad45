"""The flame graph: well-formed, safe, small, and true to the numbers. Golden files hold two of them.

``python -m tests.report.test_svg`` writes the golden files anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import east_asian_width
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.profile.growth.analysis import Analysis, analyse
from memops.profile.growth.naming import Call, Row
from memops.profile.study import Study, study
from memops.report import flame
from memops.report.svg import fit, svg
from memops.report.view import View
from tests.corpus import read
from tests.report import dumps

if TYPE_CHECKING:
    from collections.abc import Sequence

GOLDEN = Path(__file__).parent / "golden"
_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


def render(case: str) -> str:
    corpus = case.removesuffix("-perf")
    return svg(study(read.inputs(corpus, perf=case != corpus)), View()).decode()


def drawn(each: Study) -> ET.Element:
    return ET.fromstring(svg(each, View()))


def tips(root: ET.Element) -> list[str]:
    return [group.findtext(f"{_SVG}title", "") for group in root.iter(f"{_SVG}g")]


def of(rows: dict[tuple[int, ...], int], before: dict[tuple[int, ...], int] | None) -> Analysis:
    """The analysis of stacks (leaf first) of the functions f0, f1, ... with so many bytes."""
    calls = [Call(f"f{at}", "lib") for at in range(1 + max((max(key) for key in rows), default=0))]
    after = {codes: Row(size, 1, 0) for codes, size in rows.items()}
    first = None if before is None else {key: Row(size, 1, 0) for key, size in before.items()}
    return analyse(after, first, calls)


@pytest.mark.parametrize("case", ["jvm-perf", "forks"])
def test_a_graph_is_as_the_golden_file(case: str) -> None:
    assert render(case) == (GOLDEN / f"{case}.svg").read_text()


@pytest.mark.parametrize("case", read.NAMES)
def test_a_graph_is_self_contained_and_small(case: str) -> None:
    text = render(case)
    used = {each.tag.removeprefix(_SVG) for each in ET.fromstring(text).iter()}

    assert used <= {"svg", "title", "style", "path", "text", "g", "rect"}
    assert "href" not in text
    assert "url(" not in text
    assert len(text) < 250_000


def test_hostile_names_are_text_and_nothing_else(tmp_path: Path) -> None:
    root = drawn(dumps.hostile(tmp_path, *dumps.GREW))

    assert not list(root.iter(f"{_SVG}script")) + list(root.iter("script"))
    assert any("<script>alert('x')</script> & \"co\" ]]>" in each for each in tips(root))
    assert any("?[31mred??" in each for each in tips(root))
    assert 'pid 7 (<b>&"a b)' in root.findtext(f"{_SVG}title", "")


def test_what_grew_is_red_and_what_shrank_blue(tmp_path: Path) -> None:
    root = drawn(dumps.hostile(tmp_path, *dumps.GREW))
    fills = {
        group.findtext(f"{_SVG}title", ""): rect.get("fill", "")
        for group in root.iter(f"{_SVG}g")
        for rect in group.iter(f"{_SVG}rect")
    }
    grown = next(fill for tip, fill in fills.items() if "<script>" in tip)
    shrunk = next(fill for tip, fill in fills.items() if "[31m" in tip)

    assert grown.startswith("#f0")
    assert shrunk.endswith("f0")
    assert any(tip.startswith("?[31mred?? (JIT): -400 B in -1 objects") for tip in fills)


def test_of_nothing_the_graph_says_so(tmp_path: Path) -> None:
    root = drawn(dumps.hostile(tmp_path, dumps.EMPTY))

    assert tips(root) == []
    assert "nothing is live in this dump" in "".join(root.itertext())


@pytest.mark.parametrize("case", [*read.NAMES, "jvm-perf"])
def test_text_stays_within_its_box_and_boxes_within_their_callers(case: str) -> None:
    root = ET.fromstring(render(case))
    boxes = []
    for group in root.iter(f"{_SVG}g"):
        (rect,) = group.iter(f"{_SVG}rect")
        x, y, width = (float(rect.get(name, "")) for name in ("x", "y", "width"))
        boxes.append((x, y, width))
        for label in group.iter(f"{_SVG}text"):
            assert len(label.text or "") * 7.2 <= width - 2
    for x, y, width in boxes[1:]:
        assert any(below == y + 17 and left <= x + 0.2 and x + width <= left + wide + 0.2
                   for left, below, wide in boxes)  # fmt: skip


def test_small_functions_are_left_out_and_counted() -> None:
    many = of({(at, 9_999): 1 + at for at in range(9_000)}, None)
    boxes, left_out = flame.layout(many, 1e9)

    assert len(boxes) == 1 + flame.MOST
    assert left_out == 9_001 - flame.MOST
    assert min(box.width for box in boxes) > flame.NARROWEST


def test_a_very_deep_stack_is_cut() -> None:
    boxes, _ = flame.layout(of({tuple(range(5_000)): 10}, None), 1000)

    assert [max(box.row for box in boxes), boxes[1].name] == [flame.DEEPEST, "f4999"]


def test_a_box_is_as_wide_as_all_that_changed_in_it() -> None:
    analysis = of({(1, 0): 30, (2, 0): 10}, {(1, 0): 0, (2, 0): 20})
    boxes, _ = flame.layout(analysis, 400)

    assert [(box.name, box.x, box.width) for box in boxes] == [
        ("all", 0, 400), ("f0", 0, 400), ("f1", 0, 300), ("f2", 300, 100)]  # fmt: skip
    assert "+20 B" in boxes[0].tip


def test_nothing_that_changed_has_no_boxes() -> None:
    assert flame.layout(of({(0,): 5}, {(0,): 5}), 400) == ([], 0)


@given(st.text(), st.integers(0, 40))
def test_a_text_is_cut_to_its_columns(text: str, columns: int) -> None:
    shown = fit(text, columns)

    assert columns_of(shown) <= columns
    assert text.startswith(shown.removesuffix("…"))
    assert shown == text or columns_of(text) > columns or columns < 3


def columns_of(text: Sequence[str]) -> int:
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


if __name__ == "__main__":
    os.chdir(read.HERE)
    for each in ("jvm-perf", "forks"):
        (GOLDEN / f"{each}.svg").write_text(render(each))
