"""What somebody named on the command line, sorted by content: heap profiles, memory files, perf maps."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from memops.errors import UsageError
from memops.profile.heap.files import is_heap_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FILES = 20_000
"""Files of a directory, at most, that are looked into."""


class Sorted(NamedTuple):
    """Paths by what they are: heap *dumps*, files that tell of *memory*, *perf_maps*."""

    dumps: list[Path]
    memory: list[Path]
    perf_maps: list[Path]


def sort_files(paths: Iterable[Path], *, keep_going: bool = False) -> Sorted:
    """The files at *paths* and below the directories among them, by what is in them.

    A heap profile is also told by its name, so that a damaged one is told of as such. Below a
    directory whatever is of no kind is passed over. Raises `UsageError` for a file that is named and
    of no kind; with *keep_going* it is left to be told of when it is read.
    """
    found = Sorted([], [], [])
    for path in paths:
        if path.is_dir():
            _sort_directory(path, found)
        else:
            _sort_file(path, found, strict=not keep_going)
    return found


def _sort_directory(directory: Path, found: Sorted) -> None:
    before = len(found.dumps), len(found.memory)
    for path in _below(directory):
        if is_heap_name(path):
            found.dumps.append(path)
        else:
            _sort_file(path, found, strict=None)
    if before == (len(found.dumps), len(found.memory)):
        what = "no .heap files here, nor other files that tell of memory"
        raise UsageError(str(directory), what, "collect some, or name another")


def _below(directory: Path) -> Iterator[Path]:
    files = list(islice((path for path in directory.rglob("*") if path.is_file()), FILES + 1))
    if len(files) > FILES:
        raise UsageError(str(directory), f"more than {FILES} files", "name the files themselves")
    yield from sorted(files)


def _sort_file(path: Path, found: Sorted, *, strict: bool | None) -> None:
    """Put *path* where it belongs; *strict* is None where what is of no kind does not matter."""
    if is_heap_name(path):
        found.dumps.append(path)
        return
    from memops.profile.memory import kinds  # noqa: PLC0415 - heap profiles go by their names

    try:
        kind = kinds.sniff(path)
    except UsageError:
        if strict is None:
            return
        kind = kinds.HEAP  # whoever reads it says what is wrong with it
    if kind == kinds.HEAP:
        found.dumps.append(path)
    elif kind == kinds.PERF_MAP:
        found.perf_maps.append(path)
    elif kind != kinds.UNKNOWN:
        found.memory.append(path)
    elif strict:
        what = "neither a heap profile nor any other file that tells of memory"
        raise UsageError(
            f"{path}:1", what, "give .heap files, files of /proc/PID, or what jcmd said"
        )
    elif strict is False:
        found.memory.append(path)
