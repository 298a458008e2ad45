"""What is documented is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from memops.cli.main import COMMANDS, EXIT_STATUS
from tests.docs.__main__ import pages

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize(("path", "text"), pages().items(), ids=[each.name for each in pages()])
def test_a_page_from_the_code_is_what_the_code_says(path: Path, text: str) -> None:
    assert path.read_text() == text, "run python -m tests.docs"


def test_every_exit_code_of_an_error_is_documented() -> None:
    from memops import errors

    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    codes = {each.exit_code for each in classes if issubclass(each, errors.MemopsError)}

    assert all(re.search(rf"^  {code}\b", EXIT_STATUS, re.MULTILINE) for code in codes)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text())
    local = [link for link in links if "://" not in link]

    assert [link for link in local if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_pages_show_exist(path: Path) -> None:
    shown = re.findall(r"^(?:\$ | {4})memops ([a-z-]+)", path.read_text(), re.MULTILINE)

    assert [name for name in shown if name not in COMMANDS and name != "--help"] == []
