"""A study for a terminal: the same lines as in plain text, with weight and colour."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from memops.report.findings import findings, waterfall
from memops.report.text import (
    graph,
    heads,
    next_step,
    remarks,
    sentences,
    stacks,
    table_lines,
    trends,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.profile.study import Study
    from memops.report.view import View


def terminal(study: Study, view: View) -> str:
    """*study* with the control sequences of a terminal of the width of *view*.

    Without colours where the environment has ``NO_COLOR`` (https://no-color.org).
    """
    from rich.console import Console  # noqa: PLC0415 - only a terminal waits for it
    from rich.text import Text  # noqa: PLC0415

    out = io.StringIO()
    console = Console(file=out, width=view.width, force_terminal=True, highlight=False, emoji=False)
    for line, style in _lines(study, view):
        console.print(Text(line, style=style))
    console.print(Text(f"next: {next_step(study)}", style="green"), soft_wrap=True)
    return out.getvalue()


def _lines(study: Study, view: View) -> Iterator[tuple[str, str]]:
    """Each line with its style; an empty one between the parts."""
    yield from ((line, "dim") for line in heads(study, view))
    yield from ((line, "bold") for line in sentences(study, view.unit))
    verdict = [
        [(line, "" if line.startswith(" ") else "bold") for line in findings(study.verdict)],
        _headed(waterfall(study.verdict, view.width)),
    ]
    if view.is_graph:
        blocks = [_headed(graph(study, view))]
    else:
        blocks = [
            _headed(table_lines(study, view)),
            _headed(trends(study, view)),
            [(line, "" if line.startswith(" ") else "bold") for line in stacks(study, view)],
        ]
    blocks.append([(line, "yellow") for line in remarks(study, view)])
    for block in filter(None, (*verdict, *blocks)):
        yield "", ""
        yield from block
    yield "", ""


def _headed(lines: list[str]) -> list[tuple[str, str]]:
    """*lines*, of which the first is a head."""
    return [(line, "" if at else "bold") for at, line in enumerate(lines)]
