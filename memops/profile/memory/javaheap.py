"""Where a JVM's Java heap lies and how full it is: ``jcmd PID GC.heap_info``.

The lines are those of each collector's ``print_on`` in HotSpot, JDK 8 to 25; ZGC gives sizes without
addresses.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from memops.errors import UsageError

_UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SPACE = re.compile(
    r"^ {0,2}([A-Za-z][A-Za-z -]{1,40}?) {1,20}total {1,4}(?:reserved )?(\d{1,15})([BKMG]?), "
    r"(?:committed (?:\d{1,15})[BKMG]?, )?used {1,4}(\d{1,15})([BKMG]?)"
    r" \[0x([0-9a-f]{1,16}), (?:0x[0-9a-f]{1,16}, )?0x([0-9a-f]{1,16})\)",
    re.MULTILINE,
)
_SIZES = re.compile(
    r"^ {0,2}Z(?:Heap|GC)? {1,20}used (\d{1,15})([BKMG]), capacity (\d{1,15})([BKMG])", re.MULTILINE
)
_SHENANDOAH = re.compile(
    r"^Shenandoah Heap\n \d{1,15}[BKMG] max,(?: \d{1,15}[BKMG] soft max,)? (\d{1,15})([BKMG]) committed, "
    r"(\d{1,15})([BKMG]) used\n(?:[^\n]{0,200}\n){0,9}?Reserved region:\n"
    r" - \[0x([0-9a-f]{1,16}), 0x([0-9a-f]{1,16})\)",
    re.MULTILINE,
)


class JavaHeap(NamedTuple):
    """The generations of a Java heap together: bytes committed (*total*) and *used*.

    *ranges* are the addresses that were reserved for each, from and to (exclusive).
    """

    total: int
    used: int
    ranges: tuple[tuple[int, int], ...]


def parse_heap_info(text: bytes, name: str) -> JavaHeap:
    """The heap that *text* tells of; raises `UsageError` naming *name* where it is none."""
    page = text.decode("utf-8", "replace")
    spaces = _SPACE.findall(page)
    if spaces:
        total = sum(_bytes(size, unit) for _, size, unit, *_ in spaces)
        used = sum(_bytes(size, unit) for _, _, _, size, unit, *_ in spaces)
        ranges = tuple((int(start, 16), int(end, 16)) for *_, start, end in spaces)
        return JavaHeap(total, used, ranges)
    if sizes := _SIZES.search(page):
        return JavaHeap(_bytes(sizes[3], sizes[4]), _bytes(sizes[1], sizes[2]), ())
    if found := _SHENANDOAH.search(page):
        bounds = (int(found[5], 16), int(found[6], 16))
        return JavaHeap(_bytes(found[1], found[2]), _bytes(found[3], found[4]), (bounds,))
    raise UsageError(f"{name}:1", "not the output of GC.heap_info", "jcmd PID GC.heap_info")


def _bytes(size: str, unit: str) -> int:
    return int(size) * _UNITS[unit]
