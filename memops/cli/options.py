"""The options that commands share, named as the hands of Ansible's users know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Targets(NamedTuple):
    """Which hosts, and how to reach them, as the command line says."""

    inventory: tuple[str, ...]
    hosts: str
    limit: str | None
    extra_vars: tuple[str, ...]
    user: str | None
    private_key: str | None
    become: bool | None
    become_user: str | None
    become_method: str | None
    ask_become_pass: bool
    timeout: float
    accept_new_host_keys: bool
    forks: int


class Outputs(NamedTuple):
    """How results are told."""

    as_json: bool
    as_jsonl: bool
    verbose: int
    color: bool | None


def _options(*options: Decorator) -> Decorator:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


inventory_option = click.option(
    "-i", "--inventory", multiple=True, metavar="PATH|H1,H2,",
    help="Inventory file, directory, program, or list of hosts; repeatable, later ones win. "
    "[env: MEMOPS_INVENTORY; default: ./inventories, ./inventory, the user's]",
)  # fmt: skip

target_options = _options(
    inventory_option,
    click.option("--hosts", default="all", show_default=True, metavar="PATTERN",
                 help="Hosts and groups: 'prod:&eu:!db1', globs, ~regex."),
    click.option("-l", "--limit", metavar="PATTERN", help="Only those of them; @FILE too."),
    click.option("-e", "--extra-vars", multiple=True, metavar="K=V|JSON|@FILE",
                 help="Variables that win over all others."),
    click.option("-u", "--user", help="Log in as this user."),
    click.option("--private-key", metavar="FILE", help="Log in with this key."),
    click.option("-b", "--become/--no-become", default=None, help="Act as root (or --become-user)."),
    click.option("--become-user", metavar="USER", help="Act as this user."),
    click.option("--become-method", type=click.Choice(["sudo", "su", "doas"])),
    click.option("-K", "--ask-become-pass", is_flag=True,
                 help="Ask for the password of --become; without a terminal, one line of stdin."),
    click.option("-T", "--timeout", default=10.0, show_default=True,
                 help="Seconds to wait for a connection."),
    click.option("--accept-new-host-keys", is_flag=True,
                 help="Trust hosts that are not in known_hosts yet, and remember them."),
    click.option("-f", "--forks", default=50, show_default=True, type=click.IntRange(1),
                 help="Hosts at once."),
)  # fmt: skip

output_options = _options(
    click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
    click.option("--jsonl", "as_jsonl", is_flag=True, help="Every event as a JSON line on stdout."),
    click.option("-v", "--verbose", count=True, help="Say more."),
    click.option("--color/--no-color", default=None, help="As NO_COLOR and the terminal say."),
)

run_options = _options(
    click.option("-C", "--check", is_flag=True, help="Say what would change; change nothing."),
    click.option("-D", "--diff", is_flag=True, help="Show each change before and after."),
    click.option("--on-failure", default="host", show_default=True,
                 type=click.Choice(["host", "wave", "run", "keep"]),
                 help="What to roll back when a host fails."),
)  # fmt: skip

app_options = _options(
    click.option("--app", metavar="NAME", help="Only this app of memops_apps."),
    click.option("--unit", metavar="UNIT", help="The app is this systemd unit."),
    click.option("--script", metavar="PATH", help="The app is started by this control script."),
    click.option("--pid-file", metavar="PATH", help="The file with its pid (with --script)."),
    click.option("--process", metavar="REGEX", help="The app is the process with this command line."),
    click.option("--launch-file", metavar="PATH",
                 help="Where launch settings go (with --script or --process)."),
    click.option("--shape", type=click.Choice(["dropin", "envfile", "script", "wrapper"]),
                 help="What the launch file is."),
)  # fmt: skip


def take(cls: type[Any], given: dict[str, Any]) -> Any:
    """The value of the record *cls* made from the options it names, taken out of *given*."""
    return cls(**{name: given.pop(name) for name in cls.__annotations__})


def as_paths(_context: click.Context, _parameter: click.Parameter, value: object) -> object:
    """Texts of the command line as paths; pathlib takes its time, so only here."""
    from pathlib import Path

    if isinstance(value, tuple):
        return [Path(each) for each in value]
    return Path(str(value)) if value is not None else None


def report_width() -> int:
    """The terminal's columns, or a stable width where the output goes elsewhere."""
    import shutil
    import sys

    from memops.report.view import WIDTH

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH
