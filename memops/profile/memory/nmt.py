"""What a JVM says of its own native memory: ``jcmd PID VM.native_memory`` and its kin.

The formats are those of HotSpot's ``memReporter.cpp`` and ``os_linux.cpp``, JDK 8 to 25.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

_UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_N = r"(\d{1,15})([KMG]?)B?"
_PAIR = rf"reserved={_N}(?: ([-+]\d+)[KMG]?B?)?, committed={_N}(?: ([-+]\d+)[KMG]?B?)?"
_READONLY = r"(?:, readonly=\d{1,15}[KMG]?B?)?"  # of the archive of classes, JDK 18 and later
_TOTAL = re.compile(rf"^Total: {_PAIR}", re.MULTILINE)
_CATEGORY = re.compile(rf"^- {{1,40}}([A-Z][^(\n]{{0,60}}?) \({_PAIR}{_READONLY}\)$", re.MULTILINE)
_MALLOC = re.compile(
    rf"^ {{0,40}}\(?(?:malloc|arena|tracking overhead)[=:] {{0,9}}{_N}", re.MULTILINE
)
_REGION = re.compile(
    r"^[\t ]{0,40}\[0x([0-9a-f]{1,16}) - 0x([0-9a-f]{1,16})\] (reserved and committed|reserved|committed) "
    r"\S{1,40}(?: for ([^\n]{1,60}?))?(?: from)?$",
    re.MULTILINE,
)
_HEAP = re.compile(
    rf"^C-Heap outstanding allocations: {_N}(?:, retained: {_N})?( \(may have wrapped\))?",
    re.MULTILINE,
)


_SITE = re.compile(
    r"((?:^\[0x[0-9a-f]{1,16}\][^\n]{0,500}+\n){1,32}+) {1,60}\({1,2}malloc=(\d{1,15})([KMG]?)B? "
    r"(?:type|tag)=([A-Z][A-Za-z ]{1,40}?)(?: ([-+]\d{1,15})([KMG]?)B?)? #\d",
    re.MULTILINE,
)
_FRAME = re.compile(r"^\[0x[0-9a-f]{1,16}\] ?([^\n+]{0,400})", re.MULTILINE)


class Category(NamedTuple):
    """One of NMT's categories in bytes, and how much that is since the baseline (0 without one).

    *malloc* is all that comes from malloc: arenas and the headers of the tracking too.
    """

    reserved: int
    committed: int
    malloc: int = 0
    reserved_growth: int = 0
    committed_growth: int = 0


class Region(NamedTuple):
    """Addresses from *start* to *end* that the JVM took for *category*.

    *committed* regions lie inside reserved ones and have their category.
    """

    start: int
    end: int
    category: str
    committed: bool


class Site(NamedTuple):
    """A stack of the JVM that called malloc for *category*: live bytes, and growth since the baseline.

    Its *frames* are leaf first, up to four; one without a name (JIT code, say) is empty.
    """

    frames: tuple[str, ...]
    category: str
    size: int
    growth: int = 0


@dataclass(frozen=True, slots=True)
class NativeMemory:
    """A report of native memory tracking: summary, detail or a diff of either.

    *regions* and *sites* are there in the detail; a diff has those sites only that changed.
    """

    total: Category
    categories: Map[str, Category]
    regions: tuple[Region, ...] = ()
    sites: tuple[Site, ...] = ()


class CHeap(NamedTuple):
    """What glibc's malloc has given out and what it keeps, in bytes, of the whole process.

    From ``mallinfo2`` (JDK-8286198): other libraries' memory too. Both are 0 where malloc is not
    glibc's, under jemalloc for instance. *retained* is None where an older JDK does not tell. Before
    glibc 2.33 there is only ``mallinfo``, whose numbers begin anew at 4 GiB (*may_have_wrapped*).
    """

    outstanding: int
    retained: int | None
    may_have_wrapped: bool = False


def parse_nmt(text: bytes, name: str) -> NativeMemory:
    """The report in *text*; raises `UsageError` naming *name* where it is none."""
    report = text.decode("utf-8", "replace")
    total = _TOTAL.search(report)
    if total is None:
        what = "not a report of native memory tracking"
        raise UsageError(f"{name}:1", what, "start the JVM with -XX:NativeMemoryTracking=summary")
    summary = re.split(
        r"^(?:Virtual memory map:|Details:|\[0x)", report, maxsplit=1, flags=re.MULTILINE
    )[0]
    found = list(_CATEGORY.finditer(summary))
    ends = [each.start() for each in found[1:]] + [len(summary)]
    categories = {
        each[1]: _category(each.groups()[1:], summary[each.end() : end])
        for each, end in zip(found, ends, strict=False)
    }
    head = summary[total.end() : found[0].start() if found else len(summary)]
    sites = tuple(_site(*each.groups()) for each in _SITE.finditer(report))
    return NativeMemory(_category(total.groups(), head), categories, _regions(report), sites)


def _site(
    stack: str, size: str, unit: str, category: str, growth: str | None, growth_unit: str | None
) -> Site:
    frames = tuple(frame.strip() for frame in _FRAME.findall(stack))
    return Site(frames, category, _bytes(size, unit), _bytes(growth, growth_unit))


def parse_c_heap(text: bytes) -> CHeap | None:
    """The C heap in the output of ``jcmd PID VM.info``; None where this JVM does not tell."""
    if found := _HEAP.search(text.decode("utf-8", "replace")):
        retained = None if found[3] is None else _bytes(found[3], found[4])
        return CHeap(_bytes(found[1], found[2]), retained, bool(found[5]))
    return None


def _category(fields: tuple[str | None, ...], details: str) -> Category:
    reserved, r_unit, r_more, committed, c_unit, c_more = fields
    return Category(
        _bytes(reserved, r_unit),
        _bytes(committed, c_unit),
        sum(_bytes(number, unit) for number, unit in _MALLOC.findall(details)),
        _bytes(r_more, r_unit),
        _bytes(c_more, c_unit),
    )


def _bytes(number: str | None, unit: str | None) -> int:
    return int(number or 0) * _UNITS[unit or ""]


def _regions(report: str) -> tuple[Region, ...]:
    regions: list[Region] = []
    category = ""
    for start, end, kind, what in _REGION.findall(report):
        category = what or category  # a committed region stands below its reserved one
        regions.append(Region(int(start, 16), int(end, 16), category, kind != "reserved"))
    return tuple(regions)
