"""Heap files in the order in which a process wrote them, each process apart.

jemalloc names them ``<prefix>.<pid>.<seq>.<kind><n>.heap`` (``prof_dump_filename`` in
``src/prof_sys.c``), gperftools ``<prefix>.<seq>.heap``. Children inherit ``LD_PRELOAD`` and write their own; a fork without exec even
goes on with the number of its parent: only the pid tells them apart.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_NAME = re.compile(
    r"(?P<prefix>.*)\.(?P<pid>\d+)\.(?P<seq>\d+)\.(?P<kind>[imuf])\d*\.heap(\.gz|\.zst)?"
)
_GPERFTOOLS = re.compile(r"(?P<prefix>.*)\.(?P<seq>\d{4,9})\.heap(\.gz|\.zst)?")
_SUFFIXES = (".heap", ".heap.gz", ".heap.zst")


class DumpFile(NamedTuple):
    """A heap file and what its name says; *pid* is None where the name says nothing.

    *kind*: i interval, m on demand, u high-water, f final.
    """

    path: Path
    prefix: str = ""
    pid: int | None = None
    seq: int = 0
    kind: str = ""


def dump_file(path: Path) -> DumpFile:
    """The dump at *path*, by its name."""
    found = _NAME.fullmatch(path.name)
    if not found:
        other = _GPERFTOOLS.fullmatch(path.name)
        return DumpFile(path, other["prefix"], None, int(other["seq"])) if other else DumpFile(path)
    return DumpFile(path, found["prefix"], int(found["pid"]), int(found["seq"]), found["kind"])


def is_heap_name(path: Path) -> bool:
    """Whether the name of *path* is one that heap profiles have."""
    return path.name.endswith(_SUFFIXES)


def find_dumps(paths: Iterable[Path]) -> list[DumpFile]:
    """The dumps among *paths*: files as given, and all heap files below directories.

    Raises `UsageError` for a path that is not there and a directory without heap files.
    """
    return [dump_file(file) for path in paths for file in _files(path)]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        inside = sorted(each for each in path.rglob("*") if is_heap_name(each))
        if not inside:
            raise UsageError(str(path), "no .heap files here", "collect some, or name another")
        return inside
    if not path.exists():
        raise UsageError(str(path), "no such file", "check the path")
    return [path]


def by_process(dumps: Iterable[DumpFile], *, one_directory: bool = True) -> list[list[DumpFile]]:
    """The dumps of each process, in the order of their writing.

    Two directories are two hosts, so their processes are never the same unless *one_directory* is
    false. Files whose names say nothing are one process, in the order they were given.
    """
    groups: dict[tuple[object, ...], list[DumpFile]] = {}
    for each in dumps:
        place = each.path.parent if one_directory and each.prefix else None
        groups.setdefault((place, each.prefix, each.pid), []).append(each)
    return [sorted(group, key=lambda each: each.seq) for group in groups.values()]
