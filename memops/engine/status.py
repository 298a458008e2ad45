"""What memops has on a host now, and how its apps run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memops.engine.expiry import due
from memops.engine.probe import Reader, Remembering
from memops.engine.rollback import open_runs
from memops.facts import launch
from memops.facts.file import listing
from memops.facts.health import well
from memops.facts.process import processes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memops.engine.journal import Header
    from memops.facts.launch import Settings
    from memops.facts.process import Process
    from memops.model.app import App
    from memops.transport.base import Session


@dataclass(frozen=True, slots=True)
class AppStatus:
    """One app: *profiling* is ``on``, ``off``, ``stale`` (a restart is due) or ``not running``.

    *dumps* and *dump_bytes* count the heap profiles on the host; *rss* is in bytes; *problem* is
    what the first failing health check says.
    """

    app: str
    profiling: str
    pid: int = 0
    rss: int = 0
    dumps: int = 0
    dump_bytes: int = 0
    problem: str = ""
    malloc_conf: str = ""


@dataclass(frozen=True, slots=True)
class HostStatus:
    """One host: its runs that were not undone, oldest first, and its apps.

    *undo_in* is how many seconds are left until the host undoes them by itself, if it will.
    """

    host: str
    runs: tuple[Header, ...]
    apps: tuple[AppStatus, ...]
    undo_in: float | None = None


def status(session: Session, apps: Sequence[App]) -> HostStatus:
    """The status of the host behind *session*."""
    remembering = Remembering(session)
    place, records = open_runs(remembering)
    runs = tuple(record.header for record in records)
    left = Reader(remembering)(due(place)) if runs else None
    found = tuple(_app(remembering, app, place.root) for app in apps)
    return HostStatus(session.host, runs, found, left)


def _app(session: Session, app: App, root: str) -> AppStatus:
    probe = Reader(session)
    checks = [well(each) for each in app.health if each.kind != "log"]
    dumps = listing(f"{root}/dumps/{app.name}", "*.heap")
    probe.prefetch(processes(app), launch.settings(app), dumps, *checks)
    main, wanted = probe(processes(app)).main, probe(launch.settings(app))
    files = probe(dumps).values()
    unwell = [reason for check in checks if (reason := probe(check))]
    return AppStatus(
        app.name,
        _profiling(main, wanted),
        main.pid if main else 0,
        main.rss if main else 0,
        len(files),
        sum(each.size for each in files),
        unwell[0] if unwell else "",
        wanted.malloc_conf if wanted else "",
    )


def _profiling(main: Process | None, wanted: Settings | None) -> str:
    if main is None:
        return "not running"
    if wanted is None:
        return "stale" if launch.has_traces(main) else "off"
    return "on" if launch.has(main, wanted) else "stale"
