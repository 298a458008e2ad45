"""Files of the kernel that hold a number a line: status, smaps_rollup, cgroup memory files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

_KB = re.compile(rb"^([A-Za-z_()]{1,40}):[ \t]+(\d{1,15}) kB$", re.MULTILINE)
_PLAIN = re.compile(rb"^([a-z_.]{1,60}) (\d{1,20})$", re.MULTILINE)
_NO_LIMIT_V1 = (1 << 63) - 4096
"""Bytes: cgroup v1 writes the largest multiple of a page for "no limit" (mm/page_counter.c)."""


def parse_kilobytes(text: bytes, name: str) -> dict[str, int]:
    """Bytes by name, from ``/proc/PID/status`` or ``smaps_rollup`` (man 5 proc).

    Only what is in kB is taken: ``VmRSS``, ``RssAnon``, ``Pss``. Raises `UsageError` naming *name*
    where there is nothing of the kind.
    """
    found = {key.decode(): int(value) << 10 for key, value in _KB.findall(text)}
    if not found:
        raise UsageError(f"{name}:1", "no sizes in kB here", "give a status or smaps_rollup file")
    return found


@dataclass(frozen=True, slots=True)
class Cgroup:
    """The memory of a control group in bytes; *limit* is None where there is none.

    *stat* has the names of version 2 (``anon``, ``file``, ``shmem``, ``slab``, ...), whatever the
    version of the files (Linux's ``cgroup-v2.rst`` and ``cgroup-v1/memory.rst``).
    """

    current: int | None = None
    limit: int | None = None
    stat: Map[str, int] = field(default_factory=dict)

    @property
    def working_set(self) -> int | None:
        """What Kubernetes counts: current less the file cache that can go at once."""
        if self.current is None:
            return None
        return max(0, self.current - self.stat.get("inactive_file", 0))


# Version 1 has a cache (with shmem) and rss; hierarchical sums have the prefix total_.
_V2_NAMES = {"rss": "anon", "cache": "file", "rss_huge": "anon_thp", "mapped_file": "file_mapped"}


def parse_cgroup(files: Map[str, bytes]) -> Cgroup:
    """The group whose *files* are given by their names: ``memory.current``, ``memory.stat``, ...

    Version 1 is understood by its own names (``memory.usage_in_bytes``). What is missing is None.
    """
    stat = {key.decode(): int(value) for key, value in
            _PLAIN.findall(files.get("memory.stat", b""))}  # fmt: skip
    if "memory.usage_in_bytes" in files or "total_rss" in stat:
        limit = _number(files.get("memory.limit_in_bytes"))
        unlimited = limit is None or limit >= _NO_LIMIT_V1
        current = _number(files.get("memory.usage_in_bytes"))
        return Cgroup(current, None if unlimited else limit, _as_v2(stat))
    return Cgroup(_number(files.get("memory.current")), _number(files.get("memory.max")), stat)


def _as_v2(stat: Map[str, int]) -> dict[str, int]:
    whole = {key.removeprefix("total_"): size for key, size in stat.items()}  # total_ comes last
    return {_V2_NAMES.get(key, key): size for key, size in whole.items()}


def _number(text: bytes | None) -> int | None:
    word = (text or b"").strip()
    return int(word) if word.isdigit() and len(word) <= 20 else None  # noqa: PLR2004 - of 64 bits
