"""Names of code that a process wrote for itself: perf maps.

``jcmd PID Compiler.perfmap`` (JDK 17 and later) and other runtimes write
``<start> <size> <name>`` a line, hexadecimal (``tools/perf/Documentation/jit-interface.txt`` of
Linux; HotSpot adds ``0x``). A map is a snapshot: take one beside each dump.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

_LINE = re.compile(
    rb"^(?:0x)?([0-9a-f]{1,16})[ \t]+(?:0x)?([0-9a-f]{1,16})[ \t]+([^\n]{1,4096})$",
    re.MULTILINE | re.IGNORECASE,
)
_NESTED = 8


class PerfMap(NamedTuple):
    """Code by address: parallel, in the order of the starts."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    names: tuple[str, ...]

    def name_at(self, address: int) -> str:
        """The name of the code that holds *address*, or nothing."""
        index = bisect_right(self.starts, address)
        for at in range(index - 1, max(-1, index - 1 - _NESTED), -1):
            if address < self.ends[at]:
                return self.names[at]
        return ""


def parse_perf_map(text: bytes) -> PerfMap:
    """The perf map in *text*; other lines are passed over, for maps are read while written."""
    rows = sorted(
        (int(start, 16), int(start, 16) + int(size, 16), name.decode("utf-8", "replace").strip())
        for start, size, name in _LINE.findall(text)
    )
    starts, ends, names = zip(*rows, strict=True) if rows else ((), (), ())
    return PerfMap(starts, ends, names)
