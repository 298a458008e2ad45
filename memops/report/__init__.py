"""Reports on a study: functions from values to text, by the name of the format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.report.findings import inspection_text
from memops.report.folded import folded
from memops.report.jeprof import jeprof
from memops.report.json import as_json, inspection_json
from memops.report.terminal import terminal
from memops.report.text import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from memops.profile.inspection import Inspection
    from memops.profile.study import Study
    from memops.report.view import View

FORMATS: dict[str, Callable[[Study, View], str]] = {
    "text": text,
    "terminal": terminal,
    "json": as_json,
    "folded": folded,
    "jeprof": jeprof,
}

INSPECTIONS: dict[str, Callable[[Inspection, View], str]] = {
    "text": inspection_text,
    "terminal": inspection_text,
    "json": inspection_json,
}
"""Reports on a process of which there are no heap profiles."""
