"""What a shared library needs of the host it is loaded on, read from its ELF file.

Formats: ``man 5 elf``; version needs: Linux Standard Base, "Symbol Versioning".
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MACHINES = {62: "x86_64", 183: "aarch64", 3: "i686", 40: "armv7l", 243: "riscv64", 21: "ppc64le"}
_DYNAMIC, _VERNEED = 6, 0x6FFFFFFE
_NEEDED = 1
_GLIBC = re.compile(r"GLIBC_(\d+(?:\.\d+)+)")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a library needs: *arch* as in ``uname -m``, the *libraries*, and the newest *glibc*.

    *glibc* is the highest ``GLIBC_x.y`` (empty: none); a process does not start under an older one.
    *profiling* is whether the bytes ``heap_v2/`` are in it: jemalloc has them only with profiling.
    """

    arch: str
    libraries: tuple[str, ...]
    glibc: str
    profiling: bool


@dataclass(frozen=True, slots=True)
class _Section:
    kind: int
    offset: int
    size: int
    link: int


def needs(path: Path) -> Needs:
    """What the library *path* needs; raises `UsageError` where it is cut short or no ELF file."""
    image = path.read_bytes()
    try:
        return _read(image)
    except (struct.error, IndexError, ValueError) as error:
        raise UsageError(str(path), "not a whole 64-bit ELF library", "make it again") from error


def _read(image: bytes) -> Needs:
    if image[:6] != b"\x7fELF\x02\x01":  # 64-bit, little-endian: what memops builds for
        raise ValueError("magic")
    (machine,) = struct.unpack_from("<H", image, 18)
    sections = tuple(_sections(image))
    versions = [
        found[1]
        for name in _version_needs(image, sections)
        if (found := _GLIBC.fullmatch(name)) is not None
    ]
    return Needs(
        arch=_MACHINES.get(machine, f"machine {machine}"),
        libraries=tuple(_needed(image, sections)),
        glibc=max(versions, key=lambda each: [int(part) for part in each.split(".")], default=""),
        profiling=b"heap_v2/" in image,
    )


def _sections(image: bytes) -> Iterator[_Section]:
    (start,) = struct.unpack_from("<Q", image, 40)
    width, count = struct.unpack_from("<HH", image, 58)
    for index in range(count):
        _, kind, _, _, offset, size, link = struct.unpack_from(
            "<IIQQQQI", image, start + index * width
        )
        if kind != 8 and offset + size > len(image):  # noqa: PLR2004  # SHT_NOBITS has no bytes
            raise ValueError("cut short")
        yield _Section(kind, offset, size, link)


def _text(image: bytes, sections: tuple[_Section, ...], section: _Section, at: int) -> str:
    start = sections[section.link].offset + at
    return image[start : image.index(b"\0", start)].decode("ascii", "replace")


def _needed(image: bytes, sections: tuple[_Section, ...]) -> Iterator[str]:
    for section in sections:
        if section.kind == _DYNAMIC:
            for at in range(section.offset, section.offset + section.size, 16):
                tag, value = struct.unpack_from("<QQ", image, at)
                if tag == _NEEDED:
                    yield _text(image, sections, section, value)


def _version_needs(image: bytes, sections: tuple[_Section, ...]) -> Iterator[str]:
    for section in sections:
        if section.kind != _VERNEED:
            continue
        at, more = section.offset, 1
        while more:
            _, count, _, first, more = struct.unpack_from("<HHIII", image, at)
            each = at + first
            for _ in range(count):
                _, _, _, name, step = struct.unpack_from("<IHHII", image, each)
                yield _text(image, sections, section, name)
                each += step
            at += more
