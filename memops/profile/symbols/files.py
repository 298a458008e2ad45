"""Names of code in files: programs, libraries, and the debug files that belong to them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from memops.errors import UsageError
from memops.profile.memory.maps import DELETED
from memops.profile.symbols.dwarf import Lines, installed
from memops.profile.symbols.elf import open_elf
from memops.profile.symbols.names import Inlined, Name
from memops.profile.symbols.plt import plt_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from memops.profile.memory.maps import Mapping
    from memops.profile.symbols.dwarf import Place
    from memops.profile.symbols.elf import Elf
    from memops.profile.symbols.frame import Frame


_LARGEST = 512 << 20  # bytes; debug information of 156 MB (libjvm's) takes 5 s of CPU and 700 MB


class _File(NamedTuple):
    """An ELF file and where it was found."""

    path: Path
    elf: Elf


class _Module:
    """The *files* that may be a library as it was mapped from *path*, and what belongs to them.

    *another* tells that there was one of the name but of another build. *kept* is where lines are.
    """

    def __init__(
        self,
        path: str,
        files: tuple[_File, ...],
        places: tuple[Path, ...],
        kept: Path | None,
        *,
        another: bool,
    ) -> None:
        self.path, self.files, self.another = path, files, another
        self.places, self.kept = places, kept

    def address_of(self, offset: int) -> int | None:
        """The virtual address of the byte at file *offset*; an address may be 0."""
        for each in self.files:
            if (address := each.elf.address_of(offset)) is not None:
                return address
        return None

    def function_at(self, address: int) -> tuple[str, tuple[int, int]]:
        """The symbol whose bytes hold *address*, in the files or their debug files, or nothing.

        And the addresses that surely have the same one: none where a debug file named it, or where
        several files may be the module.
        """
        for each in self.files:
            if (found := each.elf.function_at(address)) and found.name:
                return found.name, found.extent if len(self.files) == 1 else (0, 0)
        for each in self.debug:
            if (found := each.elf.function_at(address)) and found.name:
                return found.name, (0, 0)
        stub = next(filter(None, (plt_name(each.elf, address) for each in self.files)), "")
        return stub, (0, 0)

    def places_at(self, address: int) -> tuple[Place, ...]:
        """The calls in the source at *address*, where there is debug information to tell."""
        return self.lines.at(address) if self.lines else ()

    @cached_property
    def debug(self) -> tuple[_File, ...]:
        """The debug files: by build-id, or by the name and checksum that the file gives."""
        return tuple(debug for each in self.files for debug in _debug_files(each, self))

    @cached_property
    def with_lines(self) -> _File | None:
        """The first of the files with debug information, of a size that can be read."""
        files = [each for each in (*self.files, *self.debug) if each.elf.has_debug_info]
        return next((each for each in files if len(each.elf.view) <= _LARGEST), None)

    @cached_property
    def lines(self) -> Lines | None:
        """The debug information, if there is some and the extra to read it."""
        found = self.with_lines
        return Lines(found.path, found.elf.base, self.kept) if found and installed() else None


class ElfSymbols:
    """Names from ELF files, looked for in *places*, then at the very path if it is *local*.

    A place holds files by build-id (``<place>/<build-id>``, or as debuginfod keeps them), by their
    path (a sysroot), or by their name. Where the build-id of the frame is known the file must have the same one, or be called by
    it: a file without one goes by an identity of the owner's choice. What a file does not name is
    looked up in its debug file: that of the same build-id (``.build-id/ab/cdef.debug``), or the one
    that ``.gnu_debuglink`` names, if its checksum is right. What takes long to read of debug
    information is kept in the directory *kept*.
    """

    def __init__(
        self,
        places: tuple[Path, ...] = (),
        local: frozenset[str] = frozenset(),
        kept: Path | None = None,
    ) -> None:
        self.places, self.local, self.kept = places, local, kept
        self.opened: dict[str, _Module] = {}

    def name(self, frame: Frame) -> Name | None:
        """The name of *frame* if it lies in a file."""
        if not frame.has_file:
            return None
        build, _, digits = frame.rpartition("+")
        module = self.opened.get(build) or self._open(build, frame)
        offset = int(digits, 16)
        address = module.address_of(offset - 1)
        if address is None:
            reason = self._reason(module, frame, found=False)
            return Name(label=f"{frame.module}+{offset:#x}", reason=reason)
        symbol, (start, end) = module.function_at(address)
        if module.lines is None and symbol:
            moved = offset - address  # a frame is the address behind its call
            return Name(symbol, span=(start + moved, end + moved) if end else (0, 0))
        if places := module.places_at(address):
            inlined = tuple(Inlined(*place) for place in places[:-1])
            return Name(symbol or places[-1].symbol, source=places[-1].source, inlined=inlined)
        if symbol:
            return Name(symbol)
        reason = self._reason(module, frame, found=True)
        return Name(label=f"{frame.module}+{address + 1:#x}", reason=reason)

    def keep(self) -> None:
        """Keep the lines that were found, for the next time."""
        for each in self.opened.values():
            if lines := each.lines:
                lines.keep()

    @property
    def without_lines(self) -> list[str]:
        """The names of files whose debug information was not read, because the extra is missing."""
        found = [each.path for each in self.opened.values() if each.with_lines]
        return [] if installed() else [_plain(path).rpartition("/")[2] for path in found]

    def _reason(self, module: _Module, frame: Frame, *, found: bool) -> str:
        name = frame.module
        if module.files:
            if not found:
                return f"{name} found here is another build: it has no such code"
            whole = any(each.elf.has_all_names for each in (*module.files, *module.debug))
            return f"{name} names no function there" if whole else f"{name} is stripped"
        if module.another:
            return f"{name} found here is another build"
        if frame.path not in self.local and Path(frame.path).exists():
            return f"{name} here may be another build; --symbols / trusts it"
        return f"no file {name} with the names"

    def _open(self, build: str, frame: Frame) -> _Module:
        """The module of *frame*, found once for all frames of its file and build."""
        plain, build_id = _plain(frame.path), frame.build_id
        candidates = dict.fromkeys(self._candidates(plain, build_id))
        seen = [each for each in map(_file, candidates) if each]
        files = tuple(each for each in seen if _is_build(each, build_id))
        another = len(files) < len(seen)
        self.opened[build] = _Module(plain, files, self.places, self.kept, another=another)
        return self.opened[build]

    def _candidates(self, path: str, build_id: str) -> Iterator[Path]:
        for place in self.places:
            if build_id:
                yield from (place / build_id, place / build_id / "executable")
            yield place / path.lstrip("/")
            yield place / Path(path).name
        if path in self.local or build_id:
            yield Path(path)


def _is_build(file: _File, build_id: str) -> bool:
    return build_id in {"", file.elf.build_id} or file.path.name == build_id


def _debug_files(of: _File, module: _Module) -> Iterator[_File]:
    if build_id := of.elf.build_id:
        below = Path(".build-id", build_id[:2], f"{build_id[2:]}.debug")
        for place in module.places:
            cached = place / build_id / "debuginfo"
            for path in (place / below, place / "usr/lib/debug" / below, cached):
                if (found := _file(path)) and found.elf.build_id == build_id:
                    yield found
                    return
    if link := of.elf.debug_link:
        for path in _linked(of, module, Path(link.name).name):
            if (found := _file(path)) and found.elf.checksum == link.checksum:
                yield found


def _linked(of: _File, module: _Module, name: str) -> Iterator[Path]:
    """Where GDB looks for a debug file by its *name* (GDB manual, "Separate Debug Files").

    Beside the file and in ``.debug`` there, and under a directory for all of them by the path that
    the file had where it ran.
    """
    below = Path(module.path.lstrip("/")).parent
    yield from (of.path.parent / name, of.path.parent / ".debug" / name)
    for place in module.places:
        yield from (place / below / name, place / name, place / "usr/lib/debug" / below / name)


def _file(path: Path) -> _File | None:
    try:
        return _File(path, open_elf(path))
    except UsageError:
        return None  # the reason of the frame says that no file was there


def _plain(path: str) -> str:
    return path.removesuffix(DELETED)


def elf_symbols(
    places: Iterable[Path], mappings: Iterable[Mapping], kept: Path | None = None
) -> ElfSymbols:
    """The names of the files of a process with *mappings*, from *places* and this very machine."""
    return ElfSymbols(tuple(places), files_here(mappings), kept)


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
