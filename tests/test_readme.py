"""The README's session is what `make demo` runs, and it works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab import demo

if TYPE_CHECKING:
    from tests.lab.api import Lab

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_readme_shows_the_commands_of_the_demo() -> None:
    shown = re.findall(r"^\$ (memops .*)$", README, re.MULTILINE)

    assert tuple(shown) == (*demo.FIND, *demo.TELL, *demo.LEAVE)


@pytest.mark.lab
@pytest.mark.timeout(300)
def test_the_demo_finds_the_leak_and_leaves_no_trace(full_lab: Lab) -> None:
    assert full_lab.host("shop-1").answers()
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.demo"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Java_java_util_zip_Inflater_init" in done.stdout or "leak_template" in done.stdout
    assert done.stdout.count(": equal (") == 3
