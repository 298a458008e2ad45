"""``memops rollback``: undo what runs did to hosts, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from memops.cli.options import Outputs, Targets, output_options, take, target_options

if TYPE_CHECKING:
    from memops.cli.wiring import World
    from memops.engine.journal import Place, Record
    from memops.model.event import Sink


@click.command()
@target_options
@click.option("--run", "run_id", metavar="RUN", help="Only this run.  [default: all of the hosts]")
@click.option("-C", "--check", is_flag=True, help="Say what would be undone; undo nothing.")
@click.option("-D", "--diff", is_flag=True, help="Show each change before and after.")
@click.option("--discard", is_flag=True, help="Do not bring uncollected heap profiles home first.")
@click.option("--force", is_flag=True, help="Undo files that somebody changed since, too.")
@click.option(
    "--break-lock", is_flag=True, help="Take the host's lock from a run that was killed elsewhere."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_options
def command(**given: Any) -> int:
    """Undo what memops changed on hosts.

    Every file is put back byte for byte, every process restarted on its old settings, the journal
    removed. Heap profiles that were not collected are brought home first.

    A file that somebody changed since stops the host with nothing undone, and says what differs.
    """
    from memops.cli.sinks import finish, sink_for
    from memops.cli.wiring import confirm, world
    from memops.engine.fleet import each_host
    from memops.model.event import HostEnded, Note

    targets, outputs = take(Targets, given), take(Outputs, given)
    sink = sink_for(outputs, check=given["check"], diff=given["diff"])
    here = world(targets)
    names = here.select()
    with here.connections:
        found, errors = _find(here, names, given)
        open_hosts = [name for name in names if name in found and found[name][1]]
        if open_hosts and not given["check"]:
            runs = sum(len(found[name][1]) for name in open_hosts)
            confirm(f"Roll back {runs} run(s) on {', '.join(open_hosts)}?", yes=given["yes"])
        undone = each_host(open_hosts, lambda name: _host(here, name, *found[name], sink, given),
                           targets.forks)  # fmt: skip
    errors |= undone
    if not open_hosts and not errors:
        sink(Note("", "nothing to undo", "warning"))
    for name in names:
        error = errors.get(name)
        if error is not None:
            sink(Note(name if not error.where.startswith(name) else "", str(error), "error"))
        bad = 0 if error is None else 1
        lost = bad if error is not None and error.exit_code == 4 else 0  # noqa: PLR2004 - Unreachable
        rolled = len(found[name][1]) if error is None and not given["check"] else 0
        sink(HostEnded(name, ok=1 - bad, unreachable=lost, failed=bad - lost, rolledback=rolled))
    code = max((error.exit_code for error in errors.values()), default=0)
    finish(
        sink,
        exit_code=code,
        rolled_back={n: [r.header.run for r in found[n][1]] for n in open_hosts},
    )
    return code


def _find(
    here: World, names: tuple[str, ...], given: dict[str, Any]
) -> tuple[dict[str, tuple[Place, tuple[Record, ...]]], dict[str, Any]]:
    """The runs of each host that are to be undone, newest first, and the hosts' errors."""
    from memops.engine import journal
    from memops.engine.fleet import each_host
    from memops.engine.rollback import open_runs

    found: dict[str, tuple[Place, tuple[Record, ...]]] = {}
    run = given["run_id"]

    def look(name: str) -> None:
        host = here.host(name)
        session = here.connections.to(host).session(here.acting(host))
        place, records = open_runs(session)
        if given["break_lock"]:
            session.act((journal.break_lock(place),))
        if not records and not given["check"]:
            session.act((journal.remove(place),))  # what a run left that was killed at its start
        found[name] = (
            place,
            tuple(record for record in reversed(records) if run in (None, record.header.run)),
        )

    return found, each_host(names, look, here.targets.forks)


def _host(
    here: World,
    name: str,
    place: Place,
    records: tuple[Record, ...],
    sink: Sink,
    given: dict[str, Any],
) -> None:
    from memops.cli.wiring import collect_before_undo
    from memops.engine.identity import header
    from memops.engine.rollback import roll_back

    host = here.host(name)
    connection, become = here.connections.to(host), here.acting(host)
    if not given["discard"] and not given["check"]:
        collect_before_undo(here, name, records, sink)
    for record in records:
        roll_back(
            connection, become, place, record, header(record.header.run, "rollback", name), sink,
            force=given["force"], check=given["check"],
        )  # fmt: skip
    _tell(name, records, sink, check=given["check"])


def _tell(name: str, records: tuple[Record, ...], sink: Sink, *, check: bool) -> None:
    from memops.model.event import TaskEnded

    for record in records:
        outcome: Any = "ok" if check else "rolledback"
        sink(TaskEnded(name, f"rollback {record.header.run}", outcome))
