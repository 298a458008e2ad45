"""What allocators say of themselves: glibc's ``malloc_info`` and jemalloc's JSON statistics."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from memops.errors import UsageError

# Regular expressions, for an XML parser would expand what a hostile file declares.
_HEAP = re.compile(r"<heap nr=\"(\d{1,9})\">(.*?)</heap>", re.DOTALL)
_REST = re.compile(r"<total type=\"(fast|rest)\" count=\"\d{1,18}\" size=\"(\d{1,18})\"/>")
_MMAP = re.compile(r"<total type=\"mmap\" count=\"\d{1,18}\" size=\"(\d{1,18})\"/>")
_SYSTEM = re.compile(r"<system type=\"current\" size=\"(\d{1,18})\"/>")


class Arena(NamedTuple):
    """An arena of glibc in bytes: got from the *system*, and of that *free*."""

    number: int
    system: int
    free: int


class MallocInfo(NamedTuple):
    """The arenas of glibc, and the bytes in mappings of their own."""

    arenas: tuple[Arena, ...]
    mapped: int

    @property
    def in_use(self) -> int:
        """Bytes that the program holds."""
        return sum(arena.system - arena.free for arena in self.arenas) + self.mapped

    @property
    def free(self) -> int:
        """Bytes that glibc keeps for later."""
        return sum(arena.free for arena in self.arenas)


class JemallocStats(NamedTuple):
    """jemalloc's totals in bytes (its manual, ``stats.*``), its *version*, and whether it profiles."""

    version: str
    profiling: bool
    allocated: int
    active: int
    metadata: int
    resident: int
    mapped: int
    retained: int


def parse_malloc_info(text: bytes, name: str) -> MallocInfo:
    """The XML of ``malloc_info(3)``, version 1; raises `UsageError` naming *name* for other text."""
    found = text.decode("utf-8", "replace")
    head, _, body = found.partition('<malloc version="1">')
    if (
        head.strip() and not head.rstrip().endswith(":")
    ) or not body:  # jcmd writes the pid before it
        raise UsageError(f"{name}:1", "not the XML of malloc_info", "give its output")
    arenas = tuple(_arena(int(number), heap) for number, heap in _HEAP.findall(body))
    mapped = _MMAP.search(body)
    return MallocInfo(arenas, int(mapped[1]) if mapped else 0)


def _arena(number: int, heap: str) -> Arena:
    system = _SYSTEM.search(heap)
    free = sum(int(size) for _, size in _REST.findall(heap))
    return Arena(number, int(system[1]) if system else 0, free)


def parse_jemalloc_stats(text: bytes, name: str) -> tuple[JemallocStats, ...]:
    """Each JSON object that ``stats_print_opts:J`` or ``stats_interval`` wrote, in their order.

    Other lines in between, such as a program's own, are passed over. Raises `UsageError` naming
    *name* where there is no such object.
    """
    decoder, found, at = json.JSONDecoder(), [], 0
    page = text.decode("utf-8", "replace")
    while (at := page.find('{"jemalloc":', at)) >= 0:
        try:
            whole, at = decoder.raw_decode(page, at)
            found.append(_stats(whole["jemalloc"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            at += 1
    if not found:
        raise UsageError(f"{name}:1", "no statistics of jemalloc in JSON", "use stats_print_opts:J")
    return tuple(found)


def _stats(whole: dict[str, dict[str, int]]) -> JemallocStats:
    stats = whole["stats"]
    sizes = [int(stats[key]) for key in JemallocStats._fields[2:]]
    profiling = bool(whole.get("config", {}).get("prof"))
    return JemallocStats(str(whole.get("version", "")), profiling, *sizes)
