"""Lines and inlined calls, from debug information (DWARF), by the library of the extra ``memops[dwarf]``.

Files come from hosts under test: what the library cannot read counts as absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from symbolic.symcache import SourceLocation, SymCache


class Place(NamedTuple):
    """A call in the source: the *symbol* of the function it stands in, and its line (``file.c:67``)."""

    symbol: str
    source: str


@dataclass(frozen=True)
class Lines:
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


def open_lines(path: Path, base: int) -> Lines | None:
    """The debug information in the file at *path*; None if there is none that can be read."""
    from symbolic.debuginfo import Archive  # noqa: PLC0415 - 30 ms, where debug information is
    from symbolic.exceptions import SymbolicError  # noqa: PLC0415

    try:
        found = next(iter(Archive.open(str(path)).iter_objects()), None)
        return Lines(found.make_symcache(), base) if found and "debug" in found.features else None
    except (SymbolicError, OSError, ValueError):
        return None


def _source(path: str | None, line: int) -> str:
    name = (path or "").replace("\\", "/").rpartition("/")[2]
    return f"{name}:{line}" if name and line > 0 else ""
