"""Heap files in the order in which a process wrote them, each process apart.

jemalloc names them ``<prefix>.<pid>.<seq>.<kind><n>.heap`` (``prof_dump_filename`` in
``src/prof_sys.c``). Children inherit ``LD_PRELOAD`` and write their own; a fork without exec even
goes on with the number of its parent: only the pid tells them apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_NAME = re.compile(r"(?P<prefix>.*)\.(?P<pid>\d+)\.(?P<seq>\d+)\.(?P<kind>[imuf])\d*\.heap(\.gz)?")
_SUFFIXES = (".heap", ".heap.gz")
SIZE_LIMIT = 256 << 20
"""Bytes of a heap file, unpacked, at most; a profile of 50,000 stacks has 32 MB."""
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class DumpFile:
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
        return DumpFile(path)
    return DumpFile(path, found["prefix"], int(found["pid"]), int(found["seq"]), found["kind"])


def find_dumps(paths: Iterable[Path]) -> list[DumpFile]:
    """The dumps among *paths*: files as given, and all heap files below directories.

    Raises `UsageError` for a path that is not there and a directory without heap files.
    """
    return [dump_file(file) for path in paths for file in _files(path)]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        inside = sorted(each for each in path.rglob("*") if each.name.endswith(_SUFFIXES))
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
        place = each.path.parent if one_directory and each.pid is not None else None
        groups.setdefault((place, each.prefix, each.pid), []).append(each)
    return [sorted(group, key=lambda each: each.seq) for group in groups.values()]


def read_dump(path: Path) -> bytes:
    """The bytes of the dump at *path*, unpacked; raises `UsageError` if it cannot be read."""
    if not path.is_file():  # opening a pipe would wait for ever
        raise UsageError(str(path), "not a file", "give heap files or directories of them")
    try:
        with path.open("rb") as file:
            if file.read(2) == _GZIP:
                text = _unpack(path)
            else:
                file.seek(0)
                text = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise UsageError(str(path), error.strerror or str(error), "check the file") from None
    if len(text) > SIZE_LIMIT:
        raise UsageError(str(path), "longer than 256 MiB, which no heap profile is", "leave it out")
    return text


def _unpack(path: Path) -> bytes:
    import gzip  # noqa: PLC0415 - most dumps are not packed
    import zlib  # noqa: PLC0415

    try:
        with gzip.open(path) as file:
            return file.read(SIZE_LIMIT + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UsageError(str(path), "damaged gzip data", "copy the file again") from None
