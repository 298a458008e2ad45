"""A heap profile of a running app, as new as can be had without a library of our own in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from memops.errors import StepFailed, UsageError
from memops.facts import dumps
from memops.facts.process import processes
from memops.model.action import Run
from memops.model.step import Change, NoUndo, Query, Step
from memops.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from memops.facts.dumps import HeapFile
    from memops.facts.process import Process
    from memops.model.action import Output
    from memops.model.app import App
    from memops.model.step import Probe

# Arguments: directory, pid, seconds. Waits until jemalloc has written one more profile.
_WAIT = r"""
directory=$1 pid=$2 left=$3
profiles() { ls "$directory" | grep -c "\.$pid\.[0-9]*\.[imuf][0-9]*\.heap\$"; }
before=$(profiles)
while [ "$(profiles)" -le "$before" ]; do
    [ -d "/proc/$pid" ] || { echo "process $pid ended" >&2; exit 1; }
    [ "$left" -gt 0 ] || { echo "no new profile within $3 s" >&2; exit 1; }
    sleep 1
    left=$((left - 1))
done
"""

# Arguments: pid. gdb exits with 0 whatever the call said, so its answer is read.
_GDB = r"""
call='call (int)mallctl("prof.dump", (void*)0, (void*)0, (void*)0, 0ul)'
said=$(gdb -p "$1" -batch -nx -ex 'set confirm off' -ex "$call" 2>&1)
case $said in
*'$1 = 0'*) ;;
*) printf '%s\n' "$said" | tail -n 3 >&2; exit 1 ;;
esac
"""


def heap_dump(
    probe: Probe,
    *,
    app: App,
    root: str = "/var/lib/memops",
    dump_dir: str | None = None,
    method: Literal["interval", "gdb"] = "interval",
    wait: str | float = 0,
) -> Generator[Step, None, Mapping[str, object]]:
    """Have a heap profile of *app* at hand, by one of two methods.

    ``interval`` (the default) never touches the process: jemalloc writes a profile by itself each
    time the app has *allocated* so many bytes (``lg_prof_interval``; not after a time: an idle app
    writes none). It waits up to *wait* for the next one, and fails where none comes; with no *wait*
    it only says how old the newest is.

    ``gdb`` stops the process and calls jemalloc's ``mallctl("prof.dump")`` in it. If the stopped
    thread is inside malloc this can hang the app for good: it is done only where it is asked for,
    and gdb must be on the host.

    Registers *newest* (path, or empty), *age* (seconds, or -1) and *notes*.
    """
    directory = dump_dir or f"{root}/dumps/{app.name}"
    probe.prefetch(processes(app), dumps.heap_files(directory), _clock())
    main = probe(processes(app)).main
    if main is None:
        raise StepFailed(app.name, "does not run", "start it first")
    newest = _newest(probe, directory, main)
    age = round(probe(_clock()) - newest.mtime) if newest else -1
    told = f"the newest is {format_duration(age)} old" if newest else "there is none yet"
    seconds = parse_duration(wait, "wait")
    if method == "gdb":
        yield from _by_gdb(probe, app, main, told)
    elif seconds:
        yield _wait(app, main, directory, told, round(seconds))
    return {
        "newest": newest.path if newest else "",
        "age": age,
        "notes": [f"heap profiles of {app.name}: {told}"] if method == "interval" else [],
    }


def _newest(probe: Probe, directory: str, main: Process) -> HeapFile | None:
    found = [each for each in probe(dumps.heap_files(directory)) if each.name.pid == main.pid]
    whole = [each for each in probe(dumps.ends(found)) if each.whole] if found else []
    return max(whole, key=lambda each: each.name.seq, default=None)


def _clock() -> Query[float]:
    """The host's clock, in seconds."""
    return Query((Run(("date", "+%s")),), lambda outputs: float(outputs[0].text or 0))


def _wait(app: App, main: Process, directory: str, told: str, seconds: int) -> Step:
    return Step(
        Change(
            f"heap profile of {app.name}",
            told,
            f"jemalloc writes the next within {seconds} s, if {app.name} allocates enough by then",
        ),
        do=Run(
            ("sh", "-c", _WAIT, "memops-wait", directory, str(main.pid), str(seconds)),
            timeout=seconds + 60.0,
        ),
        undo=NoUndo("it only waits; the profile is the app's, and goes with its directory"),
    )


def _by_gdb(probe: Probe, app: App, main: Process, told: str) -> Iterator[Step]:
    if not main.maps_file(r"/libjemalloc[^/]*$"):
        raise StepFailed(app.name, "runs without jemalloc", "see memops enable-profiling")
    if not probe(Query((Run(("sh", "-c", "command -v gdb"), ok=(0, 1, 127)),), _found)):
        raise UsageError(app.name, "the host has no gdb", "wait for jemalloc: method: interval")
    yield Step(
        Change(
            f"heap profile of {app.name}",
            told,
            f"gdb stops process {main.pid} and has jemalloc write one; this can hang the app",
        ),
        do=Run(("sh", "-c", _GDB, "memops-gdb", str(main.pid)), timeout=60.0),
        undo=NoUndo("the profile is the app's, and goes with its directory"),
    )


def _found(outputs: tuple[Output, ...]) -> bool:
    return outputs[0].rc == 0
