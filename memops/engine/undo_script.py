"""``undo.sh``: a run's undos for `sh` alone, for the day when no controller is there.

It does what `memops.engine.rollback` does, with the same shell functions that a session uses:
first it looks for drift, and touches nothing if there is any; then it undoes, newest first; then
it settles the apps; then it removes the run's journal, itself included.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from memops.engine.undo import State, path_of, state_after
from memops.facts.launch import MARK, launch_file
from memops.facts.process import SCRIPT, finder
from memops.model.action import Remove
from memops.model.step import NoUndo
from memops.tasks.fresh import restart
from memops.transport.functions import ALL
from memops.transport.script import render_action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memops.engine.journal import Header
    from memops.model.app import App
    from memops.model.step import Step

_HEAD = """\
#!/bin/sh
# Undoes run {run} of memops ({operator} on {controller}, {playbook}).
# sh undo.sh           stops, with nothing changed, where a file was changed since
# sh undo.sh --force   puts the originals back all the same
MEMOPS_RUN={directory}
MEMOPS_ROOT={root}
force=no failed=0
[ "${{1-}}" = --force ] && force=yes
locale=${{LC_ALL-}}
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
umask 022
cd /
"""

_FUNCTIONS = r"""
drift=0
state() { # of path $1, as on the next lines
    fields=$(memops_stat "$1" digest 2>/dev/null | tr '\0\n' '\n?') || fields=
    [ -n "$fields" ] || { echo absent; return; }
    kind=$(printf '%s\n' "$fields" | sed -n 1p)
    case $kind in
    file) echo "file $(printf '%s\n' "$fields" | sed -n 10p)" ;;
    link) echo "link $(printf '%s\n' "$fields" | sed -n 9p)" ;;
    *) echo "$kind" ;;
    esac
}
expect() { # that path $1 is in one of the states that follow
    path=$1 now=$(state "$1")
    shift
    for each; do [ "$now" = "$each" ] && return; done
    echo "$path: was changed since: it is $now" >&2
    drift=1
}
refuse_drift() {
    [ $drift = 0 ] || [ $force = yes ] || {
        echo "nothing was changed; --force undoes all the same" >&2
        exit 3
    }
}
undo() { # what $1 says, by the shell text $2
    (eval "$2") || { echo "undo of $1 failed" >&2; failed=1; }
}
settle() { # app $1: how and by what it is found, its launch file, and how it is restarted
    seen=$(sh -c "$MEMOPS_LOOK" memops-look "$2" "$3")
    case $seen in
    *"
pid "*) ;;
    *) restart_app "$1" "$5"; return ;;
    esac
    # /memops/ in hexadecimal, as in the environment at exec, or in a mapping
    case $seen in *2f6d656d6f70732f* | */opt/memops/*) restart_app "$1" "$5"; return ;; esac
    grep -q "^$MEMOPS_MARK" "$4" 2>/dev/null && restart_app "$1" "$5"
}
restart_app() { # in the locale of whoever calls us: the app inherits it
    (if [ -n "$locale" ]; then LC_ALL=$locale; else unset LC_ALL; fi; eval "$2") >/dev/null || { echo "$1 could not be restarted" >&2; failed=1; }
}
"""

_TAIL = r"""
[ $failed = 0 ] || { echo "not everything could be undone; $MEMOPS_RUN is kept" >&2; exit 1; }
"""


def render(
    header: Header,
    steps: Sequence[Step],
    apps: Sequence[App],
    directory: str,
    remove: str,
) -> str:
    """The text of ``undo.sh`` in *directory*; *remove* is the script that takes the journal away."""
    root, run = directory.rsplit("/", 2)[0], header.run
    return "\n".join(
        [
            _HEAD.format(
                run=run,
                operator=header.operator,
                controller=header.controller,
                playbook=shlex.quote(header.playbook),
                directory=shlex.quote(directory),
                root=shlex.quote(root),
            ),
            ALL,
            _FUNCTIONS,
            f"MEMOPS_LOOK={shlex.quote(SCRIPT)}",
            f"MEMOPS_MARK={shlex.quote(MARK.strip())}",
            *_expectations(steps),
            "refuse_drift",
            *_undos(steps),
            *(_settle(app) for app in apps),
            _TAIL,
            f"exec sh -c {shlex.quote(remove)} memops {shlex.quote(root)} {shlex.quote(run)}",
            "",
        ]
    )


def _expectations(steps: Sequence[Step]) -> list[str]:
    """For each path, the states that steps leave at it or found there."""
    states: dict[str, list[str]] = {}
    for step in steps:
        path = path_of(step.undo)
        if path is None or isinstance(step.undo, NoUndo) or path_of(step.do) != path:
            continue
        for state in (state_after(step.undo), state_after(step.do)):
            told = _told(state)
            if told not in states.setdefault(path, []):
                states[path].append(told)
    return [shlex.join(["expect", path, *told]) for path, told in states.items()]


def _undos(steps: Sequence[Step]) -> list[str]:
    lines = []
    for step in reversed(steps):
        if isinstance(step.undo, NoUndo):
            continue
        text = render_action(step.undo, '"$MEMOPS_RUN"', alone=False)
        if isinstance(step.undo, Remove):  # absent already is undone already
            text = f"[ ! -e {shlex.quote(step.undo.path)} ] && [ ! -L {shlex.quote(step.undo.path)} ] || {text}"
        lines.append(shlex.join(["undo", step.change.what, text]))
    return lines


def _settle(app: App) -> str:
    command = render_action(restart(app), '"$MEMOPS_RUN"', alone=False)
    return shlex.join(["settle", app.name, *finder(app), launch_file(app), command])


def _told(state: State | None) -> str:
    if state is None:
        return "unknown"
    value = state.value.replace("\n", "?")
    return f"{state.kind} {value}" if state.kind in ("file", "link") else state.kind
