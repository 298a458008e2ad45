"""What tells the memory of one process: which files of ``/proc`` and of its cgroup can be read.

Whether a file of ``/proc`` can be read shows only when it is opened (man 5 proc, ptrace access).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from posixpath import basename
from typing import TYPE_CHECKING

from memops.model.action import Run
from memops.model.step import Query

if TYPE_CHECKING:
    from memops.model.action import Output

COMMANDS = frozenset(
    ("VM.native_memory", "GC.heap_info", "VM.info", "System.map", "Compiler.perfmap")
)
"""The diagnostic commands that memops asks a JVM for. Which of them a JDK has is not told by its
version alone, for vendors backport them; their names stand in libjvm.so, which is looked through
without asking the JVM."""
_TICKS = 100  # USER_HZ, the unit of start times, is 100 on every Linux architecture but alpha, ia64

# Arguments: the pid, and the program it runs (a JDK has its jcmd beside it).
_SCRIPT = r"""
pid=$1
echo "uid $(id -u)"
sed -n 's/^btime /btime /p' /proc/stat
for tool in pmap jattach setpriv runuser su; do
    command -v $tool >/dev/null 2>&1 && echo "tool $tool"
done
for jcmd in "${2%/*}/jcmd" "${2%/jre/*}/bin/jcmd"; do
    [ -x "$jcmd" ] && printf 'jcmd %s\n' "$jcmd"
done
for name in status limits maps smaps smaps_rollup; do
    head -c 1 "/proc/$pid/$name" >/dev/null 2>&1 && echo "proc $name"
done
jvm=/proc/$pid/root$(sed -n 's|^[^/]*\(/.*/libjvm\.so\)$|\1|p' "/proc/$pid/maps" 2>/dev/null | head -n 1)
if [ -f "$jvm" ] && [ -r "$jvm" ]; then
    echo "jvm read"
    commands='VM.native_memory GC.heap_info VM.info System.map Compiler.perfmap'
    # busybox's grep sees nothing behind a zero byte, so that grep gets text alone.
    # shellcheck disable=SC2086
    said=$(LC_ALL=C tr -c ' -~' '\n' <"$jvm" | grep -F "$(printf '%s\n' $commands)")
    for command in $commands; do
        case $said in *"$command"*) echo "knows $command" ;; esac
    done
fi
inner=$(sed -n 's/^NSpid:.*[[:space:]]\([0-9]*\)$/\1/p' "/proc/$pid/status" 2>/dev/null)
[ -f "/proc/$pid/root/tmp/perf-${inner:-$pid}.map" ] && echo "perfmap there"
[ -r "/proc/$pid/cgroup" ] || exit 0
while IFS=: read -r number kind path; do
    case $path in *..*) continue ;; esac
    case $number:,$kind, in
    0:,,) group=/sys/fs/cgroup$path ;;
    *,memory,*) group=/sys/fs/cgroup/memory$path ;;
    *) continue ;;
    esac
    for file in "$group"/memory.*; do
        case ${file##*/} in
        memory.current | memory.peak | memory.max | memory.high | memory.stat | memory.events | \
            memory.swap.current | memory.usage_in_bytes | memory.limit_in_bytes | \
            memory.max_usage_in_bytes) [ -r "$file" ] && printf 'group %s\n' "$file" ;;
        esac
    done
done <"/proc/$pid/cgroup"
exit 0
"""


@dataclass(frozen=True, slots=True)
class Sources:
    """What can be read about one process: names in ``/proc/PID``, and files of its memory cgroup.

    *uid* is ours; *btime* is when the machine started (seconds of its clock); *tools* are those of
    pmap, jattach, setpriv, runuser and su that the host has; *jcmd* is the path of the JVM's own.
    *commands* are those of `COMMANDS` that its libjvm.so knows, None where that cannot be read;
    *perf_map* is whether somebody wrote a perf map already.
    """

    uid: int = 0
    btime: int = 0
    proc: tuple[str, ...] = ()
    cgroup: tuple[str, ...] = ()
    tools: frozenset[str] = field(default=frozenset())
    jcmd: str | None = None
    commands: frozenset[str] | None = None
    perf_map: bool = False

    def started(self, ticks: int) -> float:
        """When a process started, in seconds of the host's clock; *ticks* as `Life.start`."""
        return self.btime + ticks / _TICKS


def sources(pid: int, exe: str = "") -> Query[Sources]:
    """What can be read about the process *pid*, which runs the program *exe*."""
    return Query((Run(("sh", "-c", _SCRIPT, "memops-memory", str(pid), exe)),), _parse)


def _parse(outputs: tuple[Output, ...]) -> Sources:
    told: dict[str, list[str]] = {}
    for line in outputs[0].text.splitlines():
        key, _, value = line.partition(" ")
        told.setdefault(key, []).append(value)
    cgroup = (each for each in told.get("group", ()) if basename(each).startswith("memory."))
    return Sources(
        int(told.get("uid", ["0"])[0]),
        int(told.get("btime", ["0"])[0]),
        tuple(told.get("proc", ())),
        tuple({basename(each): each for each in cgroup}.values()),
        frozenset(told.get("tool", ())),
        next(iter(told.get("jcmd", ())), None),
        COMMANDS.intersection(told.get("knows", ())) if "jvm" in told else None,
        "perfmap" in told,
    )
