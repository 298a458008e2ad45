"""Lines and inlined calls, from debug information (DWARF), by the library of the extra ``memops[dwarf]``.

Files come from hosts under test: what the library cannot read counts as absent.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from symbolic.symcache import SourceLocation, SymCache


class Place(NamedTuple):
    """A call in the source: the *symbol* of the function it stands in, and its line (``file.c:67``)."""

    symbol: str
    source: str


class Lines(NamedTuple):
    """The debug information of one file whose first segment is loaded at *base*."""

    cache: SymCache
    base: int

    def at(self, address: int) -> tuple[Place, ...]:
        """The calls at the virtual *address*, the innermost inlined one first; none if unknown.

        Beyond what the debug information covers the library answers with the symbol before, which
        has no line and is not taken.
        """
        lookup: Callable[[int], list[SourceLocation]] = self.cache.lookup
        found = lookup(address - self.base) if address >= self.base else []
        places = [Place(each.symbol or "", _source(each.full_path, each.line)) for each in found]
        if not all(place.source for place in places):
            return ()
        # The names of inlined functions may be in another file (dwz), which is not looked for.
        return tuple(places) if all(place.symbol for place in places) else tuple(places[-1:])


def installed() -> bool:
    """Whether the extra is there."""
    return find_spec("symbolic") is not None


def open_lines(path: Path, base: int, kept: Path | None = None) -> Lines | None:
    """The debug information in the file at *path*; None if there is none that can be read.

    To read it takes 0.2 s for libc and 5 s for libjvm: what was made of it is kept in the directory
    *kept*, if there is one, for the next time.
    """
    from symbolic.exceptions import SymbolicError  # noqa: PLC0415 - 30 ms, where there is need
    from symbolic.symcache import SymCache  # noqa: PLC0415

    known = kept / _identity(path) if kept else None
    with suppress(SymbolicError, OSError, ValueError):
        if known and known.is_file():
            return Lines(SymCache.open(str(known)), base)  # type: ignore[no-untyped-call]
    with suppress(SymbolicError, OSError, ValueError):
        made = _made(path)
        if made and known:
            _keep(made, known)
        return Lines(made, base) if made else None
    return None


def _made(path: Path) -> SymCache | None:
    from symbolic.debuginfo import Archive  # noqa: PLC0415

    found = next(iter(Archive.open(str(path)).iter_objects()), None)
    return found.make_symcache() if found and "debug" in found.features else None


def _identity(path: Path) -> str:
    """A name for what was made of the very file at *path*.

    Not its build-id: a file of one host could then pass for that of another.
    """
    from symbolic.symcache import SYMCACHE_LATEST_VERSION  # noqa: PLC0415

    found, whole = path.stat(), os.fsencode(path.resolve())
    return f"{crc32(whole):08x}-{found.st_size}-{found.st_mtime_ns}-{SYMCACHE_LATEST_VERSION}"


def _keep(made: SymCache, to: Path) -> None:
    """Write what was *made* beside its place and move it there; a full disk costs only the next time."""
    with suppress(OSError):
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = to.with_name(f".{os.getpid()}.new")
        with beside.open("wb") as file:
            made.dump_into(file)  # type: ignore[no-untyped-call]
        beside.replace(to)


def _source(path: str | None, line: int) -> str:
    name = (path or "").replace("\\", "/").rpartition("/")[2]
    return f"{name}:{line}" if name and line > 0 else ""
