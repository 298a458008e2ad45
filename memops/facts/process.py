"""The processes of an app, as ``/proc`` has them (man 5 proc).

One constant script looks: it prints a line a field, each value in hexadecimal where it may hold any
byte, so that nothing an app says about itself can be mistaken for a field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memops.model.action import Run
from memops.model.app import Life
from memops.model.step import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from memops.model.action import Output
    from memops.model.app import App

# Arguments: how to find the main process (unit, pidfile, process), and by what.
SCRIPT = r"""
hex() { od -An -v -tx1 | tr -d ' \n'; }
echo "boot $(cat /proc/sys/kernel/random/boot_id)"
main=
case $1 in
unit) main=$(systemctl show -p MainPID -- "$2" 2>/dev/null); main=${main#MainPID=} ;;
pidfile) [ -r "$2" ] && read -r main _ <"$2" ;;
process)
    for dir in /proc/[0-9]*; do
        pid=${dir#/proc/}
        [ "$pid" != $$ ] || continue
        line=$({ tr '\0\n' '  ' <"$dir/cmdline"; } 2>/dev/null)
        line=${line% }
        case $line in '' | *memops-look*) continue ;; esac
        printf '%s\n' "$line" | grep -qE -e "$2" && { main=$pid; break; }
    done ;;
esac
case $main in '' | 0 | *[!0-9]*) exit 0 ;; esac
[ -d "/proc/$main" ] || exit 0
stats=
for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    # shellcheck disable=SC2086
    set -- ${line##*) }
    stats="$stats ${line%% *}:$2:${20}"
done
known=" $main "
grown=yes
while [ $grown = yes ]; do
    grown=no
    for each in $stats; do
        pid=${each%%:*} rest=${each#*:}
        case $known in *" $pid "*) continue ;; esac
        case $known in *" ${rest%%:*} "*) known="$known$pid " grown=yes ;; esac
    done
done
for pid in $known; do
    for each in $stats; do
        [ "${each%%:*}" = "$pid" ] || continue
        rest=${each#*:}
        echo "pid $pid ${rest%%:*} ${rest#*:}"
        echo "exe $(readlink "/proc/$pid/exe" 2>/dev/null | hex)"
        echo "cmdline $(hex 2>/dev/null <"/proc/$pid/cmdline")"
        if { : <"/proc/$pid/environ"; } 2>/dev/null
        then echo "environ $(hex <"/proc/$pid/environ")"
        fi
        while read -r key value _; do
            case $key in Uid: | Gid: | VmRSS: | SigCgt:) echo "$key $value" ;; esac
        done <"/proc/$pid/status"
        sed 's/^/map /' "/proc/$pid/maps" 2>/dev/null
    done
done
"""

_SHELLS = re.compile(r"/(sh|bash|dash|ash|busybox|su|sudo|runuser|setpriv|env)$")


@dataclass(frozen=True, slots=True)
class Process:
    """One process: *environ* is None where we may not read it; *rss* is in bytes.

    *start* is in clock ticks since boot; *environ* is as it was at exec; *maps* are the lines of
    ``/proc/PID/maps``.
    """

    pid: int
    ppid: int
    start: int
    exe: str = ""
    cmdline: tuple[str, ...] = ()
    environ: dict[str, str] | None = field(default=None, hash=False)
    uid: int = 0
    gid: int = 0
    rss: int = 0
    caught_signals: int = 0
    maps: tuple[str, ...] = ()

    def maps_file(self, pattern: str) -> bool:
        """Whether a file whose path matches the regular expression *pattern* is mapped."""
        return any(re.search(pattern, line) for line in self.maps)

    @property
    def is_hotspot(self) -> bool:
        """Whether jcmd may be used: anything but a HotSpot JVM dies of its SIGQUIT.

        A JVM maps libjvm.so, and catches SIGQUIT (bit 3) unless it was started with -Xrs.
        """
        return self.maps_file(r"/libjvm\.so") and bool(self.caught_signals & 4)


@dataclass(frozen=True, slots=True)
class Processes:
    """The main process of an app first, then its descendants; empty where it is not running."""

    boot_id: str
    all: tuple[Process, ...]

    @property
    def main(self) -> Process | None:
        """The process that does the app's work: the main one, or what its shell wrapper started."""
        if not self.all:
            return None
        chosen = self.all[0]
        while _SHELLS.search(chosen.exe):
            children = [each for each in self.all if each.ppid == chosen.pid]
            if len(children) != 1:
                break
            chosen = children[0]
        return chosen

    def life(self, host: str) -> Life | None:
        """The life of `main` on the host of that inventory name."""
        main = self.main
        return Life(host, self.boot_id, main.pid, main.start) if main else None


def processes(app: App) -> Query[Processes]:
    """The processes of *app* as they are now."""
    return Query((Run(("sh", "-c", SCRIPT, "memops-look", *finder(app))),), _parse)


def finder(app: App) -> tuple[str, str]:
    """How the main process of *app* is found, and by what: the arguments of `SCRIPT`."""
    if app.unit:
        return "unit", app.unit
    if app.pid_file:
        return "pidfile", app.pid_file
    return "process", app.process or app.name


def _parse(outputs: tuple[Output, ...]) -> Processes:
    boot_id = ""
    rows: list[dict[str, str]] = []
    maps: list[list[str]] = []
    for line in outputs[0].text.splitlines():
        key, _, value = line.partition(" ")
        if key == "boot":
            boot_id = value.strip()
        elif key == "pid":
            maps.append([])
            rows.append({"pid": value})
        elif rows and key == "map":
            maps[-1].append(value)
        elif rows:
            rows[-1][key.rstrip(":").lower()] = value
    return Processes(boot_id, tuple(map(_process, rows, maps)))


def _process(row: Mapping[str, str], maps: list[str]) -> Process:
    def text(key: str) -> str:
        return bytes.fromhex(row.get(key, "")).decode("utf-8", "surrogateescape")

    pid, ppid, start = (int(each) for each in row["pid"].split())
    pairs = (pair.partition("=") for pair in text("environ").split("\0") if pair)
    return Process(
        pid, ppid, start,
        exe=text("exe").rstrip("\n"),
        cmdline=tuple(text("cmdline").split("\0")[:-1]),
        environ={key: value for key, _, value in pairs} if "environ" in row else None,
        uid=int(row.get("uid", "0")),
        gid=int(row.get("gid", "0")),
        rss=int(row.get("vmrss", "0")) << 10,
        caught_signals=int(row.get("sigcgt", "0"), 16),
        maps=tuple(maps),
    )  # fmt: skip
