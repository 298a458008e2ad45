"""ELF files that hold nothing but names: what a golden test needs of a library of 20 MB."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Load(NamedTuple):
    offset: int
    address: int
    size: int


class Symbol(NamedTuple):
    address: int
    size: int
    name: str
    info: int = 0x12  # a global function


def elf_bytes(
    symbols: Sequence[Symbol],
    loads: Sequence[Load],
    build_id: str = "",
    *,
    stripped: bool = False,
    order: str = "<",
    machine: int = 62,
) -> bytes:
    """An ELF64 shared object with these functions, segments and build-id; *order* as of struct.

    *machine* is the number of the processor, x86-64's unless given.

    The table is called ``.dynsym`` where the file that it stands for is *stripped*.
    """
    names, rows = b"\0", [bytes(24)]
    for address, size, name, info in symbols:
        rows.append(struct.pack(f"{order}IBBHQQ", len(names), info, 0, 1, address, size))
        names += name.encode() + b"\0"
    raw_id = bytes.fromhex(build_id)
    note = struct.pack(f"{order}III4s", 4, len(raw_id), 3, b"GNU\0") + raw_id if build_id else b""
    table, headers = b"".join(rows), 64 + 56 * (len(loads) + 1)
    at_table = headers + len(note) + -len(note) % 4
    at_names = at_table + len(table)
    at_sections = at_names + len(names)
    head = struct.pack(
        f"{order}4sBBB9xHHIQQQIHHHHHH", b"\x7fELF", 2, 1 + (order == ">"), 1, 3, machine, 1, 0, 64, at_sections, 0,
        64, 56, len(loads) + 1, 64, 4, 0,
    )  # fmt: skip
    segments = [struct.pack(f"{order}IIQQQQQQ", 4, 4, headers, 0, 0, len(note), len(note), 4)]
    segments += [struct.pack(f"{order}IIQQQQQQ", 1, 5, o, a, a, s, s, 4096) for o, a, s in loads]
    sections = [
        bytes(64),
        _section(order, 7, headers, len(note), 0, 0),
        _section(order, 11 if stripped else 2, at_table, len(table), 3, 24),
        _section(order, 3, at_names, len(names), 0, 0),
    ]
    body = head + b"".join(segments) + note.ljust(at_table - headers, b"\0")
    return body + table + names + b"".join(sections)


def _section(order: str, kind: int, offset: int, size: int, link: int, entry: int) -> bytes:
    return struct.pack(f"{order}IIQQQQIIQQ", 0, kind, 0, 0, offset, size, link, 0, 1, entry)
