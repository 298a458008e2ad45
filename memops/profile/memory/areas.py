"""How much of each mapping is in memory: smaps, and pmap where smaps may not be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.profile.memory.maps import Mapping, parse_maps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as Map

_HEAD = re.compile(rb"^[0-9a-f]{1,16}-[0-9a-f]{1,16} [-rwxsp]{4} [^\n]*$", re.MULTILINE)
_SIZE = re.compile(rb"^([A-Za-z_]{1,40}): +(\d{1,15}) kB$", re.MULTILINE)
_PMAP_X = re.compile(
    r"^([0-9a-f]{8,16}) +(\d{1,15}) +(\d{1,15}|-) +(\d{1,15}|-) ([-rwxsSR]{5}) +(.*)$"
)


@dataclass(frozen=True, slots=True)
class Area:
    """A *mapping* and its *sizes* in bytes by their names in smaps: Rss, Pss, Anonymous, ..."""

    mapping: Mapping
    sizes: Map[str, int] = field(default_factory=dict)

    @property
    def rss(self) -> int:
        """Bytes in memory."""
        return self.sizes.get("Rss", 0)


def total(areas: Iterable[Area], size: str = "Rss") -> int:
    """The sum of one *size* of *areas*, in bytes."""
    return sum(area.sizes.get(size, 0) for area in areas)


def parse_smaps(text: bytes, name: str) -> tuple[Area, ...]:
    """The areas in ``/proc/PID/smaps`` (man 5 proc), by address.

    Raises `UsageError` naming *name* where there are none. An area that the end of the file cuts
    off has the sizes that are there.
    """
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    areas = tuple(_area(text, head, end) for head, end in zip(heads, ends, strict=False))
    if not any(area.sizes for area in areas):
        raise UsageError(f"{name}:1", "not an smaps file", "give /proc/PID/smaps")
    return areas


def _area(text: bytes, head: re.Match[bytes], end: int) -> Area:
    sizes = _SIZE.findall(text, head.end(), end)
    found = parse_maps(head[0])
    mapping = found[0] if found else Mapping(0, 0, "---p", 0, "")
    return Area(mapping, {key.decode(): int(value) << 10 for key, value in sizes})


def parse_pmap(text: bytes, name: str) -> tuple[Area, ...]:
    """The areas in the output of ``pmap -x`` or ``pmap -X`` (procps), by address.

    Both give the base name of a file only. ``-X`` has the columns of its kernel: they are found by
    the header. Raises `UsageError` naming *name* where there is no such table.
    """
    lines = text.decode("utf-8", "replace").splitlines()
    header = next((line.split() for line in lines if "Address" in line.split()), [])
    if "Perm" in header:
        areas = tuple(_pmap_columns(header, lines))
    elif "Kbytes" in header:
        areas = tuple(_pmap_simple(lines))
    else:
        raise UsageError(f"{name}:1", "not the output of pmap -x or -X", "give that")
    return tuple(sorted(areas, key=lambda area: area.mapping.start))


def _pmap_simple(lines: Iterable[str]) -> Iterator[Area]:
    for line in lines:
        if found := _PMAP_X.match(line):
            start, size, rss, dirty, mode, path = found.groups()
            sizes = {"Size": size, "Rss": rss, "Dirty": dirty}
            yield _pmap_area(start, mode[:3] + "sp"[mode[3] != "s"], "0", path, sizes)


def _pmap_columns(header: list[str], lines: Iterable[str]) -> Iterator[Area]:
    plain = len(header) - 1  # the last column, Mapping, may be empty or have spaces
    for line in lines:
        row = line.split(None, plain)
        if len(row) >= plain and re.fullmatch("[0-9a-f]{1,16}", row[0]) and len(row[1]) == 4:  # noqa: PLR2004 - rwxp
            cells = dict(zip(header, row, strict=False))
            sizes = {key: cells[key] for key in header if cells.get(key, "").isdigit()}
            path = cells.get("Mapping", "").strip()
            yield _pmap_area(row[0], row[1], cells.get("Offset", "0"), path, sizes)


def _pmap_area(start: str, perms: str, offset: str, path: str, sizes: Map[str, str]) -> Area:
    known = {key: int(value) << 10 for key, value in sizes.items() if value.isdigit()}
    for other in ("Address", "Offset", "Device", "Inode", "THPeligible"):
        known.pop(other, None)
    path = path.strip()
    path = "" if path in {"[ anon ]", "-"} else path.replace("[ stack ]", "[stack]")
    begin = int(start, 16)
    mapping = Mapping(begin, begin + known.get("Size", 0), perms, int(offset, 16), path)
    return Area(mapping, known)
