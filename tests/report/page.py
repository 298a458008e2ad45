"""The page in a browser, and what a reader does with it: shared by its tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from memops.profile.study import Study, study
from memops.report.html import html
from memops.report.view import View
from tests.corpus import read
from tests.report.verdicts import VERDICT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.report.browser import Page


SAID, FOUND, CRUMBS, DRAWN = "#flame-said", "#flame .result", ".crumbs", ".foot .left"
ALL = "all: +213.3 MiB ± 5.6 in 17 501 objects, 100.0 %"
TITLE = "document.querySelector('.tip').hidden ? '' : document.querySelector('.tip').innerText"
PICTURE = "document.querySelector('canvas.boxes').toDataURL()"
ROW = 21


def jvm() -> Study:
    return study(read.inputs("jvm", perf=True))._replace(verdict=VERDICT)


def opened(browser: Page, home: Path, *studies: Study, command: str = "memops analyze jvm") -> Page:
    path = home / "report.html"
    path.write_bytes(html(studies, View(command=command, made=1_790_000_000.0)))
    browser.events.clear()
    browser.resize(1280, 900)
    prefer(browser, "light")
    browser.open(path)
    return browser


def prefer(page: Page, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.call("Emulation.setEmulatedMedia", features=features)


def complaints(page: Page) -> list[str]:
    """Errors and warnings of the page's scripts, its policy and its console."""
    kinds = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
    return [json.dumps(each["params"]) for each in page.events if each["method"] in kinds]


def requests(page: Page) -> list[str]:
    """The addresses of all that was fetched."""
    sent = [each for each in page.events if each["method"] == "Network.requestWillBeSent"]
    return [each["params"]["request"]["url"] for each in sent]


def plain(text: str) -> str:
    """*text* with every kind of space as one."""
    return " ".join(text.split())


def said(page: Page, selector: str = SAID) -> str:
    return plain(page.text(selector))


def focus(page: Page) -> None:
    page.value("document.querySelector('.flame').focus()")


def search(page: Page, query: str) -> str:
    page.press("/")
    page.call("Input.insertText", text=query)
    page.value("new Promise((done) => setTimeout(done, 300))")
    return said(page, FOUND)


def place(page: Page, row: int, part: float) -> tuple[float, float]:
    """Where in the window the middle of a *row* of the graph is, and a *part* of its width."""
    left, top, width = page.value("""(async () => {
        document.querySelector('.flame').scrollIntoView({ block: 'center', behavior: 'instant' });
        await new Promise((done) => setTimeout(done, 100));
        const area = document.querySelector('.flame canvas').getBoundingClientRect();
        return [area.left, area.top, area.width];
    })()""")
    return left + part * width, top + (row + 0.5) * ROW
