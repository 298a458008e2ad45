"""What people and programs read, over real dumps. `python -m tests.report.test_golden` rewrites it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memops.profile.study import study
from memops.report import FORMATS
from memops.report.view import View
from tests.corpus import read

GOLDEN = Path(__file__).parent / "golden"
CASES = [
    *(f"{name}.text" for name in read.NAMES),
    "jvm-perf.text",
    "jvm-perf.folded",
    "jvm-unwind-perf.text",
    "leak.folded",
    "paths.folded",
    "leak.json",
    "unsampled.json",
]


def render(case: str) -> str:
    """The report named by *case*: ``<corpus>[-perf].<format>``."""
    name, style = case.split(".")
    corpus = name.removesuffix("-perf")
    return FORMATS[style](study(read.inputs(corpus, perf=name != corpus)), View(top=8))


@pytest.mark.parametrize("case", CASES)
def test_a_report_reads_as_the_golden_file(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)

    assert render(case) == (GOLDEN / case).read_text()


if __name__ == "__main__":
    os.chdir(read.HERE)
    GOLDEN.mkdir(exist_ok=True)
    for each in CASES:
        (GOLDEN / each).write_text(render(each))
