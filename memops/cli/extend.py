"""``memops extend``: move the time at which hosts undo by themselves."""

from __future__ import annotations

from typing import Any

import click

from memops.cli.options import Outputs, Targets, output_options, take, target_options


@click.command()
@target_options
@click.option("--for", "again", metavar="TIME", help="From now: 30m, 2h.  [default: each its own]")
@output_options
def command(again: str | None, **given: Any) -> int:
    """Move the time at which hosts undo their runs by themselves.

    With --for, runs that had no such time get one.
    """
    from memops.cli.sinks import finish, sink_for
    from memops.cli.wiring import world
    from memops.engine import journal
    from memops.engine.expiry import arm
    from memops.engine.fleet import each_host
    from memops.engine.probe import Reader
    from memops.model.event import Note
    from memops.units import parse_duration

    targets, outputs = take(Targets, given), take(Outputs, given)
    seconds = None if again is None else round(parse_duration(again, "--for"))
    sink, here = sink_for(outputs), world(targets)
    names = here.select()
    moved: dict[str, tuple[str, ...]] = {}

    def extend(name: str) -> None:
        host = here.host(name)
        session = here.connections.to(host).session(here.acting(host))
        moved[name] = arm(session, Reader(session)(journal.place()), seconds)

    with here.connections:
        errors = each_host(names, extend, targets.forks)
    for name in names:
        error = errors.get(name)
        told = f"moved {', '.join(moved.get(name, ()))}" if moved.get(name) else "nothing to move"
        sink(Note(name, str(error) if error else told, "error" if error else "warning"))
    code = max((error.exit_code for error in errors.values()), default=0)
    finish(sink, exit_code=code, moved=moved)
    return code
