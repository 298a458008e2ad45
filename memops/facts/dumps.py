"""The heap profiles that jemalloc wrote on a host, and which of them are whole.

Their names are ``<prefix>.<pid>.<seq>.{i|m|u}<n>.heap`` or ``<prefix>.<pid>.<seq>.f.heap``
(jemalloc, src/prof_sys.c, prof_dump_filename); a profile ends with ``MAPPED_LIBRARIES:`` and a copy
of ``/proc/PID/maps``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from posixpath import basename, join
from typing import TYPE_CHECKING, Literal

from memops.model.action import Glob, Run
from memops.model.entry import parse_glob
from memops.model.step import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from memops.model.action import Output

Cause = Literal["interval", "manual", "highwater", "final"]

_NAME = re.compile(
    r"(?P<prefix>.*)\.(?P<pid>\d{1,10})\.(?P<seq>\d{1,20})\.(?P<cause>f|[imu]\d{1,20})\.heap",
    re.DOTALL,
)
_CAUSES: dict[str, Cause] = {"i": "interval", "m": "manual", "u": "highwater", "f": "final"}
_QUIET = 2  # seconds without a write that do where it cannot be seen who has a file open
_MANY = 500  # files on one command line

# Arguments: a path and the pid in its name, for each file. Answers: its last byte, who has it open,
# whether it has a MAPPED_LIBRARIES, and what is mapped executable. The maps of a big JVM are some
# 200 KB; the last 4 MB hold those of any process.
_ENDS = r"""
echo "clock $(date +%s)"
while [ $# -gt 1 ]; do
    file=$1 pid=$2 writer=gone
    shift 2
    if [ -d "/proc/$pid" ]; then
        writer=unknown
        ls "/proc/$pid/fd" >/dev/null 2>&1 && writer=done
        for fd in "/proc/$pid/fd/"*; do
            [ "$fd" -ef "$file" ] && { writer=busy; break; }
        done
    fi
    echo file
    echo "writer $writer"
    tail -c 1 "$file" | od -An -tx1 | sed 's/^ */end /'
    tail -c 4194304 "$file" | sed -n -e '/^MAPPED_LIBRARIES:/,$ {
        s/^MAPPED_LIBRARIES:.*/mapped/p
        s/^[0-9a-f]*-[0-9a-f]* [r-][w-]x[ps] [0-9a-f]* [0-9a-f]*:[0-9a-f]* [0-9]* *\(\/.*\)/map \1/p
    }'
done
"""


@dataclass(frozen=True, slots=True)
class Name:
    """What the name of a heap profile says; *seq* counts the dumps of one process from 0.

    *number* counts those of the same *cause*; a final dump has none (0).
    """

    prefix: str
    pid: int
    seq: int
    cause: Cause
    number: int = 0

    @property
    def text(self) -> str:
        """The file name itself."""
        letter = next(key for key, cause in _CAUSES.items() if cause == self.cause)
        number = "" if self.cause == "final" else self.number
        return f"{self.prefix}.{self.pid}.{self.seq}.{letter}{number}.heap"


@dataclass(frozen=True, slots=True)
class HeapFile:
    """A heap profile on a host: *size* in bytes, *mtime* in seconds of the host's clock.

    *mapped* are the files it names as mapped executable, in the order of addresses; *whole* is
    unknown (False) until `ends` was asked.
    """

    path: str
    name: Name
    size: int
    mtime: int
    mapped: tuple[str, ...] = ()
    whole: bool = False

    @property
    def exe(self) -> str:
        """The program that wrote it: it is mapped below all libraries (empty where unknown).

        A JVM's class data archive (.jsa) lies lower still, and is no program.
        """
        return next((path for path in self.mapped if not path.endswith(".jsa")), "")


def parse_name(name: str) -> Name | None:
    """What the file name *name* says, or None where jemalloc did not make it."""
    if not (found := _NAME.fullmatch(name)):
        return None
    cause = found["cause"]
    number = int(cause[1:] or 0)
    return Name(found["prefix"], int(found["pid"]), int(found["seq"]), _CAUSES[cause[0]], number)


def heap_files(directory: str) -> Query[tuple[HeapFile, ...]]:
    """The heap profiles in *directory*, the oldest first; links and other names are left out."""
    return Query((Glob(directory, "*.heap"),), lambda outputs: _listed(directory, outputs[0]))


def ends(files: Sequence[HeapFile]) -> Query[tuple[HeapFile, ...]]:
    """The same *files*, with what their last bytes say: what is mapped, and whether it is whole."""
    looks = (
        Run(("sh", "-c", _ENDS, "memops-dumps", *_pairs(some)), timeout=300.0)
        for some in (files[at : at + _MANY] for at in range(0, len(files), _MANY))
    )
    return Query(tuple(looks), lambda outputs: _ended(files, outputs))


def _pairs(files: Sequence[HeapFile]) -> Iterator[str]:
    for each in files:
        yield from (each.path, str(each.name.pid))


def _listed(directory: str, output: Output) -> tuple[HeapFile, ...]:
    entries = ((name, entry) for name, entry in parse_glob(output).items() if entry.kind == "file")
    found = (
        HeapFile(join(directory, name), parsed, entry.size, entry.mtime)
        for name, entry in entries
        if (parsed := parse_name(name)) and name == basename(name)
    )
    return tuple(sorted(found, key=lambda each: (each.mtime, each.name.pid, each.name.seq)))


def _ended(files: Sequence[HeapFile], outputs: Iterable[Output]) -> tuple[HeapFile, ...]:
    told: list[tuple[int, list[str]]] = []
    for output in outputs:
        clock, *parts = re.split(r"^file\n", output.text, flags=re.MULTILINE)
        seconds = int(clock.partition(" ")[2] or 0)
        told += [(seconds, part.split("\n")) for part in parts]
    return tuple(_end(file, *end) for file, end in zip(files, told, strict=False))


def _end(file: HeapFile, clock: int, lines: list[str]) -> HeapFile:
    mapped = tuple(dict.fromkeys(line[4:] for line in lines if line.startswith("map ")))
    finished = "end 0a" in lines and "mapped" in lines and bool(mapped)
    closed = "writer done" in lines or "writer gone" in lines
    quiet = clock - file.mtime >= _QUIET and "writer busy" not in lines
    return replace(file, mapped=mapped, whole=finished and (closed or quiet))
