"""The little of ELF that naming an address takes: functions, segments and the build-id.

Written after the System V ABI (gABI 4.1, chapters 4 and 5) and elf(5). Files come from hosts under
test and may hold anything: every offset is checked against the file's size, and what cannot be read
counts as absent.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PT_LOAD, _PT_NOTE = 1, 4
_SHT_SYMTAB, _SHT_NOTE, _SHT_NOBITS, _SHT_DYNSYM = 2, 7, 8, 11
_FUNCTIONS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC
_NT_GNU_BUILD_ID = 3
_EM_ARM = 40
_NAME_LIMIT = 1 << 14
_HEADERS_LIMIT = 1 << 16
_NESTED = 32
_PACKED_LIMIT = 128 << 20
_TABLE_LIMIT = 48 << 20  # two million symbols
_RANK = {1: 0, 2: 1, 0: 2}  # global before weak before local, for names of the same function


class Section(NamedTuple):
    """A section header, as far as it is needed: where in memory and file, how long, of what kind.

    *name* is an offset in the section of names.
    """

    name: int
    kind: int
    address: int
    offset: int
    size: int
    link: int
    entry: int


class Segment(NamedTuple):
    """A program header: *size* bytes from file *offset* on, loaded at *address*."""

    kind: int
    offset: int
    address: int
    size: int


class Function(NamedTuple):
    """A function in the file: *size* bytes from virtual *address* on.

    *extent* is the addresses, from the first to the last and one, that it has and no other symbol of
    the file; nothing (0, 0) where that is not so simple: where it holds other symbols, and where
    several of different sizes begin at the same place.
    """

    address: int
    size: int
    name: str
    extent: tuple[int, int] = (0, 0)


class DebugLink(NamedTuple):
    """The debug file that belongs to this one, by *name* and *checksum* (CRC-32 of all of it)."""

    name: str
    checksum: int


class _Layout(NamedTuple):
    """The struct formats of one ELF class, and which fields of each hold what."""

    header: str  # from byte 16: ..., e_phoff, e_shoff, ..., e_phentsize, e_phnum, ...
    segment: str
    segment_fields: tuple[int, int, int, int]  # type, offset, vaddr, filesz
    section: str
    symbol: str
    symbol_fields: tuple[int, int, int, int, int]  # name, info, shndx, value, size


_LAYOUTS = {
    1: _Layout("HHIIIIIHHHHHH", "8I", (0, 1, 2, 4), "10I", "IIIBBH", (0, 3, 5, 1, 2)),
    2: _Layout("HHIQQQIHHHHHH", "IIQQQQQQ", (0, 2, 3, 5), "IIQQQQIIQQ", "IBBHQQ", (0, 1, 3, 4, 5)),
}


_Entry = tuple[int, int, int]
"""A symbol: address, size, and a word with the offset of its name, st_info << 32, st_shndx << 48."""


@dataclass(frozen=True)
class Elf:
    """An ELF file of either class and byte order, mapped and read as far as asked."""

    view: mmap.mmap | bytes
    order: str
    layout: _Layout
    machine: int
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    names_index: int = 0

    @cached_property
    def build_id(self) -> str:
        """The GNU build-id in hexadecimal, or nothing."""
        notes = [(each.offset, each.size) for each in self.segments if each.kind == _PT_NOTE]
        notes += [(each.offset, each.size) for each in self.sections if each.kind == _SHT_NOTE]
        return next(filter(None, (self._build_id(*note) for note in notes)), "")

    def _build_id(self, offset: int, size: int) -> str:
        """The build-id among the notes at *offset*: name size, size, type, name, descriptor."""
        end = min(offset + size, len(self.view))  # an offset beyond the file ends the loop at once
        while offset + 12 <= end:
            names, length, kind = struct.unpack_from(f"{self.order}III", self.view, offset)
            start = offset + 12 + _aligned(names)
            if kind == _NT_GNU_BUILD_ID and self.view[offset + 12 : offset + 16] == b"GNU\0":
                return self.view[start : min(start + length, end)].hex() if length <= 64 else ""  # noqa: PLR2004
            offset = start + _aligned(length)
        return ""

    @cached_property
    def base(self) -> int:
        """The address of the first segment: 0 but for programs that are loaded at a fixed place."""
        return min((each.address for each in self.segments if each.kind == _PT_LOAD), default=0)

    @cached_property
    def checksum(self) -> int:
        """The CRC-32 of the whole file, by which ``.gnu_debuglink`` knows a debug file."""
        return zlib.crc32(self.view)

    @cached_property
    def debug_link(self) -> DebugLink | None:
        """What ``.gnu_debuglink`` names: a name, padded with zeros to four bytes, and a checksum."""
        section = self.named_section(b".gnu_debuglink")
        data = (
            bytes_at(self.view, section.offset, min(section.size, _NAME_LIMIT)) if section else b""
        )
        name, zero, _ = data.partition(b"\0")
        at = _aligned(len(name) + 1)
        if not name or not zero or at + 4 > len(data):
            return None
        (checksum,) = struct.unpack_from(f"{self.order}I", data, at)
        return DebugLink(name.decode("utf-8", "surrogateescape"), checksum)

    @cached_property
    def has_debug_info(self) -> bool:
        """Whether the file holds DWARF, which tells lines and inlined calls."""
        return any(map(self.named_section, (b".debug_info", b".zdebug_info")))

    @property
    def has_all_names(self) -> bool:
        """Whether the file was not stripped: static functions are named in it too."""
        table = self._symbol_table
        return table is not None and table.kind == _SHT_SYMTAB

    def address_of(self, offset: int) -> int | None:
        """The virtual address at which the byte at file *offset* is loaded; None if it is not."""
        for start, end, moved in self._loads:
            if start <= offset < end:
                return offset + moved
        return None

    @cached_property
    def _loads(self) -> list[tuple[int, int, int]]:
        """The bytes that are loaded: from and to which offset, and how far from there."""
        return [(offset, offset + size, address - offset)
                for kind, offset, address, size in self.segments if kind == _PT_LOAD]  # fmt: skip

    def function_at(self, address: int) -> Function | None:
        """The function whose bytes hold the virtual *address*; None rather than a neighbour.

        Of several names of the same function a global one is taken, then the shortest. A stripped
        file may carry the names of its static functions packed (``.gnu_debugdata``, Fedora's and
        Red Hat's "MiniDebugInfo"): they are looked through last.
        """
        own = self._own_function_at(address)
        if own or self._packed is None:
            return own
        packed = self._packed.function_at(address)
        return packed._replace(extent=(0, 0)) if packed else None

    def _own_function_at(self, address: int) -> Function | None:
        starts, entries = self._functions
        index = bisect_right(starts, address)
        if not index:
            return None
        start, size, _ = entries[index - 1]
        found = self._found.get(start)
        if found is None and (index < 2 or starts[index - 2] != start):  # noqa: PLR2004 - one name
            found = self._found[start] = self._named(entries[index - 1], self._extent(index))[1]
        if found is None or address >= start + size:
            return self._search(address, index)
        return found

    def _search(self, address: int, index: int) -> Function | None:
        """The function among the entries before *index* that holds *address*."""
        starts, entries = self._functions
        for start, size, _ in reversed(entries[max(0, index - _NESTED) : index]):
            if address < start + size:
                same = self._at(start)
                alike = start == starts[index - 1] and all(each[1] == size for each in same)
                extent = self._extent(index) if alike else (0, 0)
                holding = (each for each in same if address < start + each[1])
                return min((self._named(each, extent) for each in holding), key=_preference)[1]
        return None

    def _extent(self, index: int) -> tuple[int, int]:
        """The addresses of the entry before *index* up to the next one."""
        starts, entries = self._functions
        start, size, _ = entries[index - 1]
        return start, min(start + size, starts[index]) if index < len(starts) else start + size

    @cached_property
    def _found(self) -> dict[int, Function]:
        """The functions that have one name, once they were asked for, by their start."""
        return {}

    @cached_property
    def _packed(self) -> Elf | None:
        """The ELF file inside ``.gnu_debugdata``, which is xz data."""
        if section := self.named_section(b".gnu_debugdata"):
            with suppress(UsageError):
                data = bytes_at(self.view, section.offset, section.size)
                inner = read_elf(_unpack(data), ".gnu_debugdata")
                return replace(inner, names_index=len(inner.sections))  # packed once, not again
        return None

    def named_section(self, name: bytes) -> Section | None:
        """The section called *name*, unless it was left empty, as in a debug file."""
        found = (each for each in self.sections if each.size and each.kind != _SHT_NOBITS)
        return next((each for each in found if self.name_of(each) == name), None)

    def symbol_name(self, table: int, index: int) -> str:
        """The name of symbol *index* in the section numbered *table*, or nothing."""
        symbols = self._section(table)
        names = self._section(symbols.link) if symbols else None
        code = struct.Struct(self.order + self.layout.symbol)
        if symbols is None or names is None or not 0 < index < symbols.size // code.size:
            return ""
        row = bytes_at(self.view, symbols.offset + index * code.size, code.size)
        if len(row) < code.size:
            return ""
        start = code.unpack(row)[self.layout.symbol_fields[0]]
        name = bytes_at(self.view, names.offset + start, _NAME_LIMIT).partition(b"\0")[0]
        return name.decode("utf-8", "replace")

    def name_of(self, section: Section) -> bytes:
        """The name of *section*, at most 32 bytes of it."""
        names = self._section(self.names_index)
        if names is None or section.name >= names.size:
            return b""
        return bytes_at(self.view, names.offset + section.name, 32).partition(b"\0")[0]

    @cached_property
    def _functions(self) -> tuple[list[int], list[_Entry]]:
        """Sorted starts, and the entries in the same order."""
        found = sorted(self._entries())
        return [entry[0] for entry in found], found

    @cached_property
    def _symbol_table(self) -> Section | None:
        """The one .symtab where it was not stripped, else the one .dynsym."""
        tables = {each.kind: each for each in reversed(self.sections) if each.size}
        return tables.get(_SHT_SYMTAB) or tables.get(_SHT_DYNSYM)

    def _entries(self) -> list[_Entry]:
        table = self._symbol_table
        code = struct.Struct(self.order + self.layout.symbol)
        if table is None or table.entry != code.size:
            return []
        rows = bytes_at(self.view, table.offset, min(table.size, _TABLE_LIMIT))
        rows = rows[: len(rows) - len(rows) % code.size]
        if (
            self.order + self.layout.symbol == "<IBBHQQ"
        ):  # nearly always: three words, four times faster
            return [
                (value, size, word)
                for word, value, size in struct.iter_unpack("<QQQ", rows)
                if size and word >> 48 and word >> 32 & 15 in _FUNCTIONS
            ]
        name, info, home, value, size = self.layout.symbol_fields
        thumb = ~1 if self.machine == _EM_ARM else ~0
        return [
            (row[value] & thumb, row[size], row[name] | row[info] << 32 | row[home] << 48)
            for row in code.iter_unpack(rows)
            if row[size] and row[home] and row[info] & 15 in _FUNCTIONS
        ]

    def _at(self, address: int) -> list[_Entry]:
        starts, entries = self._functions
        end = bisect_right(starts, address)
        return [each for each in entries[max(0, end - _NESTED) : end] if each[0] == address]

    def _named(self, entry: _Entry, extent: tuple[int, int]) -> tuple[int, Function]:
        address, size, word = entry
        names, whole = self._names_at, len(self.view)
        at = min(names + (word & 0xFFFFFFFF), whole)
        limit = min(at + _NAME_LIMIT, whole)
        end = self.view.find(b"\0", at, limit)
        name = self.view[at : end if end >= 0 else limit].decode("utf-8", "replace")
        return _RANK.get(word >> 36 & 15, 3), Function(address, size, name, extent)

    @cached_property
    def _names_at(self) -> int:
        """Where the names of the functions are in the file; its end where they are nowhere."""
        names = self._section(self._symbol_table.link) if self._symbol_table else None
        return names.offset if names else len(self.view)

    def _section(self, index: int) -> Section | None:
        return self.sections[index] if index < len(self.sections) else None


def bytes_at(view: mmap.mmap | bytes, offset: int, size: int) -> bytes:
    """At most *size* bytes at *offset*; nothing beyond the end, however far."""
    start = min(offset, len(view))
    return view[start : min(start + size, len(view))]


def _unpack(data: bytes) -> bytes:
    """What xz *data* unpacks to, within bounds; nothing if it is damaged."""
    import lzma  # noqa: PLC0415 - few files have packed names

    with suppress(lzma.LZMAError, EOFError):
        return lzma.LZMADecompressor(memlimit=_PACKED_LIMIT).decompress(data, _PACKED_LIMIT)
    return b""


def _preference(named: tuple[int, Function]) -> tuple[bool, int, int, str]:
    rank, function = named
    return not function.name, rank, len(function.name), function.name


def _aligned(size: int) -> int:
    return (size + 3) & ~3


def open_elf(path: Path) -> Elf:
    """The ELF file at *path*; raises `UsageError` if it cannot be read or is something else."""
    if not path.is_file():  # opening a pipe would wait for ever
        raise UsageError(str(path), "no such file", "check the path")
    try:
        with path.open("rb") as file:
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise UsageError(str(path), error.strerror or str(error), "check the file") from None
    except ValueError:
        raise UsageError(str(path), "the file is empty", "fetch it again") from None
    return read_elf(view, str(path))


def read_elf(view: mmap.mmap | bytes, name: str) -> Elf:
    """The ELF file whose bytes are *view*; raises `UsageError` naming *name* if it is none."""
    kind, order = view[4:5], {b"\1": "<", b"\2": ">"}.get(view[5:6])
    layout = _LAYOUTS.get(kind[0]) if kind else None
    if view[:4] != b"\x7fELF" or layout is None or order is None:
        raise UsageError(name, "not an ELF file", "give a directory of programs and libraries")
    header = struct.Struct(order + layout.header)
    if len(view) < 16 + header.size:
        raise UsageError(name, "an ELF file cut short", "fetch it again")
    fields = header.unpack_from(view, 16)
    segments = _table(view, order + layout.segment, fields[4], fields[8], fields[9])
    sections = _table(view, order + layout.section, fields[5], fields[10], fields[11])
    return Elf(
        view=view,
        order=order,
        layout=layout,
        machine=fields[1],
        segments=tuple(Segment(*(row[i] for i in layout.segment_fields)) for row in segments),
        sections=tuple(
            Section(row[0], row[1], row[3], row[4], row[5], row[6], row[9]) for row in sections
        ),
        names_index=fields[12],
    )


def _table(
    view: mmap.mmap | bytes, code: str, offset: int, entry: int, count: int
) -> Iterator[tuple[int, ...]]:
    """The rows of a header table, as many as the file holds."""
    row = struct.Struct(code)
    if entry != row.size or not offset:
        return
    with suppress(struct.error):
        for at in range(offset, len(view), row.size)[: min(count, _HEADERS_LIMIT)]:
            yield row.unpack_from(view, at)
