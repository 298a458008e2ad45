"""The page as a file: whole in itself, small, closed to strangers, and true to the study."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memops.profile.study import Study, study
from memops.report.html import html
from memops.report.html.page import SCRIPTS, STYLES, asset
from memops.report.view import View
from tests.corpus import read
from tests.report import dumps
from tests.report.verdicts import VERDICT

if TYPE_CHECKING:
    from collections.abc import Sequence

HOME = Path(__file__).parents[2] / "memops" / "report" / "html"
VENDORED = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"""uPlot 1.6.32 as ``npm pack uplot@1.6.32`` has it in ``package/dist``."""


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


class Elements(HTMLParser):
    """The elements of a page with their attributes and texts, in their order."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str], list[str]]] = []
        self.inside = False
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}, []))
        self.inside = True

    def handle_endtag(self, _tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.found[-1][2].append(data)

    def texts(self, tag: str) -> list[str]:
        return ["".join(texts) for name, _, texts in self.found if name == tag]


def data(page: bytes) -> dict[str, Any]:
    return dict(json.loads(Elements(page).texts("script")[0]))


def bulk(page: bytes) -> dict[str, Any]:
    packed = data(page)["studies"][0]["packed"]
    return dict(json.loads(zlib.decompress(base64.b64decode(packed))))


def jvm() -> Study:
    return study(read.inputs("jvm", perf=True))._replace(verdict=VERDICT)


@pytest.mark.parametrize("case", read.NAMES)
def test_a_page_is_whole_and_small(case: str) -> None:
    page = html([study(read.inputs(case))], View())
    elements = Elements(page)
    linking = [attributes for _, attributes, _ in elements.found
               if attributes.keys() & {"src", "href", "action", "style", "srcset"}]  # fmt: skip

    assert linking == []
    assert {tag for tag, _, _ in elements.found} <= {
        "html", "head", "meta", "title", "style", "body", "noscript", "h1", "p", "script"}  # fmt: skip
    assert "url(" not in "".join(elements.texts("style"))
    assert "@import" not in "".join(elements.texts("style"))
    assert len(page) < 250_000


def test_only_the_scripts_and_styles_of_the_page_may_run() -> None:
    elements = Elements(html([jvm()], View()))
    policy = next(each["content"] for _, each, _ in elements.found if "content" in each)
    (style,) = elements.texts("style")
    (_, script) = elements.texts("script")

    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert f"style-src 'sha256-{digest(style)}'" in policy
    assert f"script-src 'sha256-{digest(script)}'" in policy


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_same_study_makes_the_same_page() -> None:
    assert html([jvm()], View()) == html([jvm()], View())


@pytest.mark.parametrize("dumps_", [dumps.GREW, dumps.GREW[1:], (dumps.EMPTY,)])
def test_names_of_strangers_are_text_and_nothing_else(
    dumps_: Sequence[bytes], tmp_path: Path
) -> None:
    found = dumps.hostile(tmp_path, *dumps_)._replace(verdict=VERDICT)
    page = html([found], View(command="memops analyze '</script>\u202e'"))
    text = page.decode()

    assert len(Elements(page).texts("script")) == 2
    assert not re.search("[\u2028\u2029\u202e\x1b\x07]", text)
    assert "<b>" not in Elements(page).texts("script")[0]
    assert text.count("</script>") == 2
    assert data(page)["studies"][0]["place"] == "<app>& on web;1"
    assert data(page)["studies"][0]["findings"][0]["evidence"][1] == VERDICT.findings[0].evidence[1]


def test_the_numbers_of_the_page_are_those_of_the_study() -> None:
    found = jvm()
    page = html([found], View())
    (shown,) = data(page)["studies"]
    rows = bulk(page)["rows"]

    assert shown["live"] == [found.analysis.live.bytes, found.analysis.live.objects,
                             round(found.analysis.live.error)]  # fmt: skip
    assert sum(rows["live"]["bytes"]) == found.analysis.live.bytes
    assert sum(rows["growth"]["bytes"]) == found.analysis.growth.bytes
    assert sum(rows["add"]) == len(rows["frames"])
    assert len(rows["keep"]) == len({**found.analysis.rows, **found.analysis.after})
    assert sum(share[1] for share in shown["waterfall"]["shares"]) == shown["waterfall"]["rss"]
    assert bulk(page)["regions"][-1]["start"] == "0xffffffffff600000"


def test_a_sampling_error_is_written_only_where_the_bytes_do_not_tell_it() -> None:
    found = jvm()
    known = bulk(html([found], View()))["rows"]
    other = bulk(html([found._replace(interval=found.interval * 2)], View()))["rows"]

    assert known["live"]["error"] is known["growth"]["error"] is None
    assert sum(error**2 for error in other["growth"]["error"]) == pytest.approx(
        found.analysis.growth.error**2, rel=1e-3
    )


def test_it_says_which_files_were_read_and_what_was_in_them(tmp_path: Path) -> None:
    found = jvm()
    gone = found._replace(compared=(tmp_path / "gone.heap",))
    files = data(html([found], View()))["studies"][0]["files"]
    (lost, *_) = data(html([gone], View()))["studies"][0]["files"]
    first, perf, symbols = files[0], files[5], files[6]

    assert [each["what"] for each in files] == [
        "first dump", "dump", "dump", "dump", "last dump", "perf map", "symbols"]  # fmt: skip
    assert first["sha256"] == hashlib.sha256(Path(first["path"]).read_bytes()).hexdigest()
    assert (first["bytes"], first["time"]) == (Path(first["path"]).stat().st_size, 0.0)
    assert perf["path"] == "jvm/perf.map.gz"
    assert symbols == {"what": "symbols", "path": "jvm/symbols",
                       "bytes": None, "time": None, "sha256": None}  # fmt: skip
    assert lost["sha256"] is None


def test_the_line_of_a_trend_goes_through_the_dumps() -> None:
    (shown,) = data(html([jvm()], View()))["studies"]
    whole, *stacks = shown["series"]["lines"]
    last = whole["level"] + whole["slope"] * (
        shown["series"]["times"][-1] - shown["series"]["times"][0]
    )

    assert whole["label"] == "everything"
    assert whole["sizes"][-1] == shown["live"][0]
    assert last == pytest.approx(whole["sizes"][-1], rel=0.1)
    assert all(max(line["sizes"]) > max(whole["sizes"]) / 100 for line in stacks)


def test_several_studies_are_on_one_page() -> None:
    page = html([jvm(), study(read.inputs("leak"))], View())

    assert [each["who"] for each in data(page)["studies"]] == ["pid 3090 (java)", "pid 2696 (leak)"]


def test_every_part_is_on_the_page_and_no_file_of_ours_is_long() -> None:
    files = {
        str(path.relative_to(HOME)) for kind in ("js", "css") for path in HOME.rglob(f"*.{kind}")
    }
    ours = [name for name in files if not name.startswith("vendor")]

    assert files == {*SCRIPTS, *STYLES}
    assert [name for name in ours if len(asset(name).splitlines()) > 400] == []
    assert [
        name for name in ours if re.search("inner" + "HTML|insertAdjacent|eval", asset(name))
    ] == []


def test_the_chart_library_is_as_its_makers_have_it() -> None:
    found = {name: hashlib.sha256((HOME / "vendor" / name).read_bytes()).hexdigest()
             for name in VENDORED}  # fmt: skip

    assert found == VENDORED
    assert "(v1.6.32)" in asset("vendor/uPlot.iife.min.js")[:60]
    assert "Leon Sorokin" in asset("vendor/LICENSE")
