"""``memops play``: run a playbook."""

from __future__ import annotations

from typing import Any

import click

from memops.cli.options import (
    Outputs,
    Targets,
    app_options,
    output_options,
    run_options,
    take,
    target_options,
)


@click.command()
@click.argument("playbook")
@target_options
@app_options
@run_options
@click.option("-t", "--tags", multiple=True, help="Only tasks with these tags.")
@click.option("--skip-tags", multiple=True, help="Not the tasks with these tags.")
@output_options
def command(playbook: str, **given: Any) -> int:
    """Run PLAYBOOK: a file, or the name of one that is shipped (see the directory playbooks/)."""
    from memops.cli.wiring import AppChoice

    tags = {name: _split(given.pop(name)) for name in ("tags", "skip_tags")}
    choice = take(AppChoice, given)
    return run(playbook, choice, take(Targets, given), take(Outputs, given), given | tags)


def run(
    playbook: str,
    choice: Any,
    targets: Targets,
    outputs: Outputs,
    options: dict[str, Any],
    kitchen: Any = None,
    variables: dict[str, Any] | None = None,
    *,
    need_apps: bool = False,
) -> int:
    """Run *playbook* and tell how it went; the exit code. *options* are those of `run_options`.

    With *need_apps*, a host without an app is an error before anything is connected.
    """
    from memops.cli.sinks import finish, sink_for
    from memops.cli.wiring import run_playbook, world
    from memops.engine.fleet import exit_code
    from memops.engine.identity import new_run
    from memops.engine.options import RunOptions

    run_id = new_run()
    sink = sink_for(outputs, check=options["check"], diff=options["diff"])
    run_with = RunOptions(
        run_id,
        check=options["check"],
        forks=targets.forks,
        tags=options.get("tags", ()),
        skip_tags=options.get("skip_tags", ()),
        on_failure=options["on_failure"],
        expire_after=options.get("expire_after"),
        extend=options.get("extend", False),
    )
    given = world(targets)
    if need_apps:
        given.require_apps(choice)
    named = {"hosts": targets.hosts, **(variables or {})}
    with given.connections:
        recaps = run_playbook(
            playbook, given, run_with, sink, choice=choice, kitchen=kitchen, variables=named
        )
    code = exit_code(recaps)
    finish(sink, run=run_id, exit_code=code)
    return code


def _split(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(tag.strip() for each in given for tag in each.split(",") if tag.strip())
