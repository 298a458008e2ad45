"""The processes that wrote dumps, and the dumps of one that are worth comparing."""

from __future__ import annotations

from functools import partial
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from memops.errors import UsageError
from memops.profile.heap.parse import look_through
from memops.profile.unpack import read_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from memops.profile.heap.dump import Dump
    from memops.profile.heap.files import DumpFile
    from memops.profile.heap.profile import HeapProfile

_Taken = TypeVar("_Taken")


class Process(NamedTuple):
    """A process that wrote dumps: its *live* bytes are those of its last dump."""

    pid: int | None
    executable: str
    dumps: int
    live: int


class Run(NamedTuple):
    """The dumps of one process in their order, with the *last* one looked through."""

    files: tuple[DumpFile, ...]
    last: Dump

    def process(self, live: int | None = None) -> Process:
        """Which process this is; its *live* bytes are counted unless they are known."""
        found = self.last.live if live is None else live
        return Process(self.files[0].pid, self.last.executable, len(self.files), found)


class Reader:
    """Reads dumps; with *keep_going* broken ones are told of in *left_out* instead of raised."""

    def __init__(self, *, keep_going: bool = False) -> None:
        self.keep_going = keep_going
        self.left_out: list[str] = []

    def attempt(self, take: Callable[[], _Taken]) -> _Taken | None:
        """What *take* gives; None where the file that it reads is broken and left out."""
        try:
            return take()
        except UsageError as error:
            if not self.keep_going:
                raise
            self.left_out.append(f"left out {error.where}: {error.what}")
            return None


def read_dump(path: Path) -> Dump:
    """The dump at *path*; raises `UsageError` naming file, line and what to do next."""
    text = read_file(path)
    if text.startswith(b"heap profile:"):
        from memops.profile.heap.legacy import look_through_legacy  # noqa: PLC0415 - hardly ever

        return look_through_legacy(text, str(path))
    return look_through(text, str(path))


def read_heap(path: Path) -> HeapProfile:
    """The heap profile at *path*, whole; raises `UsageError` as `read_dump` does."""
    return read_dump(path).profile()


def find_run(files: Sequence[DumpFile], reader: Reader) -> Run | None:
    """The *files* of a process up to the last that tells of growth; None if none can be read.

    The final dump is written at exit, when a program may have freed what it leaked while it ran
    (Python does, and C++ in the destructors of statics): one that holds clearly less than the dump
    before it is left out.
    """
    last = reader.attempt(partial(read_dump, files[-1].path))
    if last is None:
        return find_run(files[:-1], reader) if files[1:] else None
    if files[-1].kind == "f" and len(files) > 2:  # noqa: PLR2004 - else nothing is left to compare
        before = reader.attempt(partial(read_dump, files[-2].path))
        if before and reader.attempt(partial(_freed, before, last)):
            return Run(tuple(files[:-1]), before)
    return Run(tuple(files), last)


def _freed(before: Dump, last: Dump) -> bool:
    """Whether *last* holds less than *before* by more than sampling explains."""
    return last.live < before.live - 3 * sqrt(before.interval * before.live)
