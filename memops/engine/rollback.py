"""Rolling back: the undos of a host's runs, newest first, then settling, then no trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.engine import journal as journals
from memops.engine.plan import plan
from memops.engine.probe import Reader, Remembering
from memops.engine.settle import before, prove
from memops.engine.undo import path_of, undos
from memops.errors import LockedError, MemopsError, StepFailed
from memops.facts.file import entry
from memops.model.action import Dir, File, Link, Put, Remove, Run, Saved
from memops.model.event import Planned
from memops.model.step import Change, NoUndo
from memops.tasks.fresh import fresh
from memops.transport.overlay import Overlay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memops.engine.journal import Header, Place, Record
    from memops.model.action import Action
    from memops.model.app import App
    from memops.model.event import Sink
    from memops.model.host import Become
    from memops.model.step import Step
    from memops.transport.base import Connection, Session


def open_runs(session: Session) -> tuple[Place, tuple[Record, ...]]:
    """Where journals are on the host, and its runs that were not undone, oldest first."""
    probe = Reader(session)
    place = probe(journals.place())
    return place, probe(journals.records(place.root))


def roll_back(
    connection: Connection,
    become: Become | None,
    place: Place,
    record: Record,
    holder: Header,
    sink: Sink,
    *,
    force: bool = False,
    check: bool = False,
) -> None:
    """Undo one run on one host and settle its apps; then remove its journal.

    Everything is decided before anything is done: a drift is found while nothing is changed yet.
    Repeating it after an interruption goes on where it stopped, because each undo is compared
    with the host first.
    """
    directory = place.run_dir(record.header.run)
    session = Remembering(connection.session(become, run_dir=directory))
    name = f"rollback {record.header.run}"
    actions = undo_actions(session, record.steps, force=force)
    for step in _told(record.steps, actions):
        sink(Planned(session.host, name, step))
    if check:
        return
    _take_lock(session, place, holder)
    try:
        try:
            _do(session, name, actions)
        finally:  # whatever could not be undone, no app is left between two settings
            settle(session, record.apps, name, sink)
    finally:
        session.act((journals.unlock(place, holder),))
    session.act((journals.remove(place, record.header.run),))


def undo_actions(
    session: Session, steps: Sequence[Step], *, force: bool = False
) -> tuple[Action, ...]:
    """The actions that undo *steps* on the host as it is now; refuses drift and forged undos."""
    for step in steps:
        _vet(session.host, step)
    paths = [path for step in steps if (path := path_of(step.undo))]
    probe = Reader(session)
    probe.prefetch(*(entry(path, digest=True) for path in paths))
    now = {path: probe(entry(path, digest=True)) for path in paths}
    return undos(steps, now, session.host, force=force)


def settle(session: Remembering, apps: Sequence[App], name: str, sink: Sink) -> None:
    """Restart those of *apps* that disagree with their launch files, and wait until they are well."""
    for app in apps:
        session.forget()
        steps, _ = plan(fresh, Overlay(session), {"app": app, "revive": True})
        known = before(session, app)
        for step in steps:
            sink(Planned(session.host, name, step.change, undoable=False))
        _do(session, name, [step.do for step in steps])
        if any(step.change.what.startswith("restart ") for step in steps):
            prove(session, app, known, sink)


def _do(session: Session, name: str, actions: Sequence[Action]) -> None:
    outputs = session.act(actions) if actions else ()
    for action, output in zip(actions, outputs, strict=False):
        if output.rc not in (action.ok if isinstance(action, Run) else (0,)):
            said = output.stderr.decode("utf-8", "replace").strip()
            what = path_of(action) if isinstance(action, Put | Remove) else "a command"
            raise StepFailed(
                session.host,
                f"{name}: {what}: {said.splitlines()[-1] if said else f'exit code {output.rc}'}",
                "put it right and repeat: it goes on where it stopped",
                said,
            )


def _take_lock(session: Session, place: Place, holder: Header) -> None:
    output = session.act((journals.lock(place, holder),))[0]
    said = output.stderr.decode("utf-8", "replace").strip()
    if output.rc == journals.LOCKED and journals.abandoned(said):
        output = session.act((journals.break_lock(place), journals.lock(place, holder)))[-1]
    if output.rc == journals.LOCKED:
        raise LockedError(
            session.host,
            f"is being worked on by {said}",
            "wait, or ask them; memops rollback --break-lock if they are gone",
        )
    if output.rc != 0:
        raise StepFailed(session.host, f"cannot lock {place.root}: {said}")


def _told(steps: Sequence[Step], actions: Sequence[Action]) -> list[Change]:
    """What the undos change, in their order, for people."""
    told = []
    left = list(actions)
    for step in reversed(steps):
        if left and step.undo == left[0]:
            left.pop(0)
            told.append(Change(step.change.what, step.change.after, step.change.before))
    return told


def _vet(host: str, step: Step) -> None:
    """A journal comes from the host: it may use what an undo needs, and nothing of the controller.

    A forged one could otherwise make us push a file of the controller to the host.
    """
    match step.undo:
        case NoUndo() | Remove(str(), bool()) | Put(str(), Dir() | Link(str())):
            return
        case Put(str(), File(bytes() | Saved(str(), int()), int())):
            return
        case Run(tuple() as argv, stdin=bytes()) if all(isinstance(each, str) for each in argv):
            return
        case _:
            raise MemopsError(
                host,
                f"the journal holds an undo of a kind that memops never writes: "
                f"{type(step.undo).__name__}",
                "somebody changed it; undo by hand",
            )
