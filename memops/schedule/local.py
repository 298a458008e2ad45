"""Schedules on the controller: planned, journalled and rolled back as anything on a host."""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memops.engine import identity
from memops.engine import journal as journals
from memops.engine.apply import Applier, Hands
from memops.engine.probe import Reader, Remembering
from memops.engine.rollback import open_runs, roll_back
from memops.errors import MemopsError, StepFailed, UsageError
from memops.facts import timer as facts
from memops.model.event import Note
from memops.tasks.timer import schedule_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memops.facts.timer import Timer
    from memops.model.action import Fetch, Local, Output, Recipe
    from memops.model.event import Sink
    from memops.tasks.template import Render
    from memops.transport.base import Connection, Session


@dataclass(frozen=True, slots=True)
class Here:
    """The controller as a host: a *connection* to it, the templates, and where systemd is."""

    connection: Connection
    render: Render
    booted: str = facts.BOOTED
    units: str = facts.SYSTEM_UNITS


def timers(here: Here) -> dict[str, Timer]:
    """The schedules on this machine, by name."""
    probe = Reader(here.connection.session())
    found = probe(facts.scheduler(here.booted, here.units))
    return probe(facts.timers(found)) if found.kind != "none" else {}


def add(here: Here, timer: Timer, sink: Sink, *, check: bool = False) -> bool:
    """Have *timer* start its command from now on; whether anything changed.

    What had been done when something fails is undone at once.
    """
    changed = _apply(here, timer.name, timer, sink, check=check)
    if changed and not check and kind(here) == "user":
        sink(Note("localhost", "it runs while you are logged in; always: loginctl enable-linger"))
    return changed


def remove(here: Here, name: str, sink: Sink, *, check: bool = False, force: bool = False) -> None:
    """Undo what `add` did for the schedule *name*; no trace of it stays.

    A file that somebody changed since stops it, unless *force*.
    """
    session = here.connection.session()
    place, records = open_runs(session)
    ours = [each for each in records if each.header.playbook == _title(name)]
    if not ours and name not in timers(here):
        raise _unknown(name, timers(here))
    for record in reversed(ours):
        holder = identity.header(record.header.run, _title(name), session.host)
        roll_back(here.connection, None, place, record, holder, sink, force=force, check=check)
    if name in timers(here) and not (check and ours):
        _apply(here, name, None, sink, check=check, forget=True)


def kind(here: Here) -> facts.Kind:
    """What starts commands on this machine."""
    return Reader(here.connection.session())(facts.scheduler(here.booted, here.units)).kind


def _apply(
    here: Here, name: str, timer: Timer | None, sink: Sink, *, check: bool, forget: bool = False
) -> bool:
    """Bring the timer *name* to what *timer* says; with *forget* the journal goes at once."""
    task = functools.partial(
        schedule_steps, render=here.render, booted=here.booted, units=here.units
    )
    run = identity.new_run()
    place = Reader(here.connection.session())(journals.place())
    session = Remembering(here.connection.session(None, run_dir=place.run_dir(run)))
    header = identity.header(run, _title(name), session.host)
    journal = journals.Journal(session, place, header)
    applier = Applier(session, journal, Hands(_no_recipes, _no_artifacts), sink, check)
    try:
        result = applier.apply("schedule", task, {"name": name, "timer": timer})
    except MemopsError:
        applier.close()
        if journal.tasks:
            roll_back(here.connection, None, place, journal.record(), header, sink)
        raise
    applier.close()
    if forget and journal.tasks:
        session.act((journals.remove(place, run),))
    return result.changed


def _title(name: str) -> str:
    return f"schedule {name}"


def _unknown(name: str, known: dict[str, Timer]) -> UsageError:
    near = difflib.get_close_matches(name, known, 1)
    listed = ", ".join(sorted(known)) or "none"
    remedy = f"did you mean {near[0]}?" if near else "see memops schedule list"
    return UsageError(name, f"no such schedule (known: {listed})", remedy)


def _no_recipes(recipe: Recipe, session: Session, sink: Sink) -> Local:  # noqa: ARG001 - as Hands wants it
    raise StepFailed(session.host, f"a schedule makes no {recipe.kind}")


def _no_artifacts(session: Session, fetches: Sequence[Fetch], sink: Sink) -> tuple[Output, ...]:  # noqa: ARG001 - as Hands wants it
    raise StepFailed(session.host, f"a schedule fetches no {len(fetches)} files")
