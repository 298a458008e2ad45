"""What stands at a path of a host, and how `Stat` and `Glob` say it.

The answer of `Stat` is ten fields, each ended by NUL::

    kind mode uid gid owner group size mtime target sha256

*kind* is one of ``file dir link other``; *mode* is octal permission bits; *mtime* is in whole
seconds; *target* is empty but for links; *sha256* is empty unless asked for. The answer of `Glob`
is the same for each entry, with the entry's name as an eleventh field in front.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from memops.errors import StepFailed

if TYPE_CHECKING:
    from memops.model.action import Output

Kind = Literal["file", "dir", "link", "other"]
_KINDS = ("file", "dir", "link", "other")
_FIELDS = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One directory entry as the host described it; *size* in bytes, *mtime* in seconds."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    owner: str
    group: str
    size: int
    mtime: int
    target: str = ""
    sha256: str = ""


def format_stat(entry: Entry) -> bytes:
    """The answer a host gives for *entry*; the inverse of `parse_stat`."""
    fields = (
        entry.kind, f"{entry.mode:o}", entry.uid, entry.gid, entry.owner, entry.group,
        entry.size, entry.mtime, entry.target, entry.sha256,
    )  # fmt: skip
    return b"".join(str(field).encode("utf-8", "surrogateescape") + b"\0" for field in fields)


def parse_stat(output: Output) -> Entry | None:
    """The entry in the answer to a `Stat`, or None where nothing is."""
    if output.rc != 0:
        return None
    return _entry(output.text.split("\0")[:-1])


def parse_glob(output: Output) -> dict[str, Entry]:
    """Name to entry, in the order of the names, in the answer to a `Glob`."""
    fields = output.text.split("\0")[:-1]
    width = _FIELDS + 1
    rows = [fields[start : start + width] for start in range(0, len(fields), width)]
    return {row[0]: _entry(row[1:]) for row in sorted(rows)}


def _entry(fields: list[str]) -> Entry:
    try:
        kind, mode, uid, gid, owner, group, size, mtime, target, sha256 = fields
        if kind not in _KINDS:
            raise StepFailed("", f"the host described a file as {kind!r:.20}")
        numbers = (int(mode, 8), int(uid), int(gid))
        return Entry(
            cast("Kind", kind), *numbers, owner, group, int(size), int(mtime), target, sha256
        )
    except ValueError as error:
        raise StepFailed("", f"the host described a file as {fields!r:.200}") from error
