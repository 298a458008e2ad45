"""The rooms of the page's scripts that compute, run in a browser and held to what Python knows."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any

import pytest

from memops.profile.growth.analysis import Analysis, analyse
from memops.profile.growth.naming import Call, Row
from memops.profile.study import study
from memops.report.flame import DEEPEST
from memops.report.html.data import pack
from memops.report.html.page import asset
from memops.report.html.stacks import bulk
from memops.report.text import amount
from memops.units import format_size
from tests.corpus import read
from tests.report.browser import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOMS = ("format", "tree", "unpack", "layout", "search", "colour", "treemap")
INTERVAL = 4096
AA = 4.5
GRAPHICS = 3.0  # WCAG 2.2, 1.4.11


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    found = Page()
    yield found
    found.close()


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


def run(page: Page, script: str, **values: object) -> Any:
    """What *script* returns, with *values* by their names; it may use the rooms."""
    names = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in values.items())
    rooms = "\n".join(asset(f"js/{room}.js") for room in ROOMS)
    return page.value(f"(async () => {{\n{rooms}\n{names}\n{script}\n}})()")


def packed(analysis: Analysis, interval: int) -> str:
    return pack({**bulk(analysis, interval), "interval": interval, "regions": []})


STUDY = (
    "const found = unpack.study(await unpack.inflate(packed)); const {shape, rows, words} = found;"
)


def made(seed: int, *, grows: bool = True, interval: int = INTERVAL) -> Analysis:
    """A profile with recursion, empty stacks, things that come and go, and what stays as it was."""
    chance = random.Random(seed)
    calls = [Call(f"f{at}", f"lib{at % 3}", "stripped" * (at % 7 == 6)) for at in range(9)]
    calls += [Call(f"f{at}", f"lib{at % 3}", "", f"f.c:{at}") for at in range(3)]
    rate = interval if interval > 1 else 0

    def dump(size: int) -> dict[tuple[int, ...], Row]:
        found = {}
        for _ in range(60):
            codes = tuple(chance.randrange(12) for _ in range(chance.randrange(7)))
            held = chance.randrange(1, size)
            found[codes] = Row(held, chance.randrange(1, 9), held * rate)
        return found

    before, after = dump(5000), dump(9000)
    same = dict(list(before.items())[:20])
    return analyse({**after, **same}, before if grows else None, calls)


def test_sizes_read_as_in_the_other_reports(page: Page) -> None:
    sizes = [0, 1, 1023, 1024, 1536, 10**6, -(3 << 10), 5 << 30, 7 << 40, 9 << 50, 745_000_000]
    found = run(page, "return sizes.map((size) => format.size(size));", sizes=sizes)

    assert found == [format_size(size).replace("-", "\u2212") for size in sizes]


def test_amounts_read_as_in_the_other_reports(page: Page) -> None:
    amounts = [
        each.amount for each in study(read.inputs("jvm")).analysis.stacks if each.amount.bytes > 0
    ]
    found = run(page, "return amounts.map(([bytes, , error]) => format.amount(bytes, error, true));",
                amounts=amounts)  # fmt: skip

    assert found == [amount(each, sign=True) for each in amounts]


@pytest.mark.parametrize("interval", [1, INTERVAL])
@pytest.mark.parametrize("seed", range(4))
def test_the_stacks_come_back_as_they_were(page: Page, seed: int, interval: int) -> None:
    analysis = made(seed, interval=interval)
    found = run(page, STUDY + """
        return Array.from(shape.end, (leaf, row) => [
          tree.path({ parent: shape.parent }, leaf).map((node) => words[shape.code[node]]).map((word) => word.function + word.source),
          rows.growth.bytes[row], rows.growth.objects[row], rows.growth.error[row], rows.live.bytes[row],
        ]);""", packed=packed(analysis, interval))  # fmt: skip
    stacks = {tuple(reversed(path)): rest for path, *rest in found}
    wanted = {tuple(call.function + call.source for call in each.calls) or ("[no stack]",): each.amount
              for each in analysis.stacks}  # fmt: skip

    assert len(found) == len({**analysis.rows, **analysis.after})
    assert {key: [round(bytes_), round(objects)] for key, (bytes_, objects, *_) in stacks.items()
            if bytes_ or objects} == {key: [each.bytes, each.objects] for key, each in wanted.items()}  # fmt: skip
    assert all(stacks[key][2] == pytest.approx(each.error, abs=1) for key, each in wanted.items())
    assert sum(each[3] for each in stacks.values()) == analysis.live.bytes


@pytest.mark.parametrize("grows", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_functions_add_up_as_in_the_analysis(page: Page, seed: int, *, grows: bool) -> None:
    analysis = made(seed, grows=grows)
    found = run(page, STUDY + """
        const amounts = rows[which];
        const { flat, cumulative } = tree.functions(tree.weigh(shape, amounts), amounts, found.whole);
        const told = (of, code) => [of.bytes[code], of.objects[code], Math.sqrt(of.variance[code])];
        return words.map((word, code) => [word.function, told(flat, code), told(cumulative, code)])
          .filter((_, code) => found.whole[code] === code);""",
        packed=packed(analysis, INTERVAL), which="growth" if grows else "live")  # fmt: skip
    by_name = {name: (flat, cumulative) for name, flat, cumulative in found}

    assert analysis.functions
    for row in analysis.functions:
        flat, cumulative = by_name[row.call.function]
        assert flat == pytest.approx(list(row.flat), abs=0.01)
        assert cumulative == pytest.approx(list(row.cumulative), abs=0.01)


@pytest.mark.parametrize("leaf", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_boxes_lie_in_their_callers_and_beside_each_other(
    page: Page, seed: int, *, leaf: bool
) -> None:
    analysis = made(seed)
    found = run(page, STUDY + """
        const grown = tree.weigh(leaf ? tree.fromLeaf(shape) : shape, rows.growth);
        const boxes = layout.boxes(grown, 0, 1000);
        const kid = boxes.node[boxes.rowFrom[1]];
        const zoomed = layout.boxes(grown, kid, 1000);
        return {
          whole: grown.size[0],
          boxes: boxes.node.map((node, at) => [layout.rowOf(boxes, at), boxes.x[at], boxes.wide[at],
            grown.size[node], boxes.node.indexOf(grown.parent[node])]),
          zoomed: [zoomed.node.slice(0, 2), zoomed.wide.slice(0, 2), zoomed.focusRow, kid],
          hits: boxes.node.every((node, at) => layout.hit(boxes, layout.rowOf(boxes, at),
            boxes.x[at] + boxes.wide[at] / 2) === at),
          outside: [layout.hit(boxes, -1, 5), layout.hit(boxes, boxes.rows, 5), layout.hit(boxes, 0, 1001)],
        };""", packed=packed(analysis, INTERVAL), leaf=leaf)  # fmt: skip
    boxes, kid = found["boxes"], found["zoomed"][3]

    assert found["whole"] == sum(abs(each.amount.bytes) for each in analysis.stacks)
    for at, (row, x, wide, size, caller) in enumerate(boxes):
        assert wide == pytest.approx(1000 * size / found["whole"])
        if row:
            above = boxes[caller]
            assert above[0] == row - 1
            assert above[1] - 1e-6 <= x <= x + wide <= above[1] + above[2] + 1e-6
        if at and boxes[at - 1][0] == row:
            assert boxes[at - 1][1] + boxes[at - 1][2] <= x + 1e-6
    assert found["zoomed"] == [[0, kid], [1000, 1000], 1, kid]
    assert found["hits"]
    assert found["outside"] == [-1, -1, -1]


def test_steps_go_to_the_caller_a_callee_and_along_the_row(page: Page) -> None:
    calls = [Call(name, "") for name in ("main", "big", "small", "leaf")]
    rows = {(3, 1, 0): Row(600, 1, 0), (2, 0): Row(400, 1, 0)}
    found = run(page, STUDY + """
        const grown = tree.weigh(shape, rows.live);
        const boxes = layout.boxes(grown, 0, 1000);
        const name = (at) => (boxes.node[at] ? words[grown.code[boxes.node[at]]].function : 'all');
        const go = (from, ...ways) => name(ways.reduce((at, way) => layout.step(boxes, at, way), from));
        return [go(0, 'callee'), go(0, 'callee', 'callee'), go(0, 'callee', 'callee', 'right'),
          go(0, 'callee', 'callee', 'right', 'right'), go(0, 'callee', 'callee', 'right', 'left'),
          go(0, 'callee', 'callee', 'right', 'callee'), go(0, 'callee', 'callee', 'callee', 'caller'),
          go(0, 'caller')];""", packed=packed(analyse(rows, None, calls), 1))  # fmt: skip

    assert found == ["main", "big", "small", "small", "big", "small", "big", "all"]


def test_a_match_inside_a_match_counts_once(page: Page) -> None:
    calls = [Call(name, "lib") for name in ("main", "inflate", "inflateInit", "free")]
    rows = {(2, 1, 0): Row(600, 1, 0), (1, 0): Row(100, 1, 0), (3, 0): Row(300, 1, 0)}
    found = run(page, STUDY + """
        const grown = tree.weigh(shape, rows.live);
        const look = (query, focus = 0) => {
          const matches = search.words(words, search.matcher(query).test);
          return Object.values(search.matched(grown, matches, focus));
        };
        const free = Array.from(grown.code).findIndex((code) => code >= 0 && words[code].function === 'free');
        return [look('INFLATE'), look('Init$'), look('inflate|free'), look('nothing'), look('inflate', free),
          look('lib'), search.matcher('(').literal, search.matcher('').test,
          search.matcher('f(').test('F(x)')];""",
        packed=packed(analyse(rows, None, calls), 1))  # fmt: skip

    assert found == [[700, 2], [600, 1], [1000, 3], [0, 0], [0, 0], [1000, 4], True, None, True]


def test_the_deepest_stack_that_is_taken_is_drawn(page: Page) -> None:
    calls = [Call(f"f{at}", "") for at in range(5 * DEEPEST)]
    deep = packed(analyse({tuple(range(5 * DEEPEST)): Row(100, 1, 0)}, None, calls), 1)
    rows = run(
        page, STUDY + "return layout.boxes(tree.weigh(shape, rows.live), 0, 800).rows;", packed=deep
    )

    assert rows == 5 * DEEPEST + 1


def test_areas_are_as_their_weights(page: Page) -> None:
    weights = sorted((random.Random(3).lognormvariate(3, 2) for _ in range(300)), reverse=True)
    found = run(page, """return treemap.squarify(weights, { x: 10, y: 20, width: 800, height: 300 })
        .map((box) => [box.x, box.y, box.width, box.height]);""", weights=[*weights, 0, 0])  # fmt: skip
    areas = [width * height for _, _, width, height in found]

    assert len(found) == 302
    assert sum(areas) == pytest.approx(240_000)
    assert areas == pytest.approx([240_000 * each / sum(weights) for each in [*weights, 0, 0]])
    assert all(
        x >= 10 and x + w <= 810.001 and y >= 20 and y + h <= 320.001 for x, y, w, h in found
    )
    assert sorted(max(w / h, h / w) for _, _, w, h in found[:50])[25] < 2


def test_nothing_at_all_has_no_areas_and_no_boxes(page: Page) -> None:
    empty = packed(analyse({}, None, []), 1)
    found = run(page, STUDY + """return [treemap.squarify([], { x: 0, y: 0, width: 9, height: 9 }),
        treemap.squarify([0, 0], { x: 0, y: 0, width: 9, height: 9 }).length,
        layout.boxes(tree.weigh(shape, rows.live), 0, 800).rows];""", packed=empty)  # fmt: skip

    assert found == [[], 2, 1]


@pytest.mark.parametrize("dark", [False, True])
def test_the_ink_of_a_box_reads_on_every_colour(page: Page, *, dark: bool) -> None:
    colours = run(page, """
        const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
        const seen = (css) => {
          context.fillStyle = css;
          context.fillRect(0, 0, 1, 1);
          return Array.from(context.getImageData(0, 0, 1, 1).data.slice(0, 3));
        };
        const parts = Array.from({ length: 41 }, (_, at) => at / 20 - 1);
        const modules = Array.from({ length: 200 }, (_, at) => `lib${at}.so`);
        return { ink: seen(colour.ink(dark)), fills: [colour.unnamed(dark), colour.plain(dark),
          ...parts.map((part) => colour.growth(part, dark)),
          ...modules.map((module) => colour.ofLibrary(module, dark))].map(seen) };""", dark=dark)  # fmt: skip

    assert len({tuple(each) for each in colours["fills"]}) > 40
    assert min(contrast(colours["ink"], fill) for fill in colours["fills"]) >= AA


@pytest.mark.parametrize("name", ["light", "dark"])
def test_the_colours_of_the_page_read_on_its_grounds(name: str) -> None:
    found = palette()[name]
    grounds = [found[each] for each in ("page", "panel", "wash")]
    words = ("ink", "soft", "accent", "certain", "likely", "possible")
    areas = [found[f"area-{at}"] for at in range(12)]
    lines = [found[each] for each in (*(f"line-{at}" for at in range(8)), "edge")]

    assert min(contrast(found[word], ground) for word in words for ground in grounds) >= AA
    assert min(contrast(found["area-ink"], area) for area in areas) >= AA
    assert min(contrast(line, found["page"]) for line in lines) >= GRAPHICS


def test_what_the_system_prefers_is_as_what_the_reader_says() -> None:
    css = asset("report.css")
    (said,) = re.findall(r':root\[data-theme="dark"\] \{(.*?)\n\}', css, re.DOTALL)
    (system,) = re.findall(r':root:not\(\[data-theme="light"\]\) \{(.*?)\n  \}', css, re.DOTALL)

    assert said.split() == system.split()


def palette() -> dict[str, dict[str, list[int]]]:
    css = asset("report.css")
    blocks = {"light": r":root \{(.*?)\n\}", "dark": r':root\[data-theme="dark"\] \{(.*?)\n\}'}
    return {name: {key: [int(value[at : at + 2], 16) for at in (0, 2, 4)]
                   for key, value in re.findall(r"--([\w-]+): #(\w{6});", block)}
            for name, pattern in blocks.items()
            for block in re.findall(pattern, css, re.DOTALL)}  # fmt: skip


def contrast(one: list[int], other: list[int]) -> float:
    """The ratio of the luminances (WCAG 2.2, relative luminance)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(rgb: list[int]) -> float:
    parts = [value / 255 for value in rgb]
    red, green, blue = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
