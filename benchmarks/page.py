"""A page of a hundred thousand stacks: making it, and how soon it answers to its reader."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from benchmarks.measure import Contender, Figures, Target, interleave
from memops.profile.study import study
from memops.report.html import html
from memops.report.view import View
from tests.corpus import read
from tests.report.browser import Page
from tests.report.large import large

if TYPE_CHECKING:
    from pathlib import Path

STACKS = 100_000
PAINT = "await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));"
KEY = "document.body.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{}', bubbles: true }}));"
ZOOM = """
    const area = document.querySelector('canvas.boxes').getBoundingClientRect();
    document.querySelector('canvas.boxes').dispatchEvent(new MouseEvent('click', {
      clientX: area.left + area.width / 20, clientY: area.top + 50, bubbles: true }));"""
SEARCH = """
    const field = document.querySelector('#flame input');
    field.value = field.value === 'pool::.*Node' ? 'index|Tree' : 'pool::.*Node';
    const before = document.querySelector('#flame .result').textContent;
    field.dispatchEvent(new Event('input'));
    while (document.querySelector('#flame .result').textContent === before) {
      await new Promise((done) => setTimeout(done, 1));
    }"""


def run(scratch: Path, rounds: int) -> Figures:
    """The figures of one page in one browser; the search waits 0.12 s for the typing to end."""
    os.chdir(read.HERE)
    found = large(study(read.inputs("leak")), STACKS)
    path = scratch / "page.html"
    size = path.write_bytes(html([found], View()))
    page = Page()
    page.call("Emulation.setDeviceMetricsOverride", width=1600, height=1000, deviceScaleFactor=1,
              mobile=False)  # fmt: skip
    page.open(path)
    _do(page, KEY.format("b"))
    _do(page, KEY.format("b"))
    contenders = [
        Contender("make the page", lambda: html([found], View())),
        Contender("open it", lambda: page.open(path)),
        Contender("zoom", lambda: _do(page, ZOOM), before=lambda: _do(page, KEY.format("Escape"))),
        Contender("search", lambda: _do(page, SEARCH)),
        Contender("growth or live", lambda: _do(page, KEY.format("g"))),
        Contender("by caller or allocator", lambda: _do(page, KEY.format("b"))),
    ]
    targets = [Target("zoom", 0.1), Target("search", 0.4), Target("open it", 3)]
    title = f"A page of {STACKS} stacks, {size / 1e6:.1f} MB"
    figures = Figures(title, interleave(contenders, rounds), targets)
    page.close()
    return figures


def _do(page: Page, script: str) -> None:
    page.value(f"(async () => {{ {script} {PAINT} }})()")
