"""Applying on one host: write the journal, act, and say what happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from memops.engine import journal as journals
from memops.engine.plan import plan
from memops.errors import LockedError, StepFailed
from memops.model.action import Fetch, File, Local, Put, Recipe, Run
from memops.model.app import App
from memops.model.event import Planned
from memops.model.step import NoUndo, Step
from memops.transport.overlay import Overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from memops.engine.journal import Journal
    from memops.engine.plan import Task
    from memops.engine.probe import Remembering
    from memops.model.action import Action, Output
    from memops.model.event import Sink
    from memops.transport.base import Session

    Make = Callable[[Recipe, Session, Sink], Local]
    Bring = Callable[[Session, Sequence[Fetch], Sink], tuple[Output, ...]]


@dataclass(frozen=True, slots=True)
class Hands:
    """What applying needs besides a host: how recipes are made and artifacts brought home."""

    make: Make
    bring: Bring


@dataclass(frozen=True, slots=True)
class Result:
    """What a task did on a host: its steps, the answer of its last command, what it registers."""

    steps: tuple[Step, ...] = ()
    output: Output | None = None
    registered: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether the host differs from before; bringing artifacts home does not count."""
        return any(not isinstance(step.do, Fetch) for step in self.steps)


@dataclass(slots=True)
class Applier:
    """Applies tasks to one host as one user; with *check* it only lays them over the host."""

    session: Remembering
    journal: Journal
    hands: Hands
    sink: Sink
    check: bool = False
    locked: bool = False
    overlay: Overlay = field(init=False)

    def __post_init__(self) -> None:
        self.overlay = Overlay(self.session)

    def apply(self, name: str, task: Task, params: Mapping[str, Any]) -> Result:
        """Plan *task* and, unless this is a check, do its steps with the journal in front."""
        steps, registered = plan(task, self.overlay, params)
        for step in steps:
            if isinstance(step.do, Fetch):  # the host is not changed
                continue
            undoable = not isinstance(step.undo, NoUndo)
            self.sink(Planned(self.session.host, name, step.change, undoable))
        if self.check or not steps:
            return Result(steps, None, registered)
        self.overlay = Overlay(self.session)
        apps = [value for value in params.values() if isinstance(value, App)]
        output = self._act(name, tuple(self._made(step) for step in steps), apps)
        return Result(steps, output, registered)

    def close(self) -> None:
        """Give back the host's lock."""
        if self.locked:
            self.locked = False
            self.session.act((journals.unlock(self.journal.place, self.journal.header),))

    def _made(self, step: Step) -> Step:
        match step.do:
            case Put(path, File(Recipe() as recipe, mode, owner, group)):
                content = self.hands.make(recipe, self.session, self.sink)
                return Step(step.change, Put(path, File(content, mode, owner, group)), step.undo)
            case _:
                return step

    def _act(self, name: str, steps: tuple[Step, ...], apps: Sequence[App]) -> Output | None:
        fetches = tuple(step.do for step in steps if isinstance(step.do, Fetch))
        rest = tuple(step for step in steps if not isinstance(step.do, Fetch))
        last: Output | None = None
        if rest:
            last = self._journalled(name, rest, apps)
        if fetches:
            self.session.forget()
            self.hands.bring(self.session, fetches, self.sink)
        return last

    def _journalled(self, name: str, steps: tuple[Step, ...], apps: Sequence[App]) -> Output:
        before = self.journal.begin(steps, apps)
        actions = [*before, *(step.do for step in steps), self.journal.end()]
        outputs = self.session.act(actions)
        if outputs and outputs[0].rc == journals.LOCKED and _abandoned(outputs[0]):
            self.session.act((journals.break_lock(self.journal.place),))
            outputs = self.session.act(actions)
        self.locked = self.locked or bool(outputs and outputs[0].rc == 0)
        failed = _failed(actions, outputs)
        if failed is not None:
            self._refuse(name, failed - len(before), steps, outputs[failed])
        return outputs[-2]

    def _refuse(self, name: str, index: int, steps: tuple[Step, ...], output: Output) -> None:
        host = self.session.host
        said = output.stderr.decode("utf-8", "replace").strip() or output.text.strip()
        if index < 0 and output.rc == journals.LOCKED:
            raise LockedError(
                host,
                f"is being worked on by {said}",
                "wait, or ask them; memops rollback --break-lock if they are gone",
            )
        what = steps[index].change.what if 0 <= index < len(steps) else "writing the journal"
        line = said.splitlines()[-1] if said else f"exit code {output.rc}"
        raise StepFailed(host, f"{name}: {what}: {line}", _remedy(line), said)


def _abandoned(output: Output) -> bool:
    return journals.abandoned(output.stderr.decode("utf-8", "replace"))


def _failed(actions: Sequence[Action], outputs: Sequence[Output]) -> int | None:
    for index, (action, output) in enumerate(zip(actions, outputs, strict=False)):
        if output.rc not in (action.ok if isinstance(action, Run) else (0,)):
            return index
    return None if len(outputs) == len(actions) else len(outputs) - 1


def _remedy(line: str) -> str:
    """The next thing to do about an error that a host's own tools told."""
    for told, remedy in (
        ("No space left", "free some space there and repeat"),
        ("Read-only file system", "remount it writable, or choose another place"),
        ("Permission denied", "repeat with --become, or as a user who may"),
        ("Operation not permitted", "repeat with --become, or as a user who may"),
    ):
        if told.lower() in line.lower():
            return remedy
    return "put it right and repeat; what was done is undone or can be with memops rollback"
