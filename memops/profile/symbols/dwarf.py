"""Lines and inlined calls, from debug information (DWARF), by the library of the extra ``memops[dwarf]``.

Files come from hosts under test: what the library cannot read counts as absent.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable

    from symbolic.symcache import SourceLocation, SymCache

_FORM = 1  # of what is kept; another number leaves what was kept before aside
_ANSWERS = 200_000  # addresses of a file, at most, whose lines are kept: 20 MB


class Place(NamedTuple):
    """A call in the source: the *symbol* of the function it stands in, and its line (``file.c:67``)."""

    symbol: str
    source: str


Places = tuple[Place, ...]


class Lines:
    """The debug information in the file at *path* whose first segment is loaded at *base*.

    To read it takes 0.2 s for libc and 5 s for libjvm, and to ask it 20 ms and 10 µs an address: what
    was read and what was answered are kept in the directory *kept*, if there is one, for the next time.
    """

    def __init__(self, path: Path, base: int, kept: Path | None = None) -> None:
        self._path, self._base = path, base
        self._kept = kept / _identity(path) if kept else None
        self._answers = _answers(self._kept.with_suffix(".json")) if self._kept else {}
        self._asked = len(self._answers)

    def at(self, address: int) -> Places:
        """The calls at the virtual *address*, the innermost inlined one first; none if unknown."""
        found = self._answers.get(address)
        if found is None:
            found = self._answers[address] = self._places(address)
        return found

    def keep(self) -> None:
        """Keep what was answered since it was opened."""
        if self._kept and self._asked < len(self._answers) <= _ANSWERS:
            text = json.dumps(list(self._answers.items()), separators=(",", ":"))
            _write(self._kept.with_suffix(".json"), lambda file: file.write_text(text))

    def _places(self, address: int) -> Places:
        """The answer of the library.

        Beyond what the debug information covers it is the symbol before, which has no line and is
        not taken.
        """
        if self._cache is None or address < self._base:
            return ()
        lookup: Callable[[int], list[SourceLocation]] = self._cache.lookup
        found = lookup(address - self._base)
        places = [Place(each.symbol or "", _source(each.full_path, each.line)) for each in found]
        if not all(place.source for place in places):
            return ()
        # The names of inlined functions may be in another file (dwz), which is not looked for.
        return tuple(places) if all(place.symbol for place in places) else tuple(places[-1:])

    @cached_property
    def _cache(self) -> SymCache | None:
        """The debug information; None if it cannot be read."""
        from symbolic.exceptions import SymbolicError  # noqa: PLC0415 - where there is need
        from symbolic.symcache import SymCache  # noqa: PLC0415

        known = self._kept.with_suffix(".symcache") if self._kept else None
        with suppress(SymbolicError, OSError, ValueError):
            if known and known.is_file():
                return SymCache.open(str(known))  # type: ignore[no-untyped-call, no-any-return]
        with suppress(SymbolicError, OSError, ValueError):
            made = _made(self._path)
            if made and known:
                _write(known, lambda beside: _dump(made, beside))
            return made
        return None


def installed() -> bool:
    """Whether the extra is there."""
    return find_spec("symbolic") is not None


def _made(path: Path) -> SymCache | None:
    from symbolic.debuginfo import Archive  # noqa: PLC0415

    found = next(iter(Archive.open(str(path)).iter_objects()), None)
    return found.make_symcache() if found and "debug" in found.features else None


def _dump(made: SymCache, to: Path) -> None:
    with to.open("wb") as file:
        made.dump_into(file)  # type: ignore[no-untyped-call]


def _identity(path: Path) -> str:
    """A name for what was made of the very file at *path*, by the library that is installed.

    Not its build-id: a file of one host could then pass for that of another.
    """
    spec = find_spec("symbolic")
    library = Path(spec.origin).stat().st_mtime_ns if spec and spec.origin else 0
    found, whole = path.stat(), os.fsencode(path.resolve())
    return f"{crc32(whole):08x}-{found.st_size}-{found.st_mtime_ns}-{library}-{_FORM}"


def _answers(path: Path) -> dict[int, Places]:
    """What was answered before, as `Lines.keep` wrote it; nothing where that cannot be read."""
    with suppress(OSError, ValueError, TypeError):
        rows = json.loads(path.read_bytes())
        return {int(address): tuple(Place(str(symbol), str(source)) for symbol, source in places)
                for address, places in rows}  # fmt: skip
    return {}


def _write(to: Path, write: Callable[[Path], object]) -> None:
    """Let *write* make the file *to*, beside it first; a full disk costs only the next time."""
    with suppress(OSError):
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = to.with_name(f".{os.getpid()}.new")
        write(beside)
        beside.replace(to)


def _source(path: str | None, line: int) -> str:
    name = (path or "").replace("\\", "/").rpartition("/")[2]
    return f"{name}:{line}" if name and line > 0 else ""
