"""A study for a terminal: the same words as in plain text, with weight and colour."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from memops.report.text import clip, next_step, remarks, sentences, stacks, table, title, trends

if TYPE_CHECKING:
    from rich.table import Table

    from memops.profile.study import Study
    from memops.report.view import View


def terminal(study: Study, view: View) -> str:
    """*study* with the control sequences of a terminal of the width of *view*."""
    from rich.console import Console  # noqa: PLC0415 - only a terminal waits for it
    from rich.text import Text  # noqa: PLC0415

    out = io.StringIO()
    console = Console(file=out, width=view.width, force_terminal=True, highlight=False, emoji=False)
    console.print(Text(clip(title(study), view.width), style="dim"))
    for each in sentences(study):
        console.print(Text(each, style="bold"))
    console.print(_table(study, view.top))
    for line in trends(study, view.width):
        console.print(Text(line))
    for line in stacks(study, view.width):
        console.print(Text(line, style="" if line.startswith(" ") else "bold"))
    for line in remarks(study, view.width):
        console.print(Text(line, style="yellow"))
    console.print(Text(f"next: {next_step(study)}", style="green"), soft_wrap=True)
    return out.getvalue()


def _table(study: Study, top: int) -> Table:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    rows = table(study, top)
    made = Table(box=None, pad_edge=False, header_style="bold")
    for at, name in enumerate(rows[0] if rows else ()):
        last = at == 3  # noqa: PLR2004 - the function's name
        made.add_column(name, justify="left" if last else "right", no_wrap=True,
                        overflow="ellipsis", ratio=1 if last else None)  # fmt: skip
    for row in rows[1:]:
        made.add_row(*map(Text, row))
    return made
