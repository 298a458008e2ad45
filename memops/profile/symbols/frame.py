"""Frames that mean the same in every process: the place in a file rather than in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

    from memops.profile.memory.maps import AddressSpace

JIT = "[jit]"
"""The module of code that a running process wrote for itself."""
# Code that was written at run time may lie in unnamed files: .NET and LuaJIT map it twice, a JVM with
# huge pages maps it from hugetlbfs.
_JIT_FILES = ("/memfd:", "/dev/zero", "/anon_hugepage", "/SYSV")
UNMAPPED = "[unmapped]"
"""The module of addresses outside every mapping."""


class Frame(str):
    """A return address as ``<path>@<build-id>+0x<offset in the file>``.

    In `JIT` and `UNMAPPED` the offset is the address itself. Text, because a profile has millions
    of frames and text remembers its hash.
    """

    __slots__ = ()

    @classmethod
    def at(cls, path: str, offset: int, build_id: str = "") -> Frame:
        """The frame at *offset* of the file *path* with *build_id* (hexadecimal or unknown)."""
        return cls(f"{path}@{build_id}+{offset:#x}")

    @property
    def path(self) -> str:
        """The file, or a name in brackets for memory without one."""
        return self.rpartition("@")[0]

    @property
    def build_id(self) -> str:
        """The GNU build-id of the file in hexadecimal, empty where it is not known."""
        return self.rpartition("@")[2].partition("+")[0]

    @property
    def offset(self) -> int:
        """The offset in the file in bytes, or the address."""
        return int(self.rpartition("+")[2], 16)

    @property
    def has_file(self) -> bool:
        """Whether there is a file to look the frame up in."""
        return self.startswith("/")

    @property
    def module(self) -> str:
        """The file's name for people: ``libz.so.1``."""
        return self.path.removesuffix(" (deleted)").rpartition("/")[2]


def locate(address: int, space: AddressSpace, build_ids: Map[str, str]) -> Frame:
    """The frame of the return *address* in *space*; *build_ids* by path, as far as known.

    A return address may be the first byte after its mapping, so the byte before it is looked up.
    """
    mapping = space.at(address - 1)
    if mapping is None:
        return Frame.at(UNMAPPED, address)
    if mapping.is_file and not mapping.path.startswith(_JIT_FILES):
        offset = address - mapping.start + mapping.offset
        return Frame.at(mapping.path, offset, build_ids.get(mapping.path, ""))
    if mapping.path in {"[vdso]", "[vsyscall]"}:
        return Frame.at(mapping.path, address - mapping.start)
    return Frame.at(JIT if "x" in mapping.perms else UNMAPPED, address)
