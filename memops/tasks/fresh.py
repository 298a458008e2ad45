"""An app whose process agrees with its launch files: restarted only while it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memops.errors import StepFailed
from memops.facts import launch, service
from memops.facts.health import well
from memops.facts.jemalloc import PREFIX
from memops.facts.process import processes
from memops.model.action import Run
from memops.model.step import Change, NoUndo, Step
from memops.tasks.sandbox import cannot_write, to_be_opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from memops.facts.launch import Settings
    from memops.facts.process import Process
    from memops.model.app import App
    from memops.model.step import Probe

_NO_UNDO = NoUndo("a restart has no inverse; after an undo the app is restarted again")
_RESTART_UNIT = 'systemctl daemon-reload && exec systemctl restart -- "$1"'
_AS_USER = 'exec "$0" "$@"'


def fresh(probe: Probe, *, app: App, revive: bool = False) -> Iterator[Step]:
    """Restart *app* if its process does not run with what its launch file says now.

    An app that does not run at all is an error, unless *revive*: then it is started.
    """
    why = stale(probe, app, revive=revive)
    if why:
        yield Step(Change(f"restart {app.name}", why, "agrees with its launch file"),
                   do=restart(app), undo=_NO_UNDO)  # fmt: skip
    elif app.unit and app.shape == "dropin" and probe(service.unit(app.unit)).needs_reload:
        yield Step(Change("systemd", "has old unit files loaded", "has them as they are"),
                   do=Run(("systemctl", "daemon-reload")), undo=NoUndo("reloads what is there"))  # fmt: skip


def app(probe: Probe, *, app: App, root: str = "/var/lib/memops") -> Iterator[Step]:
    """Know that *app* is found, runs, is well and can be profiled; else an error. Changes nothing.

    First in a playbook, it keeps a mistyped name, or a health check that never passes, from
    costing more than a look. A log is not asked: its line appears after a restart.
    """
    restart(app)
    checks = [well(check) for check in app.health if check.kind != "log"]
    probe.prefetch(processes(app), *checks)
    main = probe(processes(app)).main
    if main is None:
        raise StepFailed(app.name, "does not run, or is not found", _how_to_start(app))
    to_be_opened(probe, app, main, f"{root}/dumps/{app.name}", f"{PREFIX}/")
    unwell = [reason for check in checks if (reason := probe(check))]
    if unwell:
        remedy = "put it right first, or its health in memops_apps"
        raise StepFailed(app.name, f"is not well as it is: {unwell[0]}", remedy)
    yield from ()


def stale(probe: Probe, app: App, *, revive: bool = False) -> str | None:
    """Why *app* has to be restarted, or None."""
    probe.prefetch(processes(app), launch.settings(app))
    main, wanted = probe(processes(app)).main, probe(launch.settings(app))
    if main is None:
        if revive:
            return "does not run"
        raise StepFailed(app.name, "does not run", _how_to_start(app))
    if main.environ is None:
        raise StepFailed(
            app.name, f"/proc/{main.pid}/environ cannot be read", "repeat with --become"
        )
    if wanted is None:
        return "runs with launch settings that are gone" if launch.has_traces(main) else None
    return None if launch.has(main, wanted) else "runs without its launch settings"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a look after a restart found: *problem* is None once the app is well and as wanted.

    *final*: no later look of the same process will find it otherwise.
    """

    problem: str | None
    pid: int = 0
    final: bool = False


def proof(probe: Probe, app: App, log_sizes: Mapping[str, int], uid: int | None = None) -> Proof:
    """Whether *app* runs as its launch file says, as the user *uid* if known, and is well."""
    checks = [well(check, log_sizes.get(check.target, 0)) for check in app.health]
    probe.prefetch(processes(app), launch.settings(app), *checks)
    main, wanted = probe(processes(app)).main, probe(launch.settings(app))
    if main is None:
        return Proof("does not run")
    problem = _disagreement(main, wanted)
    if uid is not None and main.uid != uid:
        problem = f"runs as user {main.uid}, before it was user {uid} (see user in memops_apps)"
    if problem:
        return Proof(problem, pid=main.pid)
    if wanted and (blind := cannot_write(probe, main, wanted)):
        return Proof(blind, pid=main.pid, final=True)  # its mounts are made before its program
    unwell = [reason for check in checks if (reason := probe(check))]
    return Proof(unwell[0] if unwell else None, pid=main.pid)


def restart(app: App) -> Run:
    """The command that restarts *app*, through its unit, its script or its own command."""
    if app.unit:
        return Run(("sh", "-c", _RESTART_UNIT, "memops", app.unit), timeout=app.deadline + 90)
    argv = (app.script, "restart") if app.script else app.restart
    if not argv:
        raise StepFailed(
            app.name, "nobody said how it is restarted", "give it unit, script or restart"
        )
    if app.user:
        argv = ("su", "-s", "/bin/sh", "-c", _AS_USER, app.user, *argv)
    return Run(argv, timeout=app.deadline + 30)


def _disagreement(main: Process, wanted: Settings | None) -> str | None:
    if wanted is None:
        return "still runs with settings of memops" if launch.has_traces(main) else None
    if main.environ is None:
        return f"/proc/{main.pid}/environ cannot be read"
    if not any(line.endswith(wanted.preload) for line in main.maps):
        return f"runs without {wanted.preload}"
    return None if launch.has(main, wanted) else "runs without its launch settings"


def _how_to_start(app: App) -> str:
    if app.unit:
        return f"start it: systemctl start {app.unit}"
    return f"start it: {app.script} start" if app.script else "start it first"
