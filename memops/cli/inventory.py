"""``memops inventory``: who there is, in which groups, with which variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def inventory_options(command: F) -> F:
    """Give *command* the options that say where hosts come from: *inventory* and *extra*."""
    command = click.option(
        "-e", "--extra-vars", "extra", multiple=True, metavar="K=V|JSON|@FILE",
        help="Variables that beat all others; repeatable.",
    )(command)  # fmt: skip
    return click.option(
        "-i", "--inventory", "inventory", multiple=True, metavar="PATH|H1,H2,",
        help="Inventory file, directory, program, or list of hosts; repeatable, later ones win."
        " [env: MEMOPS_INVENTORY; default: ./inventories, ./inventory, ~/.config/memops/inventory]",
    )(command)  # fmt: skip


def default_sources() -> tuple[str, ...]:
    """What ``-i`` means where it is not given; raises `UsageError` where there is nothing."""
    from platformdirs import user_config_path

    named = tuple(filter(None, os.environ.get("MEMOPS_INVENTORY", "").split(os.pathsep)))
    if named:
        return named
    places = [Path("inventories"), Path("inventory"), user_config_path("memops") / "inventory"]
    for place in places:
        if place.exists():
            return (str(place),)
    looked = ", ".join(str(place) for place in places)
    raise UsageError(
        "inventory", f"there is none at {looked}", "name one with -i, or list: -i h1,h2,"
    )


@click.command("inventory")
@inventory_options
@click.option("--list", "listed", is_flag=True, help="All groups, hosts and variables, as JSON.")
@click.option("--graph", is_flag=True, help="Groups and hosts as a tree.")
@click.option("--host", metavar="NAME", help="The variables of one host, as JSON.")
@click.option(
    "--playbook-dir", type=click.Path(path_type=Path), help="Read its variable files too."
)
@click.argument("group", default="all")
def inventory(
    *,
    inventory: tuple[str, ...],
    extra: tuple[str, ...],
    listed: bool,
    graph: bool,
    host: str | None,
    playbook_dir: Path | None,
    group: str,
) -> None:
    """Show who there is: --list, --graph [GROUP] or --host NAME."""
    from memops.inventory import load, parse_extra, views

    if sum((listed, graph, host is not None)) != 1:
        raise UsageError(
            "memops inventory", "one thing at a time", "say --list, --graph or --host NAME"
        )
    found = load(inventory or default_sources(), playbook_dir, parse_extra(extra))
    if listed:
        click.echo(views.to_json(views.as_list(found)))
    elif host is not None:
        click.echo(views.to_json(found.vars(host)))
    else:
        click.echo(views.as_graph(found, group))
