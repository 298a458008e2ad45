"""What a step expects to find before and after, and whether its undo is still in order.

A state is a short text that can be compared on the controller and in ``undo.sh`` alike::

    absent | file SHA256 MODE UID:GID | dir MODE UID:GID | link TARGET | other
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memops.errors import DriftError
from memops.model.action import Dir, Fetch, File, Link, Put, Remove, Run, Saved
from memops.model.step import NoUndo
from memops.tasks.entries import digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from memops.model.action import Action
    from memops.model.entry import Entry
    from memops.model.step import Step


@dataclass(frozen=True, slots=True)
class State:
    """What stands at a path, as far as undoing cares; owner and mode are those we know of."""

    kind: str
    value: str = ""


ABSENT = State("absent")


def state_of(entry: Entry | None) -> State:
    """The state of what a host described."""
    if entry is None:
        return ABSENT
    return State(entry.kind, {"file": entry.sha256, "link": entry.target}.get(entry.kind, ""))


def state_after(action: Action) -> State | None:
    """The state that *action* leaves at its path, None for an action that has no path."""
    match action:
        case Put():
            return _state_put(action.entry)
        case Remove():
            return ABSENT
        case Run() | Fetch():
            return None


def _state_put(entry: File | Dir | Link) -> State:
    match entry:
        case File():
            return State("file", digest(entry.content))
        case Link():
            return State("link", entry.target)
        case Dir():
            return State("dir")


def path_of(action: Action | NoUndo) -> str | None:
    """The path *action* puts or removes."""
    return action.path if isinstance(action, Put | Remove) else None


def saved(step: Step) -> tuple[str, str] | None:
    """The path and sha256 that must be saved before *step* is done, if its undo needs them."""
    match step.undo:
        case Put(path, File(Saved(sha256=sha256))):
            return path, sha256
        case _:
            return None


def undos(
    steps: Sequence[Step], now: Mapping[str, Entry | None], host: str, *, force: bool = False
) -> tuple[Action, ...]:
    """The actions that undo *steps*, newest first, given what stands at each path *now*.

    A path that is already as it was before is left alone; one that is neither as it was nor as we
    made it was changed by somebody else: `DriftError`, unless *force*.
    """
    known, actions = {path: state_of(entry) for path, entry in now.items()}, []
    untouched = {path for path, entry in now.items() if entry is not None}
    for step in reversed(steps):
        if isinstance(step.undo, NoUndo):
            continue
        path = path_of(step.undo)
        if path is None:
            actions.append(step.undo)
            continue
        before, after = state_after(step.undo), state_after(step.do)
        checked = path_of(step.do) == path
        current = known.get(path, ABSENT)
        if current == before and not isinstance(step.undo, Put):
            continue
        if path in untouched and _is_back(now[path], step.undo):
            continue  # as it was, mode and owner too; its original may not even have been saved
        if checked and current not in (after, before) and not force:
            raise DriftError(
                host,
                f"{path} was changed since: it is {_told(current)}, memops left {_told(after)}, "
                f"before that it was {_told(before)}",
                "compare it yourself, then put it right or repeat with --force",
            )
        actions.append(step.undo)
        untouched.discard(path)
        known[path] = before or ABSENT
    return tuple(actions)


def _is_back(entry: Entry | None, undo: Action) -> bool:
    if entry is None or not isinstance(undo, Put) or state_of(entry) != state_after(undo):
        return False
    wanted = undo.entry
    mode = entry.mode if isinstance(wanted, Link) else wanted.mode
    return (entry.mode, str(entry.uid), str(entry.gid)) == (mode, wanted.owner, wanted.group)


def _told(state: State | None) -> str:
    if state is None:
        return "unknown"
    shown = state.value[:12] if state.kind == "file" else state.value
    return f"{state.kind} {shown}".strip()
