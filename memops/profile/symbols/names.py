"""The names of frames, and for each frame without one the reason.

Every frame of a heap profile is a return address, the leaf too: the allocator takes the stack inside
a function that it called itself. So the byte before the address is looked up, which belongs to the
call, for all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from memops.errors import UsageError
from memops.profile.symbols.elf import open_elf
from memops.profile.symbols.frame import JIT, UNMAPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from memops.profile.memory.maps import Mapping
    from memops.profile.symbols.elf import Elf
    from memops.profile.symbols.frame import Frame
    from memops.profile.symbols.perfmap import PerfMap


# HotSpot's CodeBlobs without a method: shared runtime, C1's Runtime1, adapters, StubRoutines.
_STUB = re.compile(
    r"(?i:stub|blob|adapters?$|vtable|^native signature handlers)|^resolve_|^ic_miss|^wrong_method|^jni_fast"
)


class Name(NamedTuple):
    """The *symbol* of a frame as its file has it, or else *label* to show and the *reason*."""

    symbol: str = ""
    label: str = ""
    reason: str = ""


class Symbols(Protocol):
    """A source of names."""

    def name(self, frame: Frame) -> Name | None:
        """The name of *frame*; None if this source knows nothing of frames of its kind."""


@dataclass(frozen=True, slots=True)
class JitSymbols:
    """Names from perf maps, the oldest first; where two tell of an address, the newest wins."""

    maps: tuple[PerfMap, ...] = ()

    def disagree(self, address: int) -> bool:
        """Whether the maps have different names for the return *address*."""
        names = {each.name_at(address - 1) for each in self.maps} - {""}
        return len(names) > 1

    def name(self, frame: Frame) -> Name | None:
        """The name of *frame* if it is code that the process wrote for itself."""
        path, address = frame.path, frame.offset
        if path not in {JIT, UNMAPPED}:
            return None
        for each in reversed(self.maps):
            if found := each.name_at(address - 1):
                return Name(symbol=readable(found))
        if path == JIT:
            reason = "not in the perf map" if self.maps else "JIT code without a perf map"
            return Name(label=f"[JIT {address:#x}]", reason=reason)
        return Name(label=f"[{address:#x}]", reason="outside every mapping")


def readable(name: str) -> str:
    """The *name* in a perf map for people.

    HotSpot writes ``long a.b.C.method(int, byte[])`` for a method: the class and method are kept.
    What has no arguments is code of its own: ``[interpreter]`` runs every method that was not
    compiled, and ``[stub ...]`` is glue. Other runtimes' names (``LazyCompile:~f``) stay.
    """
    head, paren, _ = name.partition("(")
    if name == "Interpreter":
        return "[interpreter]"
    if paren and name.endswith(")") and "." in head:
        return head.rpartition(" ")[2]
    return f"[stub {name}]" if _STUB.search(name) else name


@dataclass(frozen=True)
class ElfSymbols:
    """Names from ELF files, looked for in *places*, then at the very path if it is *local*.

    A place holds files by build-id (``<place>/<build-id>``), by their path (a sysroot), or by their
    name. Where the build-id of the frame is known the file must have the same one, or be called by
    it: a file without one goes by an identity of the owner's choice. What a file does not name is
    looked up in the debug file of the same build-id (``.build-id/ab/cdef.debug``), in *places* too.
    """

    places: tuple[Path, ...] = ()
    local: frozenset[str] = frozenset()
    opened: dict[tuple[str, str], tuple[Elf, ...]] = field(default_factory=dict, compare=False)

    def name(self, frame: Frame) -> Name | None:
        """The name of *frame* if it lies in a file."""
        if not frame.has_file:
            return None
        path, build_id, offset = frame.path, frame.build_id, frame.offset
        files = self._known((path, build_id), self._open)
        address = next(filter(None, (elf.address_of(offset - 1) for elf in files)), None)
        if address is None:
            return Name(label=f"{frame.module}+{offset:#x}", reason=self._reason(files, frame))
        found = _function(files, address) or _function(self._debug(files), address)
        if found:
            return Name(symbol=found)
        return Name(label=f"{frame.module}+{address + 1:#x}", reason=self._reason(files, frame))

    def _reason(self, files: tuple[Elf, ...], frame: Frame) -> str:
        if files:
            return f"{frame.module} is stripped"
        if frame.path not in self.local and Path(frame.path).exists():
            return f"{frame.module} here may be another build; --symbols / trusts it"
        return f"no file {frame.module} with the names"

    def _debug(self, files: tuple[Elf, ...]) -> tuple[Elf, ...]:
        """The debug files of *files*: their segments say nothing, but their names are whole."""
        build_id = next((elf.build_id for elf in files if elf.build_id), "")
        return self._known(("", build_id), self._open_debug) if build_id else ()

    def _known(
        self, key: tuple[str, str], found: Callable[[str, str], Iterable[Elf]]
    ) -> tuple[Elf, ...]:
        if key not in self.opened:
            self.opened[key] = tuple(found(*key))
        return self.opened[key]

    def _open(self, path: str, build_id: str) -> Iterator[Elf]:
        for place in self._candidates(path.removesuffix(" (deleted)"), build_id):
            elf = _elf(place)
            if elf and (build_id in {"", elf.build_id} or place.name == build_id):
                yield elf

    def _candidates(self, path: str, build_id: str) -> Iterator[Path]:
        for place in self.places:
            if build_id:
                yield place / build_id
            yield place / path.lstrip("/")
            yield place / Path(path).name
        if path in self.local or build_id:
            yield Path(path)

    def _open_debug(self, _path: str, build_id: str) -> Iterator[Elf]:
        below = Path(".build-id", build_id[:2], f"{build_id[2:]}.debug")
        for place in self.places:
            for each in (place / below, place / "usr/lib/debug" / below):
                elf = _elf(each)
                if elf and elf.build_id == build_id:
                    yield elf


def _function(files: Iterable[Elf], address: int) -> str:
    found = (elf.function_at(address) for elf in files)
    return next((each.name for each in found if each and each.name), "")


def _elf(path: Path) -> Elf | None:
    try:
        return open_elf(path)
    except UsageError:
        return None  # the reason of the frame says that no file was there


@dataclass(frozen=True)
class Names:
    """Sources asked in turn; what each frame is called is found once."""

    sources: tuple[Symbols, ...]
    known: dict[Frame, Name] = field(default_factory=dict, compare=False)

    def of(self, frame: Frame) -> Name:
        """The name of *frame* from the first source that knows frames of its kind."""
        if frame not in self.known:
            found = (source.name(frame) for source in self.sources)
            fallback = Name(label=f"{frame.path}+{frame.offset:#x}", reason="no source of names")
            self.known[frame] = next(filter(None, found), fallback)
        return self.known[frame]


def files_here(mappings: Iterable[Mapping]) -> frozenset[str]:
    """The paths of *mappings* that are, by their inode, the very files on this machine.

    Only those may be taken at their path when no build-id is known: a library of the same name on
    another machine gives wrong names.
    """
    inodes = {each.path: each.inode for each in mappings if each.is_file and each.inode}
    return frozenset(path for path, inode in inodes.items() if _inode(path) == inode)


def _inode(path: str) -> int:
    try:
        return Path(path).stat().st_ino
    except OSError:
        return 0
