"""What a file of memory figures is, told by its content, for names are whatever somebody chose."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.unpack import read_file, read_head

if TYPE_CHECKING:
    from pathlib import Path

HEAP, MAPS, SMAPS, ROLLUP, STATUS = "heap profile", "maps", "smaps", "smaps_rollup", "status"
PMAP, NMT, NMT_DIFF, VM_INFO = "pmap", "nmt", "nmt diff", "vm-info"
SYSTEM_MAP, HEAP_INFO, PERF_MAP = "System.map", "heap_info", "perf map"
MALLOC_INFO, JEMALLOC, CGROUP, UNKNOWN = "malloc_info", "jemalloc stats", "cgroup", "unknown"
REFUSED = "refused"
"""What a JVM answers that was not started to tell, or is too old to know the question."""

_HEAD = 1 << 16
_MAP_LINE = rb"[0-9a-f]{1,16}-[0-9a-f]{1,16} [-rwx]{3}[ps] [0-9a-f]{1,16} \S{1,32} \d{1,20}"
_BY_START = (
    (HEAP, re.compile(rb"heap_v2/\d|heap profile:")),
    (ROLLUP, re.compile(_MAP_LINE + rb" {1,80}\[rollup\]\n")),
    (SMAPS, re.compile(_MAP_LINE + rb"[^\n]{0,8192}\nSize: ")),
    (MAPS, re.compile(_MAP_LINE)),
    (STATUS, re.compile(rb"Name:\t[^\n]{0,100}\n(?:[A-Z][A-Za-z_]{0,40}:[^\n]{0,4096}\n){3}")),
    (PERF_MAP, re.compile(rb"(?:0x)?[0-9a-f]{6,16} (?:0x)?[0-9a-f]{1,16} \S")),
    (CGROUP, re.compile(rb"(?:anon|cache) \d{1,20}\n(?:file|rss) \d{1,20}\n")),
    (REFUSED, re.compile(rb"\d{1,10}:\s{0,9}\Z|(?:Connected to remote JVM\n)?(?:JVM response code = \d\n)?"
                         rb"\s{0,9}(?:\d{1,10}:\s{1,9})?(?:Native memory tracking is not enabled"
                         rb"|java\.lang\.IllegalArgumentException: Unknown diagnostic command)")),
)  # fmt: skip
_WITHIN = (
    (PMAP, re.compile(rb"^ {0,40}Address {1,20}(?:Kbytes|Perm) ", re.MULTILINE)),
    (NMT_DIFF, re.compile(rb"^Total: reserved=\d{1,15}[KMG]?B? [-+]\d", re.MULTILINE)),
    (NMT, re.compile(rb"^Total: reserved=\d", re.MULTILINE)),
    (SYSTEM_MAP, re.compile(rb"^Memory mappings:$|^0x[0-9a-f]{16} ?- ?0x[0-9a-f]{16} {1,40}\d", re.MULTILINE)),
    (MALLOC_INFO, re.compile(rb'<malloc version="1">')),
    (HEAP_INFO, re.compile(rb"^ {0,2}\w[\w -]{1,40} total {1,4}(?:reserved )?\d{1,15}K, (?:committed \d{1,15}K, )?used \d{1,15}K \[0x|^Shenandoah Heap$|^ {0,2}Z(?:Heap|GC)? {1,20}used \d", re.MULTILINE)),
)  # fmt: skip
# These may stand far down: in a log, and in the report of a crash or of VM.info.
_ANYWHERE = ((JEMALLOC, b'{"jemalloc":'), (VM_INFO, b"C-Heap outstanding allocations: "))
_JAVA_REPORT = re.compile(rb"^#  ?JRE version: |^-{5,20}  S U M M A R Y", re.MULTILINE)
_MEMORY_FILE = re.compile(
    r"(?<![A-Za-z0-9])memory\.[a-z_]{2,20}(?:\.[a-z_]{2,20})??(?=$|\.gz$|\.zst$)"
)
_NUMBER = re.compile(rb"\s{0,9}(?:\d{1,20}|max)\s{0,9}")


class Content(NamedTuple):
    """The unpacked *text* of the file at *path*, and what *kind* of file it is."""

    path: Path
    kind: str
    text: bytes


def read_content(path: Path) -> Content:
    """The file at *path*, plain or packed; raises `UsageError` where it cannot be read."""
    text = read_file(path)
    return Content(path, kind_of(text, path.name), text)


def sniff(path: Path) -> str:
    """The kind of the file at *path*, of which mostly only the head is read; raises as `read_content`."""
    head = read_head(path, _HEAD)
    kind = kind_of(head, path.name)
    if kind == UNKNOWN and len(head) == _HEAD and head.isascii():
        return read_content(path).kind  # a log, perhaps, or the report of VM.info
    return kind


def kind_of(text: bytes, name: str) -> str:
    """The kind of a file with *text*; *name* matters only for a cgroup's file of a mere number."""
    head = text[:_HEAD]
    for kind, start in _BY_START:
        if start.match(head):
            return kind
    if _JAVA_REPORT.search(head):  # it holds native memory tracking and the Java heap too
        return VM_INFO
    for kind, pattern in _WITHIN:
        if pattern.search(head):
            return kind
    for kind, words in _ANYWHERE:
        if words in text:
            return kind
    if cgroup_file(name) and _NUMBER.fullmatch(head):
        return CGROUP
    return UNKNOWN


def cgroup_file(name: str) -> str:
    """The name that the kernel gave a cgroup's file: ``memory.max`` of ``cgroup.memory.max.gz``."""
    found = _MEMORY_FILE.search(name)
    return found[0] if found else ""
