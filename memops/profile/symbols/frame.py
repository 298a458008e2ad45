"""Frames that mean the same in every process: the place in a file rather than in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.profile.memory.maps import DELETED

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

    from memops.profile.memory.maps import AddressSpace, Mapping

JIT = "[jit]"
"""The module of code that a running process wrote for itself."""
# Code that was written at run time may lie in unnamed files: .NET and LuaJIT map it twice, a JVM with
# huge pages maps it from hugetlbfs.
_JIT_FILES = ("/memfd:", "/dev/zero", "/anon_hugepage", "/SYSV")
UNMAPPED = "[unmapped]"
"""The module of addresses outside every mapping."""


class Frame(str):
    """A return address as ``<path>@<build-id>+0x<offset in the file>``.

    In `JIT` and `UNMAPPED` the offset is the address itself, and in place of the build-id stands
    what tells one moment's code at an address from another's, if anything has to. Text, because a profile has millions
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
        return self.path.removesuffix(DELETED).rpartition("/")[2]


def locate(address: int, space: AddressSpace, build_ids: Map[str, str]) -> Frame:
    """The frame of the return *address* in *space*; *build_ids* by path, as far as known.

    Those of `JIT` and `UNMAPPED` are the moment of the dump (see `Frame`).
    A return address may be the first byte after its mapping, so the byte before it is looked up.
    """
    mapping = space.at(address - 1)
    if mapping is None:
        return Frame.at(UNMAPPED, address, build_ids.get(UNMAPPED, ""))
    home = mapping if _is_code_file(mapping) else _remapped(mapping, space)
    if home is not None:
        build_id = build_ids.get(home.path) or build_ids.get(home.path.removesuffix(DELETED), "")
        return Frame.at(home.path, address - home.start + home.offset, build_id)
    if mapping.path in {"[vdso]", "[vsyscall]"}:
        return Frame.at(mapping.path, address - mapping.start)
    path = JIT if "x" in mapping.perms else UNMAPPED
    return Frame.at(path, address, build_ids.get(path, ""))


def _is_code_file(mapping: Mapping) -> bool:
    return mapping.is_file and not mapping.path.startswith(_JIT_FILES)


def _remapped(mapping: Mapping, space: AddressSpace) -> Mapping | None:
    """The text of a file around *mapping*, if that is where the code was copied from.

    Programs copy the middle of their text into huge pages and map those over it: what is left of
    the file on both sides then lies as if the file were still there.
    """
    before, after = space.at(mapping.start - 1), space.at(mapping.end)
    if before is None or after is None or before.path != after.path or not _is_code_file(before):
        return None
    together = before.start - before.offset == after.start - after.offset
    is_code = "x" in mapping.perms and "x" in before.perms + after.perms
    return before if together and is_code else None
