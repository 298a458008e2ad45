"""Names of the linker's own code in a file: the stubs through which other files' functions are called.

A stub jumps to the address in a slot of its own, which a relocation of ``.rela.plt`` fills. On x86 and
x86-64 they stand in the same order, each of 16 bytes (System V ABI, "Procedure Linkage Table"). On
AArch64 and s390x the slot is read out of the stub: its size differs with what the processor is to check
(BTI, pointer authentication), and ``.rela.plt`` also fills slots of a thread's variables, without a
stub each (ELF for the Arm 64-bit Architecture, "TLS descriptors").
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from memops.profile.symbols.elf import bytes_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from memops.profile.symbols.elf import Elf, Section

_X86, _S390, _X86_64, _AARCH64 = 3, 22, 62, 183
_ENTRY = 16
_HEADS = {b".plt": _ENTRY, b".plt.sec": 0, b".plt.bnd": 0}  # bytes before the first stub, on x86
_JUMP_SLOT = 7  # of R_386 and R_X86_64
_RELOCATIONS = {"Q": ("QQQ", 32), "I": ("II", 8)}  # with an addend on 64 bits; the symbol's shift
_TABLE_LIMIT = 4 << 20
_NEAR = 64  # bytes on either side in which the stub of an address is

# bti c; adrp x16, page; ldr x17, [x16, #slot]; add x16, ...; autia1716; br x17; nop
_AARCH64_STUB = re.compile(
    rb"(?:\x5f\x24\x03\xd5)?+([\x10\x30\x50\x70\x90\xb0\xd0\xf0]..[\x90\xb0\xd0\xf0]"
    rb"\x11[\x02-\xfe][\x40-\x7f]\xf9)(?:.{4}){1,2}?\x20\x02\x1f\xd6(?:\x1f\x20\x03\xd5)*+",
    re.DOTALL,
)
# larl %r1, slot; lg %r1, 0(%r1); br %r1; and what fills the slot at the first call
_S390X_STUB = re.compile(
    rb"(\xc0\x10.{4})\xe3\x10\x10\x00\x00\x04\x07\xf1\x0d\x10.{6}\xc0\xf4.{8}", re.DOTALL
)


def plt_name(elf: Elf, address: int) -> str:
    """``malloc@plt`` for an *address* in the stub of malloc, ``[plt]`` elsewhere in there, or nothing."""
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
    rows = bytes_at(elf.view, table.offset, min(table.size, _TABLE_LIMIT))
    filled = list(relocation.iter_unpack(rows[: len(rows) - len(rows) % relocation.size]))
    found = _in_order(elf, section, address, filled) or _by_slot(elf, section, address, filled)
    return elf.symbol_name(table.link, found >> shift)


_Rows = list[tuple[int, ...]]
"""Relocations: the slot that each fills, and with what."""


def _in_order(elf: Elf, section: Section, address: int, filled: _Rows) -> int:
    """What fills the slot of the stub at *address*, by its place among them; 0 if it is none."""
    head = _HEADS.get(elf.name_of(section)) if elf.machine in {_X86, _X86_64} else None
    index = -1 if head is None else (address - section.address - head) // _ENTRY
    if not 0 <= index < len(filled):
        return 0
    return filled[index][1] if filled[index][1] & 0xFF == _JUMP_SLOT else 0


def _by_slot(elf: Elf, section: Section, address: int, filled: _Rows) -> int:
    """What fills the slot that the stub at *address* reads; 0 if none does."""
    slot = _slot(elf, section, address)
    return next((row[1] for row in filled if row[0] == slot), 0)


def _slot(elf: Elf, section: Section, address: int) -> int:
    """The address of the slot that the stub around *address* jumps through; -1 if there is none."""
    pattern, slot_of = _STUBS.get(elf.machine, (None, None))
    if pattern is None or slot_of is None:
        return -1
    start = max(section.address, (address - _NEAR) & ~7)
    end = min(address + _NEAR, section.address + section.size)
    near = bytes_at(elf.view, section.offset + start - section.address, end - start)
    for stub in pattern.finditer(near):
        if start + stub.start() <= address < start + stub.end():
            return slot_of(stub[1], start + stub.start(1))
    return -1


def _aarch64_slot(code: bytes, address: int) -> int:
    """The slot of ``adrp`` and ``ldr`` at *address*: instructions are little-endian in either order."""
    page, within = int.from_bytes(code[:4], "little"), int.from_bytes(code[4:], "little")
    pages = (page >> 3 & 0x1FFFFC) | (page >> 29 & 3)
    pages -= (pages & 1 << 20) << 1  # signed, of 21 bits
    return (address & ~0xFFF) + (pages << 12) + (within >> 10 & 0xFFF) * 8


def _s390x_slot(code: bytes, address: int) -> int:
    """The slot of ``larl`` at *address*, which counts in halfwords from itself."""
    return address + 2 * int.from_bytes(code[2:], "big", signed=True)


_STUBS: dict[int, tuple[re.Pattern[bytes], Callable[[bytes, int], int]]] = {
    _AARCH64: (_AARCH64_STUB, _aarch64_slot),
    _S390: (_S390X_STUB, _s390x_slot),
}
