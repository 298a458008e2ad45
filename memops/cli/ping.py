"""``memops ping``: connect, become, and say how each host answers."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from memops.cli.options import Outputs, Targets, output_options, take, target_options


@click.command()
@target_options
@output_options
def command(**given: Any) -> int:
    """Connect to hosts and say how they answer: system, user, and the time of a round trip."""
    from memops.cli.wiring import world
    from memops.engine.fleet import each_host
    from memops.engine.probe import Reader
    from memops.facts.os import platform
    from memops.model.action import Run

    targets, outputs = take(Targets, given), take(Outputs, given)
    here = world(targets)
    names = here.select()
    found: dict[str, dict[str, Any]] = {}

    def ping(name: str) -> None:
        began = time.monotonic()
        host = here.host(name)
        session = here.connections.to(host).session(host.become)
        connected = time.monotonic()
        who = session.look((Run(("id", "-un"), ok=(0, 1)),))[0].text.strip()
        answered = time.monotonic()
        system = Reader(session)(platform())
        found[name] = {
            "host": name,
            "ok": True,
            "user": who,
            "system": " ".join(filter(None, (system.distro, system.distro_version))),
            "kernel": system.kernel,
            "arch": system.arch,
            "libc": f"{system.libc} {system.libc_version}".strip(),
            "connect_ms": round((connected - began) * 1000),
            "round_trip_ms": round((answered - connected) * 1000, 1),
        }

    with here.connections:
        errors = each_host(names, ping, targets.forks)
    for name, error in errors.items():
        found[name] = {"host": name, "ok": False, "error": str(error)}
    rows = [found[name] for name in names]
    if outputs.as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            text = json.dumps(row) if outputs.as_jsonl else _line(row)
            click.secho(text, fg=None if row["ok"] else "red", color=outputs.color)
    return max((error.exit_code for error in errors.values()), default=0)


def _line(row: dict[str, Any]) -> str:
    from memops.cli.terminal import printable

    if not row["ok"]:
        return printable(f"{row['host']:<16} {row['error']}")
    return printable(
        f"{row['host']:<16} ok  {row['user']}, {row['system'] or 'unknown system'}, "
        f"{row['arch']}, {row['libc']}, {row['round_trip_ms']} ms"
    )
