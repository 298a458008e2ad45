"""Binaries on a host and their build ids, learnt from their first bytes.

The layout is that of the System V ABI (``Elf64_Ehdr``, ``Elf64_Phdr``, notes); linkers put the note
with the build id right behind the program headers, so that 4 KiB are nearly always enough.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memops.model.action import Read, Run
from memops.model.step import Query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from memops.model.action import Output

HEAD = 4096
_MAGIC = b"\x7fELF"
_PT_NOTE = 4
_NT_GNU_BUILD_ID = 3
_MOST_HEADERS = 200
_LONGEST_NOTE = 64 << 10
_PIECE = 'tail -c +"$2" "$1" 2>/dev/null | head -c "$3"'


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an ELF file: where its notes lie, (offset, size) in bytes, and its bytes."""

    order: str
    notes: tuple[tuple[int, int], ...]
    start: bytes

    @property
    def build_id(self) -> str | None:
        """The build id (hex) if it lies within the beginning."""
        found = (build_id(self.start[at : at + size], self.order) for at, size in self.notes)
        return next(filter(None, found), None)

    @property
    def beyond(self) -> tuple[tuple[int, int], ...]:
        """The notes that reach beyond the beginning."""
        return tuple(each for each in self.notes if sum(each) > len(self.start))


def heads(paths: Sequence[str]) -> Query[dict[str, Head | None]]:
    """The beginning of each of *paths*; None where it is no ELF file we may read."""
    looks = tuple(Read(path, HEAD) for path in paths)
    return Query(looks, lambda outputs: dict(zip(paths, map(_head, outputs), strict=True)))


def notes(found: Mapping[str, Head]) -> Query[dict[str, str | None]]:
    """The build id of each path in *found* whose notes lie beyond its beginning."""
    wanted = [(path, *note) for path, head in found.items() for note in head.beyond]
    looks = tuple(
        Run(("sh", "-c", _PIECE, "memops-note", path, str(offset + 1), str(size)))
        for path, offset, size in wanted
    )

    def parse(outputs: tuple[Output, ...]) -> dict[str, str | None]:
        ids: dict[str, str | None] = {}
        for (path, *_), output in zip(wanted, outputs, strict=True):
            ids[path] = ids.get(path) or build_id(output.stdout, found[path].order)
        return ids

    return Query(looks, parse)


def parse_head(start: bytes) -> Head | None:
    """What the first bytes *start* of a file say, or None where that is no ELF file."""
    if len(start) < 52 or start[:4] != _MAGIC or start[4] not in (1, 2) or start[5] not in (1, 2):  # noqa: PLR2004 - the ABI's
        return None
    wide, order = start[4] == 2, "<" if start[5] == 1 else ">"  # noqa: PLR2004 - ELFCLASS64
    try:
        if wide:
            (at,) = struct.unpack_from(f"{order}Q", start, 32)
            width, count = struct.unpack_from(f"{order}HH", start, 54)
        else:
            (at,) = struct.unpack_from(f"{order}I", start, 28)
            width, count = struct.unpack_from(f"{order}HH", start, 42)
        headers = (at + number * width for number in range(min(count, _MOST_HEADERS)))
        found = (_note(start, header, order, wide=wide) for header in headers)
        return Head(order, tuple(filter(None, found)), start)
    except struct.error:
        return Head(order, (), start)


def build_id(note: bytes, order: str = "<") -> str | None:
    """The GNU build id (hex) in the bytes of a note segment, or None."""
    at = 0
    while at + 12 <= len(note):
        name_size, size, kind = struct.unpack_from(f"{order}III", note, at)
        name, value = at + 12, at + 12 + (name_size + 3) // 4 * 4
        if kind == _NT_GNU_BUILD_ID and note[name : name + 4] == b"GNU\0" and 0 < size <= 64:  # noqa: PLR2004 - a hash is shorter
            found = note[value : value + size]
            return found.hex() if len(found) == size else None
        at = value + (size + 3) // 4 * 4
    return None


def _head(output: Output) -> Head | None:
    return parse_head(output.stdout) if output.rc == 0 else None


def _note(start: bytes, at: int, order: str, *, wide: bool) -> tuple[int, int] | None:
    if struct.unpack_from(f"{order}I", start, at)[0] != _PT_NOTE:
        return None
    if wide:
        offset, _, _, size = struct.unpack_from(f"{order}QQQQ", start, at + 8)
    else:
        offset, _, _, size = struct.unpack_from(f"{order}IIII", start, at + 4)
    return (offset, size) if 0 < size <= _LONGEST_NOTE else None
