"""Settling: apps are restarted while they disagree with their launch files, and proven.

A restart has no inverse, so it is never undone: after an undo the app is settled again, and then
agrees with the files that are back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memops.engine.probe import Reader
from memops.errors import ProofFailed
from memops.facts.file import entry
from memops.facts.process import processes
from memops.model.event import Note, Progress
from memops.tasks.fresh import proof

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from memops.engine.probe import Remembering
    from memops.model.app import App
    from memops.model.event import Sink
    from memops.transport.base import Session

_PAUSE = 0.5  # seconds between two looks at an app that is coming up
_STEADY = 2  # looks in a row that must find it well, in the same process


@dataclass(frozen=True, slots=True)
class Before:
    """What is known before a restart: how long each log is (bytes), and as whom the app runs.

    Only lines written after the restart count, and an app that comes up as another user is not
    well: a control script that root runs may forget to switch.
    """

    log_sizes: Mapping[str, int] = field(default_factory=dict)
    uid: int | None = None


def before(session: Session, app: App) -> Before:
    """What has to be known of *app* before it is restarted."""
    logs = [check.target for check in app.health if check.kind == "log"]
    probe = Reader(session)
    found = {path: probe(entry(path)) for path in logs}
    main = probe(processes(app)).main
    sizes = {path: each.size if each else 0 for path, each in found.items()}
    return Before(sizes, main.uid if main else None)


def prove(
    session: Remembering,
    app: App,
    known: Before,
    sink: Sink,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Wait until *app* runs as its launch file says and is well; its pid.

    Raises `ProofFailed` with the last thing that was wrong once ``app.deadline`` has passed, or as
    soon as it cannot come right any more or the operator has *stopped* the run.
    """
    began, steady, pid = time.monotonic(), 0, 0
    probe = Reader(session)
    while True:
        session.forget()  # each round is a new look
        found = proof(probe, app, known.log_sizes, known.uid)
        steady = steady + 1 if found.problem is None and found.pid in (pid, 0) else 0
        if found.problem is None and found.pid != pid:
            pid, steady = found.pid, 1
        if steady >= _STEADY:
            sink(Note(session.host, f"{app.name} is well, pid {pid}"))
            return pid
        if found.final:
            said = f"systemctl cat {app.unit}" if app.unit else "how it is started"
            raise ProofFailed(session.host, f"{app.name} {found.problem}", f"see {said}")
        waited = time.monotonic() - began
        if stopped():
            raise ProofFailed(session.host, f"{app.name} was not waited for", "see memops status")
        if waited > app.deadline:
            raise ProofFailed(
                session.host,
                f"{app.name} {found.problem or 'does not stay up'} after {app.deadline:.0f} s",
                "see its log; a longer start needs deadline in memops_apps",
            )
        what = f"waiting for {app.name}" + (f": {found.problem}" if found.problem else "")
        sink(Progress(session.host, what, int(waited), int(app.deadline), "seconds"))
        time.sleep(_PAUSE)
