"""What stands at a path of a host."""

from __future__ import annotations

from memops.model.action import Glob, Output, Read, Stat
from memops.model.entry import Entry, parse_glob, parse_stat
from memops.model.step import Query


def entry(path: str, *, digest: bool = False) -> Query[Entry | None]:
    """The entry *path* itself (links are not followed), or None; with *digest*, its sha256."""
    return Query((Stat(path, digest=digest),), lambda outputs: parse_stat(outputs[0]))


def content(path: str, limit: int = 1 << 20) -> Query[bytes | None]:
    """At most *limit* bytes of the file *path*, or None where there is no readable file."""
    return Query((Read(path, limit),), _bytes)


def listing(directory: str, pattern: str = "*") -> Query[dict[str, Entry]]:
    """Name to entry of what matches *pattern* in *directory*; empty where there is none."""
    return Query((Glob(directory, pattern),), lambda outputs: parse_glob(outputs[0]))


def _bytes(outputs: tuple[Output, ...]) -> bytes | None:
    return outputs[0].stdout if outputs[0].rc == 0 else None
