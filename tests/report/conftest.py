"""A browser, and the page of the leaking JVM in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.corpus import read
from tests.report.browser import Page
from tests.report.page import jvm, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    page = Page()
    yield page
    page.close()


@pytest.fixture
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


@pytest.fixture
def page(browser: Page, tmp_path: Path) -> Page:
    """The report on the leaking JVM, with a verdict, opened from the disk."""
    return opened(browser, tmp_path, jvm())
