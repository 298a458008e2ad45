"""The mappings of a process with what a JVM knows of them: ``jcmd PID System.map``.

HotSpot's ``memMapPrinter.cpp``, JDK 22 and later (JDK-8318636), and late 21. The columns vary: resident
sizes are there from JDK 24 on (JDK-8322475) and in 21.0.13, the tags only with native memory tracking. So tags are known by
their words, and a path by how it begins.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from memops.errors import UsageError

_LINE = re.compile(
    r"^0x([0-9a-f]{1,16}) ?- ?0x([0-9a-f]{1,16}) {1,40}\d{1,18} {1,40}([-rwx]{3}[ps])([^\n]{0,4600}+)$",
    re.MULTILINE,
)
_RSS = re.compile(r" {1,40}(\d{1,18}) {1,40}\d{1,18} ")  # rss and hugetlb, then the size of a page
_PATH = re.compile(r" ([/\[].*)$")
_TAG = re.compile(r"(?<![^ ,])(?:STACK-\d[^ ]{0,80}|[A-Z]{2,10}(?=[ ,(]))")


class Tagged(NamedTuple):
    """Addresses from *start* to *end* and the *tags* of the JVM: ``JAVAHEAP``, ``STACK-12-main``.

    *rss* is in bytes, None where this JDK does not tell; *path* is empty for anonymous memory.
    """

    start: int
    end: int
    perms: str
    rss: int | None
    tags: tuple[str, ...]
    path: str


def parse_system_map(text: bytes, name: str) -> tuple[Tagged, ...]:
    """The mappings in *text*, by address; raises `UsageError` naming *name* where there are none."""
    lines = _LINE.findall(text.decode("utf-8", "replace"))
    if not lines:
        raise UsageError(f"{name}:1", "not the output of System.map", "use jcmd of JDK 22 or later")
    found = (_tagged(*line) for line in lines)
    return tuple(sorted((each for each in found if each.start < each.end), key=_start))


def _tagged(start: str, end: str, perms: str, rest: str) -> Tagged:
    rss, path = _RSS.match(rest), _PATH.search(rest)
    told = rest[: path.start()] if path else rest
    tags = tuple(_TAG.findall(told + " "))
    return Tagged(
        int(start, 16), int(end, 16), perms, int(rss[1]) if rss else None, tags,
        path[1].rstrip() if path else "",
    )  # fmt: skip


def _start(each: Tagged) -> int:
    return each.start
