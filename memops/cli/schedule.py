"""``memops schedule``: collect regularly, by a timer on this machine."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memops.cli.options import Outputs, Targets, app_options, output_options, take, target_options
from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from memops.cli.wiring import AppChoice
    from memops.facts.timer import Timer
    from memops.schedule.local import Here

_KEPT_ENV = ("MEMOPS_KNOWN_HOSTS", "MEMOPS_SSH_CONFIG", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
_SECRET = re.compile(r"pass|secret|token|credential", re.IGNORECASE)
_name_option = click.argument("name")
_check_options = (
    click.option("-C", "--check", is_flag=True, help="Say what would change; change nothing."),
    click.option("-D", "--diff", is_flag=True, help="Show each change before and after."),
)


def _checked(command: Any) -> Any:
    for option in reversed(_check_options):
        command = option(command)
    return command


@click.group("schedule")
def command() -> None:
    """Collect regularly: a systemd timer on this machine, or a cron line where there is none."""


@command.command("add", short_help="Collect every TIME from now on.")
@target_options
@app_options
@click.option("--every", required=True, metavar="TIME", help="How often: 15m, 1h, 1d.")
@click.option("--name", metavar="NAME", help="What to call it.  [default: from --hosts and --app]")
@click.option("--jvm/--no-jvm", default=False, help="Also ask a JVM for its native memory.")
@_checked
@output_options
def add(every: str, name: str | None, jvm: bool, check: bool, diff: bool, **given: Any) -> int:  # noqa: FBT001 - click's way
    """Run ``memops collect`` with these options every TIME, on the clock.

    What is there under the same name is replaced. No password is written anywhere: log in with a
    key, and let sudo on the hosts ask for none.
    """
    from memops.cli.sinks import finish, sink_for
    from memops.cli.wiring import AppChoice, world
    from memops.facts.timer import Timer
    from memops.schedule import local
    from memops.units import parse_duration

    choice, targets, outputs = (take(each, given) for each in (AppChoice, Targets, Outputs))
    refuse_secrets(targets)
    world(targets).select()
    timer = Timer(
        name or default_name(targets.hosts, choice),
        round(parse_duration(every, "--every")),
        tuple(collect_argv(targets, choice, jvm=jvm)),
        str(Path.cwd()),
        tuple((key, os.environ[key]) for key in _KEPT_ENV if key in os.environ),
    )
    sink = sink_for(outputs, check=check, diff=diff)
    with _here() as here:
        changed = local.add(here, timer, sink, check=check)
    finish(sink, schedule=_row(timer), changed=changed)
    if not outputs.as_json and not outputs.as_jsonl:
        click.echo(_said(timer, changed=changed, check=check))
    return 0


@command.command("list", short_help="The schedules, and when each is due next.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def listed(as_json: bool) -> int:  # noqa: FBT001 - click's way
    """Show the schedules on this machine, and when each is due next."""
    import json

    from memops.schedule import local
    from memops.units import format_duration

    with _here() as here:
        found = local.timers(here)
    rows = [_row(found[name]) for name in sorted(found)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return 0
    if not rows:
        click.echo("no schedules; see memops schedule add --help", err=True)
    for row in rows:
        every = format_duration(row["every_seconds"])
        click.echo(f"{row['name']:<24} every {every:<8} next {row['next']}  {row['command']}")
    return 0


@command.command("remove", short_help="Take a schedule away.")
@_name_option
@_checked
@click.option("--force", is_flag=True, help="Even if somebody changed its files since.")
@output_options
def remove(name: str, check: bool, diff: bool, force: bool, **given: Any) -> int:  # noqa: FBT001 - click's way
    """Take the schedule NAME away; no trace of it stays."""
    from memops.cli.sinks import finish, sink_for
    from memops.schedule import local

    sink = sink_for(take(Outputs, given), check=check, diff=diff)
    with _here() as here:
        local.remove(here, name, sink, check=check, force=force)
    finish(sink, removed=name, check=check)
    return 0


def collect_argv(targets: Targets, choice: AppChoice, *, jvm: bool) -> Iterator[str]:
    """The ``memops collect`` that the timer runs: by absolute paths, whatever its directory."""
    from memops.cli.inventory import default_sources

    yield from (sys.executable, "-m", "memops", "collect")
    for source in targets.inventory or default_sources():
        yield from ("--inventory", source if "," in source else _absolute(source))
    yield from ("--hosts", targets.hosts)
    limit = targets.limit
    if limit and limit.startswith("@"):
        limit = f"@{_absolute(limit[1:])}"
    for each in targets.extra_vars:
        yield from ("--extra-vars", f"@{_absolute(each[1:])}" if each.startswith("@") else each)
    key = _absolute(targets.private_key) if targets.private_key else None
    for option, value in (
        ("limit", limit), ("user", targets.user), ("private-key", key),
        ("become-user", targets.become_user), ("become-method", targets.become_method),
        ("timeout", targets.timeout), ("forks", targets.forks),
        *((field.replace("_", "-"), getattr(choice, field)) for field in choice.__slots__),
    ):  # fmt: skip
        if value is not None:
            yield from (f"--{option}", str(value))
    if targets.become is not None:
        yield "--become" if targets.become else "--no-become"
    if jvm:
        yield "--jvm"


def refuse_secrets(targets: Targets) -> None:
    """A timer can ask for no password, and none is written into its files."""
    if targets.ask_become_pass:
        raise UsageError("--ask-become-pass", "a timer cannot ask", "let sudo need no password")
    if targets.accept_new_host_keys:
        raise UsageError(
            "--accept-new-host-keys", "is yours to say, not a timer's",
            "connect once with memops ping --accept-new-host-keys",
        )  # fmt: skip
    for given in targets.extra_vars:
        if not given.startswith("@") and _SECRET.search(given):
            raise UsageError("-e", "looks like a secret, and would be written down", "use -e @FILE")


def default_name(hosts: str, choice: AppChoice) -> str:
    """A name from the pattern and the app: ``prod``, ``prod-eu-shop``."""
    app = choice.app or choice.unit or choice.script or ""
    words = re.findall(r"[A-Za-z0-9_]+", f"{hosts} {Path(app).name.removesuffix('.service')}")
    return "-".join(words)[:60] or "collect"


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _here() -> AbstractContextManager[Here]:
    import contextlib

    from memops import data
    from memops.model.host import ConnectOptions, Host
    from memops.playbook.template import render_file
    from memops.schedule.local import Here
    from memops.transport.local import connect

    def render(template: str, /, **variables: object) -> str:
        return render_file(data.find("templates", template), variables)

    @contextlib.contextmanager
    def opened() -> Iterator[Here]:
        with connect(Host("localhost", connection="local"), ConnectOptions()) as connection:
            yield Here(connection, render)

    return opened()


def _row(timer: Timer) -> dict[str, Any]:
    import shlex
    from datetime import datetime

    from memops.schedule.due import next_due

    now = datetime.now().astimezone()
    return {
        "name": timer.name,
        "every_seconds": timer.every,
        "next": f"{next_due(timer.every, now):%Y-%m-%d %H:%M}",
        "command": shlex.join(timer.argv),
    }


def _said(timer: Timer, *, changed: bool, check: bool) -> str:
    row = _row(timer)
    state = "would be added" if check else "added"
    return f"{timer.name}: {state if changed else 'is there already'}, next at {row['next']}"
