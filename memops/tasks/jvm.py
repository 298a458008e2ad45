"""What a HotSpot JVM says of its own native memory, when it is asked politely.

Anything but a HotSpot JVM dies of being asked (SIGQUIT), so `Process.is_hotspot` decides first.
Nothing here forces a garbage collection: ``GC.class_histogram`` is not asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.model.action import Fetch, Run
from memops.model.step import Change, NoUndo, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memops.facts.memory import Sources
    from memops.facts.process import Process

_COPY = NoUndo("a copy on the controller; the host is not changed")

# Arguments: pid, uid, gid, how to become that user, the tool, what to print. The check for a JVM is
# made again right before asking: the pid may be another process's by now.
_ASK = r"""
pid=$1 uid=$2 gid=$3 become=$4 tool=$5 what=$6
grep -q '/libjvm\.so' "/proc/$pid/maps" || { echo "$pid is no JVM" >&2; exit 1; }
as_owner() {
    case $become in
    '') "$@" ;;
    setpriv) setpriv --reuid "$uid" --regid "$gid" --clear-groups "$@" ;;
    *)
        user=$(stat -c %U "/proc/$pid")
        [ "$become" = runuser ] && { runuser -u "$user" -- "$@"; return; }
        # shellcheck disable=SC2016
        su -s /bin/sh "$user" -c 'exec "$0" "$@"' "$@"
        ;;
    esac
}
ask() {
    case $tool in
    jattach) as_owner jattach "$pid" jcmd "$*" | sed -e '/^Connected to remote JVM$/d' -e '/^JVM response code = /d' ;;
    *) as_owner "$tool" "$pid" "$@" | sed '1{/^[0-9]*:$/d;}' ;;
    esac
}
case $what in
nmt) # the details are there with -XX:NativeMemoryTracking=detail
    said=$(ask VM.native_memory detail)
    case $said in *Total:*) printf '%s\n' "$said" ;; *) ask VM.native_memory summary ;; esac
    ;;
heap_info) ask GC.heap_info ;;
system_map) ask System.map ;;
vminfo) ask VM.info | grep '^C-Heap' || true ;;
perfmap)
    inner=$(sed -n 's/^NSpid:.*[[:space:]]\([0-9]*\)$/\1/p' "/proc/$pid/status")
    map=/proc/$pid/root/tmp/perf-${inner:-$pid}.map
    [ ! -L "$map" ] || { echo "$map is a link" >&2; exit 1; }
    if [ -e "$map" ]; then # somebody else's: as it is, and it stays
        cat "$map"
    else
        trap 'rm -f "$map"' EXIT
        said=$(ask Compiler.perfmap)
        [ ! -L "$map" ] && [ -e "$map" ] || { printf '%s\n' "no perf map: $said" >&2; exit 1; }
        cat "$map"
    fi
    ;;
esac
"""


_ASKED = (
    ("nmt", "VM.native_memory", "VM.native_memory", "nmt"),
    ("heap_info", "GC.heap_info", "GC.heap_info", "heap_info"),
    ("system_map", "System.map", "System.map", "system_map"),
    ("vminfo", "VM.info", "VM.info (the C heap)", "vminfo"),
    ("perfmap", "Compiler.perfmap", "Compiler.perfmap", "perf-{pid}.map"),
)
_LATER = {
    "GC.heap_info": "JDK 9 and later, late 8: where the Java heap lies is guessed",
    "VM.info": "JDK 9 and later: what glibc's malloc holds, malloc_info in a debugger tells",
    "Compiler.perfmap": "JDK 17 and later: perf-map-agent writes /tmp/perf-PID.map, which the next"
    " collect takes as it is",
}
"""Since when a JDK has a command that tells what is needed for a verdict, and what else tells it. What
System.map would, native memory tracking nearly does."""


def steps(main: Process, sources: Sources, into: Callable[[str], str]) -> Iterator[Step]:
    """The questions to *main* that it knows, if it is a HotSpot JVM, a tool is there, and we may.

    *into* gives the place of an artifact of that name. jattach is preferred: jcmd starts a JVM of
    its own (0.3-1.6 s, 40 MB). A perf map that is there already is taken whoever wrote it.
    """
    tool, become = _tool(sources), _become(main, sources)
    if not main.is_hotspot or tool is None or become is None:
        return
    for what, command, told, name in _ASKED:
        if not (_knows(sources, command) or (what == "perfmap" and sources.perf_map)):
            continue
        argv = (str(main.pid), str(main.uid), str(main.gid), become, tool, what)
        ask = Run(("sh", "-c", _ASK, "memops-jvm", *argv), timeout=60.0)
        change = Change(f"jcmd {main.pid} {told}", None, "as it is now")
        yield Step(change, Fetch(ask, into(name.format(pid=main.pid))), _COPY)


def untold(main: Process, sources: Sources) -> Iterator[str]:
    """What *main* cannot tell, and how to get further; nothing for what is no HotSpot JVM."""
    if not main.maps_file(r"/libjvm\.so"):
        return
    if not main.is_hotspot:
        yield f"the JVM {main.pid} cannot be asked: it does not catch SIGQUIT (-Xrs?)"
    elif _tool(sources) is None:
        yield f"the JVM {main.pid} cannot be asked: no jattach, and no jcmd beside its java"
    elif _become(main, sources) is None:
        yield f"the JVM {main.pid} cannot be asked: it is of uid {main.uid}; repeat with --become"
    else:
        yield from (
            f"the JVM {main.pid} does not know {command} ({later})"
            for command, later in _LATER.items()
            if not _knows(sources, command)
            and not (command == "Compiler.perfmap" and sources.perf_map)
        )


def _tool(sources: Sources) -> str | None:
    return "jattach" if "jattach" in sources.tools else sources.jcmd


def _knows(sources: Sources, command: str) -> bool:
    """Whether the JVM may know *command*: its libjvm.so has the name, or cannot be read."""
    return sources.commands is None or command in sources.commands


def _become(main: Process, sources: Sources) -> str | None:
    """How to act as the JVM's own user: not at all (empty), or by a tool; None where we cannot."""
    if sources.uid == main.uid:
        return ""
    if sources.uid != 0:
        return None
    return next((tool for tool in ("setpriv", "runuser", "su") if tool in sources.tools), None)
