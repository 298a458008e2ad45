"""``memops status``: what memops has changed, and how the apps run."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from memops.cli.options import Outputs, Targets, app_options, output_options, take, target_options

if TYPE_CHECKING:
    from memops.engine.status import HostStatus
    from memops.errors import MemopsError


@click.command()
@target_options
@app_options
@output_options
def command(**given: Any) -> int:
    """Say for each host which runs can be rolled back, and how its apps run."""
    from memops.cli.wiring import AppChoice, world
    from memops.engine.fleet import each_host
    from memops.engine.status import status

    choice, targets, outputs = (take(each, given) for each in (AppChoice, Targets, Outputs))
    here = world(targets)
    names = here.select()
    found: dict[str, HostStatus] = {}

    def look(name: str) -> None:
        host = here.host(name)
        session = here.connections.to(host).session(here.acting(host))
        found[name] = status(session, tuple(here.apps(name, choice).values()))

    with here.connections:
        errors = each_host(names, look, targets.forks)
    if outputs.as_json or outputs.as_jsonl:
        rows = [
            dataclasses.asdict(found[name]) if name in found
            else {"host": name, "error": str(errors[name])}
            for name in names
        ]  # fmt: skip
        for row in rows if outputs.as_jsonl else [rows]:
            click.echo(json.dumps(row, indent=None if outputs.as_jsonl else 2))
    else:
        _table([found[name] for name in names if name in found], errors, outputs)
    return max((error.exit_code for error in errors.values()), default=0)


def _table(found: list[HostStatus], errors: dict[str, MemopsError], outputs: Outputs) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from memops.cli.terminal import printable
    from memops.units import format_duration, format_size

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("host", "app", "profiling", "pid", "RSS", "profiles", "health", "runs to undo"):
        table.add_column(name, justify="right" if name in ("pid", "RSS") else "left")
    for each in found:
        runs = ", ".join(header.run for header in each.runs) or "none"
        if each.undo_in is not None:
            runs += f" (by itself in {format_duration(each.undo_in)})"
        for index, app in enumerate(each.apps):
            dumps = f"{app.dumps} ({format_size(app.dump_bytes)})" if app.dumps else "none"
            cells = (
                each.host, app.app, app.profiling, str(app.pid or "-"),
                format_size(app.rss) if app.rss else "-", dumps, app.problem or "well",
                "" if index else runs,
            )  # fmt: skip
            table.add_row(*(Text(printable(cell)) for cell in cells))
        if not each.apps:
            table.add_row(*(Text(cell) for cell in (each.host, *["-"] * 6, runs)))
    console = Console(no_color=outputs.color is False, width=None if _terminal() else 120)
    if table.row_count:
        console.print(table)
    for error in errors.values():
        click.secho(printable(str(error)), err=True, fg="red", color=outputs.color)


def _terminal() -> bool:
    import sys

    return sys.stdout.isatty()
