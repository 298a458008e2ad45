"""The page before strangers' names, old browsers, both themes, and a hundred thousand stacks."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from memops.profile.study import study
from tests.corpus import read
from tests.report import dumps
from tests.report.large import large
from tests.report.page import DRAWN, complaints, focus, jvm, opened, prefer, requests, said, search
from tests.report.verdicts import VERDICT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.report.browser import Page


pytestmark = pytest.mark.usefixtures("_in_the_corpus")


@pytest.mark.parametrize("dumps_", [dumps.GREW, dumps.GREW[1:], (dumps.EMPTY,)])
def test_names_of_strangers_do_nothing_in_a_browser(
    browser: Page, tmp_path: Path, dumps_: Sequence[bytes]
) -> None:
    found = dumps.hostile(tmp_path, *dumps_)._replace(verdict=VERDICT)
    page = opened(
        browser, tmp_path, found, command="</script><script>document.title = 'mine'</script>"
    )
    search(page, "(((((")
    page.press("Escape")
    focus(page)
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.press(key)
    shown = page.value("document.body.innerText")

    assert complaints(page) == []
    assert requests(page) == [(tmp_path / "report.html").as_uri()]
    assert page.value("document.querySelectorAll('img, b, script:not(#data)').length") == 1
    assert page.value("document.title").startswith('<app>& on web;1, pid 7 (<b>&"a b)')
    assert not re.search("[\u202e\x1b\x07]", shown)
    assert page.value("document.documentElement.scrollWidth <= innerWidth")


def test_an_old_browser_says_that_it_is_too_old(browser: Page, tmp_path: Path) -> None:
    old = browser.call("Page.addScriptToEvaluateOnNewDocument",
                       source="delete globalThis.DecompressionStream")  # fmt: skip
    page = opened(browser, tmp_path, jvm())
    browser.call("Page.removeScriptToEvaluateOnNewDocument", **old)

    assert "This browser cannot show the report" in page.text("[role=alert]")


@pytest.mark.parametrize("width", [800, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_to_be_seen_in_both_themes_and_fits_the_window(
    page: Page, scheme: str, width: int
) -> None:
    prefer(page, scheme)
    page.resize(width, 900)
    page.value("new Promise((done) => setTimeout(done, 300))")
    seen = pixels(page)
    page.press("t")
    turned = pixels(page)

    assert len(set(seen)) > 50
    assert (ground(seen) > 128) == (scheme == "light")
    assert (ground(turned) > 128) != (scheme == "light")
    assert page.value("document.documentElement.scrollWidth") <= width


def pixels(page: Page) -> list[tuple[int, int, int]]:
    """Every 97th pixel of the window."""
    shot = page.call("Page.captureScreenshot")["data"]
    found = page.value(f"""(async () => {{
        const bytes = Uint8Array.from(atob('{shot}'), (char) => char.charCodeAt(0));
        const image = await createImageBitmap(new Blob([bytes], {{ type: 'image/png' }}));
        const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
        context.drawImage(image, 0, 0);
        const {{ data }} = context.getImageData(0, 0, image.width, image.height);
        return Array.from({{ length: Math.floor(data.length / 388) }}, (_, at) =>
          Array.from(data.slice(388 * at, 388 * at + 3)));
    }})()""")
    return [(red, green, blue) for red, green, blue in found]


def ground(seen: list[tuple[int, int, int]]) -> int:
    """How bright the commonest colour is, 0 to 255."""
    return max(Counter(seen).most_common(1)[0][0])


def test_a_hundred_thousand_stacks_draw_no_more_than_can_be_seen(
    browser: Page, tmp_path: Path
) -> None:
    found = large(study(read.inputs("leak")))
    page = opened(browser, tmp_path, found)
    drawn = [int(re.sub(r"\D", "", said(page, DRAWN).partition(" of ")[0]))]
    share = search(page, "::pool::")
    focus(page)
    for key in ("ArrowDown", "ArrowDown", "Enter", "g", "b"):
        page.press(key)
        drawn.append(int(re.sub(r"\D", "", said(page, DRAWN).partition(" of ")[0])))

    assert len(found.analysis.after) == 100_000
    assert (tmp_path / "report.html").stat().st_size < 2_000_000
    assert complaints(page) == []
    assert re.match(r"\d+\.\d % in [\d ]+ boxes", share)
    assert all(10 < count <= 1280 * 60 for count in drawn)
