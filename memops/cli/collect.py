"""``memops collect``: bring home what is new; the hosts are not changed."""

from __future__ import annotations

from typing import Any

import click

from memops.cli.options import Outputs, Targets, app_options, output_options, take, target_options


@click.command()
@target_options
@app_options
@click.option(
    "--jvm/--no-jvm",
    default=False,
    show_default=True,
    help="Also ask a JVM for its native memory and JIT symbols.",
)
@output_options
def command(jvm: bool, **given: Any) -> int:  # fmt: skip # noqa: FBT001 - click's way
    """Bring home new heap profiles, memory maps, and the binaries that give names to addresses.

    Nothing is collected twice; what was interrupted goes on where it stopped. A profile that is
    still being written is left for the next time.
    """
    from memops.cli.play import run
    from memops.cli.wiring import AppChoice

    choice, targets, outputs = (take(each, given) for each in (AppChoice, Targets, Outputs))
    options = {"check": False, "diff": False, "on_failure": "keep", "extend": True}
    return run("collect.yml", choice, targets, outputs, options, variables={"jvm": jvm})
