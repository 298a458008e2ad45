"""The journal: what a run did to a host, on the host, written before it is done.

``<root>/runs/<run>/`` (mode 0700) holds

    run.json        who, when, from where, which playbook
    NNNN.json       the steps of the NNNN-th task that changed something (`memops.model.stored`)
    NNNN.done       a directory: that task's steps were all done
    apps.json       the apps to settle after an undo
    originals/SHA   bytes that an undo needs
    undo.sh         the undos, newest first, for `sh` alone

*root* is ``/var/lib/memops`` for root, ``~/.local/state/memops`` for others.
"""

from __future__ import annotations

import json
import os
import re
import socket
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from memops.engine.disarm import DISARM
from memops.engine.undo import saved
from memops.engine.undo_script import render
from memops.errors import MemopsError
from memops.model import stored
from memops.model.action import Dir, File, Put, Run
from memops.model.step import Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memops.model.action import Action, Output
    from memops.model.app import App
    from memops.model.step import Step
    from memops.transport.base import Session

_BASICS = 'id -u; printf "%s\\n" "$HOME"; date +%s'

# Arguments: the root, the lock's expiry (seconds of the host's clock), who takes it.
# What is missing above the root is made, and remembered in `made`, to go with it.
_MAKE = r"""
path=$1 missing=
while [ ! -d "$path" ]; do
    missing="$path
$missing"
    path=${path%/*}
    path=${path:-/}
done
printf %s "$missing" | while IFS= read -r path; do mkdir -m 755 -- "$path" || exit; done
[ -d "$1" ] || exit 1
[ -z "$missing" ] || printf %s "$missing" >"$1/made"
[ -d "$1/dumps" ] || mkdir -m 755 -- "$1/dumps" || exit
until mkdir -m 700 -- "$1/lock" 2>/dev/null; do
    owner=$(cat -- "$1/lock/owner" 2>/dev/null)
    until=${owner%% *}
    if [ "${owner#* }" != "$3" ] && [ "${until:-9999999999}" -gt "$(date +%s)" ]; then
        printf '%s\n' "${owner#* }" >&2
        exit 75
    fi
    rm -rf -- "$1/lock"
done
printf '%s %s\n' "$2" "$3" >"$1/lock/owner"
"""

# Arguments: the root, and who took the lock.
UNLOCK = r"""
[ "$(cut -d" " -f2- "$1/lock/owner" 2>/dev/null)" = "$2" ] && rm -rf -- "$1/lock"
exit 0
"""
BREAK = 'rm -rf -- "$1/lock"'
LOCKED = 75  # EX_TEMPFAIL of sysexits.h
_LOCK_SECONDS = 3600

# Arguments: the root, and a run whose journal goes; then whatever of ours is empty.
REMOVE = (
    DISARM
    + r"""
rm -rf -- "$1/runs/$2" || exit
rmdir -- "$1/runs" "$1/dumps" 2>/dev/null
[ -d "$1/runs" ] || [ -d "$1/dumps" ] && exit 0
made=$(cat "$1/made" 2>/dev/null) && rm -f -- "$1/made"
while [ -n "$made" ]; do
    last=${made##*"
"}
    rmdir -- "$last" 2>/dev/null || break
    [ "$last" = "$made" ] && break
    made=${made%"
"*}
done
exit 0
"""
)

_RUN = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")

# Argument: the root. Each file of each run: a line "run name size", then its bytes.
_LIST = r"""
cd "$1/runs" 2>/dev/null || exit 0
for run in *; do
    [ -d "$run" ] || continue
    for name in run.json apps.json; do
        [ -f "$run/$name" ] && printf '%s %s %s\n' "$run" "$name" "$(od -An -v -tx1 <"$run/$name" | tr -d ' \n')"
    done
    for path in "$run"/[0-9]*.json; do
        [ -f "$path" ] && printf '%s %s %s\n' "$run" "${path##*/}" "$(od -An -v -tx1 <"$path" | tr -d ' \n')"
    done
    for path in "$run"/[0-9]*.done; do
        [ -d "$path" ] && printf '%s %s\n' "$run" "${path##*/}"
    done
done
exit 0
"""


@dataclass(frozen=True, slots=True)
class Header:
    """Who began a run, when (seconds since the epoch), from where and with what."""

    run: str
    started: float
    operator: str
    controller: str
    playbook: str
    host: str


@dataclass(frozen=True, slots=True)
class Record:
    """A run as its host tells it: *tasks* are the steps of each task, oldest first."""

    header: Header
    tasks: tuple[tuple[Step, ...], ...] = ()
    done: int = 0
    apps: tuple[App, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, oldest first."""
        return tuple(step for task in self.tasks for step in task)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a user keeps journals and dumps on a host; *clock* is the host's, in seconds."""

    root: str
    uid: int
    clock: float

    def run_dir(self, run: str) -> str:
        """The directory of the run named *run*."""
        return f"{self.root}/runs/{run}"


def place() -> Query[Place]:
    """Where the acting user's journals are."""
    return Query((Run(("sh", "-c", _BASICS)),), _parse_place)


def records(root: str) -> Query[tuple[Record, ...]]:
    """The runs below *root* that were not undone yet, oldest first."""
    look = Run(("sh", "-c", _LIST, "memops-journal", root))
    return Query((look,), lambda outputs: _parse_records(outputs[0].text, root))


@dataclass(slots=True)
class Journal:
    """Writes the journal of one run on one host; nothing at all until the first change."""

    session: Session
    place: Place
    header: Header
    tasks: list[tuple[Step, ...]] = field(default_factory=list)
    apps: list[App] = field(default_factory=list)

    @property
    def directory(self) -> str:
        """The run's directory on the host."""
        return self.place.run_dir(self.header.run)

    def begin(self, steps: tuple[Step, ...], apps: Sequence[App]) -> list[Action]:
        """The actions to do before *steps*: make the directory, write the steps, save originals."""
        actions = [] if self.tasks else self._make()
        self.tasks.append(steps)
        number = f"{len(self.tasks):04d}"
        originals = dict.fromkeys(need for step in steps if (need := saved(step)))
        actions += [self.session.save(path, sha256) for path, sha256 in originals]
        known = len(self.apps)
        for app in apps:
            if app not in self.apps:
                self.apps.append(app)
        if len(self.apps) > known:
            actions.append(self._file("apps.json", stored.dump(tuple(self.apps))))
        actions += [
            self._file(f"{number}.json", stored.dump(steps)),
            self._file("undo.sh", self._undo_script(), 0o700),
        ]
        return actions

    def end(self) -> Action:
        """The action that marks the last task's steps as done."""
        # a directory is there or not, with nothing in it that the disk must take first
        return Put(f"{self.directory}/{len(self.tasks):04d}.done", Dir(0o700))

    def record(self) -> Record:
        """The journal so far, as the host would tell it."""
        return Record(self.header, tuple(self.tasks), len(self.tasks), tuple(self.apps))

    def _undo_script(self) -> str:
        steps = tuple(step for task in self.tasks for step in task)
        return render(self.header, steps, self.apps, self.directory, REMOVE)

    def _make(self) -> list[Action]:
        made = [lock(self.place, self.header)]
        runs = f"{self.place.root}/runs"
        below = (runs, self.directory, f"{self.directory}/originals")
        made += [Put(each, Dir(0o700)) for each in below]
        made.append(self._file("run.json", json.dumps(asdict(self.header))))
        return made

    def _file(self, name: str, text: str, mode: int = 0o600) -> Action:
        return Put(f"{self.directory}/{name}", File(text.encode(), mode))


def lock(place: Place, header: Header) -> Action:
    """The action that makes *place* and takes its lock; rc `LOCKED` where somebody has it."""
    until = str(int(place.clock) + _LOCK_SECONDS)
    return Run(("sh", "-c", _MAKE, "memops", place.root, until, _holder(header)))


def break_lock(place: Place) -> Action:
    """The action that takes the lock away from whoever has it."""
    return Run(("sh", "-c", BREAK, "memops", place.root))


def unlock(place: Place, header: Header) -> Action:
    """The action that gives the lock back, if it is still ours."""
    return Run(("sh", "-c", UNLOCK, "memops", place.root, _holder(header)))


def _holder(header: Header) -> str:
    return f"{header.operator} on {header.controller} (pid {os.getpid()}), run {header.run}"


def abandoned(holder: str) -> bool:
    """Whether *holder*, as a lock names it, was a process of this machine that is gone."""
    found = re.search(r" on (\S+) \(pid (\d+)\), run ", holder)
    if not found or found[1] != controller():
        return False
    try:
        os.kill(int(found[2]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def controller() -> str:
    """The name of this machine, as journals and locks have it."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", socket.gethostname())


def remove(place: Place, run: str = "none") -> Action:
    """The action that removes a run's journal, and the directories above that are empty then."""
    return Run(("sh", "-c", REMOVE, "memops", place.root, run))


def _parse_place(outputs: tuple[Output, ...]) -> Place:
    uid, home, clock = [*outputs[0].text.splitlines(), "", "", ""][:3]
    if not uid.isdigit():
        raise MemopsError("", f"the host does not say who we are: {outputs[0].text!r:.80}")
    root = "/var/lib/memops" if uid == "0" else f"{home}/.local/state/memops"
    return Place(root, int(uid), float(clock or 0))


def _parse_records(text: str, root: str) -> tuple[Record, ...]:
    runs: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        run, name, content = [*line.split(" "), "", ""][:3]
        if _RUN.fullmatch(run):  # never build a path from another name a host may tell
            runs.setdefault(run, {})[name] = bytes.fromhex(content).decode("utf-8", "replace")
    found = [_record(run, files, root) for run, files in runs.items()]
    return tuple(sorted(found, key=lambda record: (record.header.started, record.header.run)))


def _record(run: str, files: dict[str, str], root: str) -> Record:
    where = f"{root}/runs/{run}"
    names = sorted(name for name in files if name[0].isdigit() and name.endswith(".json"))
    return Record(
        _header(files.get("run.json", ""), run, where),
        tuple(stored.load_steps(files[name], f"{where}/{name}") for name in names),
        sum(1 for name in files if name.endswith(".done")),
        stored.load_apps(files.get("apps.json", "[]"), f"{where}/apps.json"),
    )


def _header(text: str, run: str, where: str) -> Header:
    try:
        fields: dict[str, Any] = json.loads(text or "{}")
        header = Header(**{"started": 0.0, "operator": "", "controller": "", "playbook": "",
                           "host": "", **fields, "run": run})  # fmt: skip
        return Header(**{**asdict(header), "started": float(header.started)})
    except (ValueError, TypeError) as error:
        raise MemopsError(where, f"is no journal of memops ({error})") from error
