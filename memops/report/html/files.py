"""Where a study comes from: each file that was read, as it is now."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from memops.profile.study import Study

_BLOCK = 1 << 20


def files_read(study: Study) -> list[object]:
    """The dumps that were compared, the perf maps, what tells of memory, and the places of symbols.

    Of a file there are its ``bytes``, its ``time`` (when it was written on the host, where that is
    known) and its ``sha256``, as ``sha256sum`` has it; they are null for a directory, and for a file
    that is gone.
    """
    return [_told(what, path, study) for what, path in _named(study)]


def _named(study: Study) -> Iterator[tuple[str, Path]]:
    for path in study.compared:
        ends = {study.last: "last dump", study.first: "first dump"}
        yield ends.get(path, "dump"), path
    for path in study.inputs.perf_maps:
        yield "perf map", path
    for path in study.inputs.memory:
        yield "memory", path
    for path in study.inputs.symbols:
        yield "symbols", path


def _told(what: str, path: Path, study: Study) -> object:
    told: dict[str, object] = {"what": what, "path": str(path)}
    try:
        if path.is_file():
            size, written = path.stat().st_size, path.stat().st_mtime
            time = study.inputs.times.get(path, written)
            return {**told, "bytes": size, "time": time, "sha256": _sha256(path)}
    except OSError:
        pass
    return {**told, "bytes": None, "time": None, "sha256": None}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
