"""Names of the linker's own code in a file: the stubs through which other files' functions are called.

System V ABI, "Procedure Linkage Table": after a head there is an entry of 16 bytes for each relocation
of ``.rela.plt``, in the same order, on x86, x86-64 and AArch64.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memops.profile.symbols.elf import Elf, Section

_ENTRY = 16
_RELOCATIONS = {"Q": ("QQQ", 32), "I": ("II", 8)}  # with an addend on 64 bits; the symbol's shift


def plt_name(elf: Elf, address: int) -> str:
    """``malloc@plt`` for an *address* in the entry of malloc, ``[plt]`` elsewhere in there, or nothing."""
    for section in elf.sections:
        inside = section.address <= address < section.address + section.size
        if inside and elf.name_of(section).startswith(b".plt"):
            symbol = _symbol(elf, section, address)
            return f"{symbol}@plt" if symbol else "[plt]"
    return ""


def _symbol(elf: Elf, section: Section, address: int) -> str:
    code, shift = _RELOCATIONS["Q" if "Q" in elf.layout.header else "I"]
    relocation = struct.Struct(elf.order + code)
    table = elf.named_section(b".rela.plt") or elf.named_section(b".rel.plt")
    if table is None or table.entry != relocation.size:
        return ""
    head = section.size - _ENTRY * (table.size // relocation.size)
    index = (address - section.address - head) // _ENTRY
    at = table.offset + index * relocation.size
    if (
        head < 0
        or index < 0
        or at + relocation.size > min(table.offset + table.size, len(elf.view))
    ):
        return ""
    return elf.symbol_name(table.link, relocation.unpack_from(elf.view, at)[1] >> shift)
