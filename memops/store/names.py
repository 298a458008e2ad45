"""Names of files in the store: made from what we asked for, safe whatever a host says.

A name is the percent-encoding of the original, so that it says what it is and can be read back::

    snapshots/<app>/<host>/<life>/<time>/<name>
    elf/<build id>
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from memops.errors import MemopsError, UsageError
from memops.model.app import Life

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+=@,:")
_LONGEST = 200  # bytes; file systems allow 255, and a transfer adds a suffix of its own
_HEAD, _TAIL = 140, 30
_SAFE = re.compile(r"(?!\.)[A-Za-z0-9._+=@,:%~-]{1,200}")
_LABEL = re.compile(r"(\d{1,10})-(\d{1,20})-([0-9a-f]{0,8})")
_TIME = "%Y%m%dT%H%M%S"

_KINDS = (
    (re.compile(r".*\.heap"), "heap"),
    (re.compile(r"perf-\d+\.map"), "perfmap"),
    (re.compile(r"cgroup\..*"), "cgroup"),
    (
        re.compile(
            r"smaps|smaps_rollup|maps|status|limits|pmap|nmt|vminfo|heap_info|system_map|build-ids"
        ),
        None,
    ),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an artifact lies below the root of a store; *life* is a `Life.label`.

    *taken* is the time of its snapshot in UTC, ``20261123T205600.123Z``, the same for all that was
    taken together. *name* is a file name as `safe` makes them. An ELF file belongs to the whole
    fleet: only *name*, its build id, is not empty.
    """

    app: str
    host: str
    life: str
    taken: str
    name: str

    @property
    def path(self) -> str:
        """The path relative to the root of the store."""
        if not self.app:
            return f"elf/{self.name}"
        parts = (owned(self.app, "app"), owned(self.host, "host"), self.life, self.taken)
        return "/".join(("snapshots", *parts, self.name))

    @property
    def kind(self) -> str:
        """What the artifact is, told from its name: ``heap``, ``smaps``, ``elf``, ..., ``other``."""
        if not self.app:
            return "elf"
        for pattern, kind in _KINDS:
            if pattern.fullmatch(self.name):
                return kind or self.name
        return "other"


def elf(build_id: str) -> Place:
    """The place of the binary with that build id."""
    return Place("", "", "", "", safe(build_id))


def safe(original: str) -> str:
    """A file name for *original*: no slash, no control character, no leading dot, not too long.

    Different originals have different names, but for case where the file system ignores it.
    """
    data = original.encode("utf-8", "surrogateescape")
    name = "".join(chr(each) if each in _PLAIN else f"%{each:02X}" for each in data)
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > _LONGEST or not name:
        name = f"{name[:_HEAD]}~{hashlib.sha256(data).hexdigest()[:24]}~{name[-_TAIL:]}"
    return name


def original(name: str) -> str:
    """What `safe` made *name* from, unless it was too long and had to be abbreviated."""
    return unquote_to_bytes(name).decode("utf-8", "surrogateescape")


def owned(word: str, what: str) -> str:
    """The directory name for the operator's *word*; `UsageError` where it can be no name."""
    name = safe(word) if word.isprintable() else ""
    if not word or "~" in name or not name:
        raise UsageError(f"{word!r:.80}", f"is no {what} name the store can keep", "choose another")
    return name


def stamp(when: datetime) -> str:
    """The name of a snapshot's directory: UTC, to the millisecond, in the order of time."""
    utc = when.astimezone(UTC)
    return f"{utc:{_TIME}}.{utc.microsecond // 1000:03d}Z"


def when(taken: str) -> datetime:
    """The time that `stamp` made *taken* from."""
    return datetime.strptime(taken, f"{_TIME}.%fZ").replace(tzinfo=UTC)


def life(label: str, host: str) -> Life:
    """The life whose label is *label*; of its boot id only the first eight digits are known."""
    if not (found := _LABEL.fullmatch(label)):
        raise MemopsError(label, "is no life of a process")
    return Life(host, found[3], int(found[1]), int(found[2]))


def parse(path: str) -> Place:
    """The place whose `Place.path` is *path*; any other path is refused."""
    parts = path.split("/")
    if not all(_SAFE.fullmatch(part) for part in parts):
        raise MemopsError(path, "is no path of the store")
    match parts:
        case ["elf", name]:
            return elf(name)
        case ["snapshots", app, host, label, taken, name] if _LABEL.fullmatch(label):
            return Place(original(app), original(host), label, _taken(taken), name)
    raise MemopsError(path, "is no path of the store")


def _taken(text: str) -> str:
    try:
        when(text)
    except ValueError as error:
        raise MemopsError(text, "is no time of a snapshot") from error
    return text
