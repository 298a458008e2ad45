"""The address space of a process, as ``/proc/PID/maps`` has it (man 5 proc)."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

DELETED = " (deleted)"

# jemalloc on macOS writes only "start-end: path" (prof_sys.c, prof_mapping_dump).
_LINE = re.compile(
    rb"^([0-9a-f]{1,16})-([0-9a-f]{1,16})"
    rb"(?: ([-rwxsp]{4}) ([0-9a-f]{1,16}) \S{1,32} (\d{1,20}) *([^\n]{0,8192})"
    rb"|: ([^\n]{0,8192}))$",
    re.MULTILINE,
)


class Mapping(NamedTuple):
    """One range of addresses, *start* to *end* (exclusive), backed by *path* from *offset* on.

    *path* is empty for anonymous memory; *perms* is as in the file: ``r-xp``.
    """

    start: int
    end: int
    perms: str
    offset: int
    path: str
    inode: int = 0

    @property
    def is_file(self) -> bool:
        """Whether a file backs this range, rather than ``[stack]``, ``[vdso]`` or nothing."""
        return self.path.startswith("/") and not self.path.startswith("//anon")

    @property
    def is_deleted(self) -> bool:
        """Whether the file was removed or replaced after it was mapped."""
        return self.path.endswith(DELETED)

    def line(self) -> str:
        """The mapping as a line of ``/proc/PID/maps``, without its newline and device."""
        head = f"{self.start:08x}-{self.end:08x} {self.perms} {self.offset:08x} 00:00 {self.inode}"
        return f"{head:<72} {self.path}" if self.path else head


def parse_maps(text: bytes) -> tuple[Mapping, ...]:
    """The mappings in *text*, by address; lines that are not mappings are passed over.

    The kernel writes these lines while the process runs, and the last may be cut: nothing is lost
    by leaving out what cannot be read, for an address outside every mapping is reported as such.
    """
    found = (_mapping(match) for match in _LINE.finditer(text))
    return tuple(sorted((each for each in found if each.start < each.end), key=_start))


def _mapping(match: re.Match[bytes]) -> Mapping:
    start, end, perms, offset, inode, path, bare = match.groups()
    return Mapping(
        start=int(start, 16),
        end=int(end, 16),
        perms=perms.decode() if perms else "r-xp",
        offset=int(offset, 16) if offset else 0,
        path=_text(path if bare is None else bare),
        inode=int(inode) if inode else 0,
    )


def _text(path: bytes | None) -> str:
    """The path as text; the kernel escapes a newline in a name (fs/proc/task_mmu.c)."""
    return (path or b"").decode("utf-8", "surrogateescape")


def first_file(mappings: Iterable[Mapping]) -> str:
    """The path of the first file among *mappings*, which is the program; or nothing.

    HotSpot maps its archive of classes below the program: into the Java heap (JEP 310, 350).
    """
    files = (each.path for each in mappings if each.is_file)
    return next((path for path in files if not path.endswith(".jsa")), "")


def _start(mapping: Mapping) -> int:
    return mapping.start


class AddressSpace(NamedTuple):
    """Mappings in the order of their addresses, to be searched by address."""

    mappings: tuple[Mapping, ...]
    starts: tuple[int, ...]

    @classmethod
    def of(cls, mappings: tuple[Mapping, ...]) -> AddressSpace:
        """The space of *mappings*, which are sorted as `parse_maps` gives them."""
        return cls(mappings, tuple(map(_start, mappings)))

    def at(self, address: int) -> Mapping | None:
        """The mapping that holds *address*, or None."""
        index = bisect_right(self.starts, address) - 1
        if index >= 0 and address < self.mappings[index].end:
            return self.mappings[index]
        return None
