"""Reports that go into files for other programs, by the name of the format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.report.csv import as_csv
from memops.report.pprof import pprof, pprof_together
from memops.report.speedscope import speedscope
from memops.report.svg import svg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from memops.profile.study import Study
    from memops.report.view import View


def _html(studies: Sequence[Study], view: View) -> bytes:
    from memops.report.html import html  # noqa: PLC0415 - a page takes more than the others need

    return html(studies, view)


FILES: dict[str, Callable[[Study, View], bytes]] = {
    "pprof": pprof,
    "speedscope": speedscope,
    "svg": svg,
    "csv": as_csv,
}
PAGES: dict[str, Callable[[Sequence[Study], View], bytes]] = {"html": _html}
"""Of these one can hold several studies."""
TOGETHER: dict[str, Callable[[Sequence[Study], View], bytes]] = {"pprof": pprof_together}
"""Of these one tells several hosts apart."""
