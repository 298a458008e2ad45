"""The processes that wrote dumps, and the dumps of one that are worth comparing."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.profile.heap.parse import parse_heap
from memops.profile.unpack import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from memops.profile.heap.files import DumpFile
    from memops.profile.heap.profile import HeapProfile


@dataclass(frozen=True, slots=True)
class Process:
    """A process that wrote dumps: its *live* bytes are those of its last dump."""

    pid: int | None
    executable: str
    dumps: int
    live: int


@dataclass(frozen=True, slots=True)
class Run:
    """The dumps of one process in their order, with the *last* one read."""

    files: tuple[DumpFile, ...]
    last: HeapProfile

    @property
    def process(self) -> Process:
        """Which process this is."""
        return Process(self.files[0].pid, self.last.executable, len(self.files), live(self.last))


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads dumps; with *keep_going* broken ones are told of in *left_out* instead of raised."""

    keep_going: bool = False
    left_out: list[str] = field(default_factory=list)

    def read(self, path: Path) -> HeapProfile | None:
        """The profile at *path*; None for a broken one that is left out."""
        try:
            return read_heap(path)
        except UsageError as error:
            if not self.keep_going:
                raise
            self.left_out.append(f"left out {error.where}: {error.what}")
            return None


def read_heap(path: Path) -> HeapProfile:
    """The heap profile at *path*; raises `UsageError` naming file, line and what to do next."""
    text = read_file(path)
    if text.startswith(b"heap profile:"):
        from memops.profile.heap.legacy import parse_legacy  # noqa: PLC0415 - hardly ever needed

        return parse_legacy(text, str(path))
    return parse_heap(text, str(path))


def live(heap: HeapProfile) -> int:
    """The bytes that *heap* holds, as estimated."""
    return sum(count.bytes for count in heap.live.values())


def find_run(files: Sequence[DumpFile], reader: Reader) -> Run | None:
    """The *files* of a process up to the last that tells of growth; None if none can be read.

    The final dump is written at exit, when a program may have freed what it leaked while it ran
    (Python does, and C++ in the destructors of statics): one that holds clearly less than the dump
    before it is left out.
    """
    last = reader.read(files[-1].path)
    if last is None:
        return find_run(files[:-1], reader) if files[1:] else None
    if files[-1].kind == "f" and len(files) > 2:  # noqa: PLR2004 - else nothing is left to compare
        before = reader.read(files[-2].path)
        if before and live(last) < live(before) - 3 * sqrt(before.interval * live(before)):
            return Run(tuple(files[:-1]), before)
    return Run(tuple(files), last)


def earlier(run: Run, most: int, reader: Reader) -> Iterator[tuple[Path, HeapProfile]]:
    """The dumps before the last of *run*, at most *most*: the first, and the others evenly spread.

    Dumps of another program under the same pid (before an ``exec``) are left out.
    """
    before = run.files[:-1]
    step = max(1.0, len(before) / max(most, 1))
    wanted = dict.fromkeys(int(at * step) for at in range(min(len(before), most)))
    for at in wanted:
        heap = reader.read(before[at].path)
        if heap is not None and heap.executable == run.last.executable:
            yield before[at].path, heap
