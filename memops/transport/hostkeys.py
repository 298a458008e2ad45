"""Which host keys we know: our own reader of ``known_hosts`` (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

Plain and hashed names, ``[host]:port``, wildcards, negation, ``@revoked``; a line that cannot be
read is passed over and never hides the others. Certificates (``@cert-authority``) are not used:
paramiko does not negotiate them, so such a line alone makes no host known.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from memops.errors import Unreachable

if TYPE_CHECKING:
    from pathlib import Path

_MARKERS = ("@cert-authority", "@revoked")


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One line of a file of known hosts."""

    names: str
    kind: str
    key: bytes
    marker: str
    file: str
    line: int

    def covers(self, name: str) -> bool:
        """Whether the line speaks of *name*, which is ``host`` or ``[host]:port``."""
        if self.names.startswith("|1|"):
            return _hashed(self.names, name)
        matched = False
        for pattern in self.names.lower().split(","):
            if _wild(pattern.removeprefix("!"), name):
                if pattern.startswith("!"):
                    return False
                matched = True
        return matched


def read(paths: tuple[Path, ...]) -> tuple[KnownKey, ...]:
    """All lines of the files that exist; each file is parsed once until it changes."""
    lines: list[KnownKey] = []
    for path in paths:
        try:
            state = path.stat()
        except OSError:
            continue
        lines += _parsed(path, state.st_mtime_ns, state.st_size)
    return tuple(lines)


def parse(text: str, file: str) -> tuple[KnownKey, ...]:
    """The lines of *text* that can be read."""
    found = (_line(line, file, number) for number, line in enumerate(text.split("\n"), 1))
    return tuple(each for each in found if each is not None)


def kinds(known: tuple[KnownKey, ...], host: str, port: int) -> tuple[str, ...]:
    """The key types known for a host; a server should be asked for one of these first."""
    name = _name(host, port)
    return tuple({each.kind: None for each in known if not each.marker and each.covers(name)})


@dataclass(frozen=True, slots=True)
class Judge:
    """Decides whether a host key is the right one; *files* are read, new keys go into the first."""

    files: tuple[Path, ...]
    accept_new: bool = False

    def check(self, where: str, host: str, port: int, kind: str, key: bytes) -> None:
        """Return where *key* is known (or new, and new ones are taken); else raise `Unreachable`.

        *where* is the host's name in the inventory, *host* and *port* what was dialled.
        """
        name = _name(host, port)
        about = [each for each in read(self.files) if each.covers(name)]
        for each in about:
            if each.marker == "@revoked" and each.key == key:
                raise Unreachable(
                    where,
                    f"its host key {fingerprint(key)} is revoked in {each.file}:{each.line}",
                    "do not trust this host before its keeper has given it a new key",
                )
        plain = [each for each in about if not each.marker]
        if any(each.key == key for each in plain):
            return
        if plain:
            raise _changed(where, name, key, next((e for e in plain if e.kind == kind), plain[0]))
        if not self.accept_new:
            raise self._unknown(where, host, port, kind, key)
        _append(self.files[0], f"{name} {kind} {base64.b64encode(key).decode()}\n")

    def _unknown(self, where: str, host: str, port: int, kind: str, key: bytes) -> Unreachable:
        scan = f"ssh-keyscan {'' if port == 22 else f'-p {port} '}{host} >> {self.files[0]}"  # noqa: PLR2004
        return Unreachable(
            where,
            f"its host key is unknown: {kind} {fingerprint(key)}",
            f"compare it with the host's own, then '{scan}', or use --accept-new-host-keys",
        )


def fingerprint(key: bytes) -> str:
    """As ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _changed(where: str, name: str, key: bytes, old: KnownKey) -> Unreachable:
    return Unreachable(
        where,
        f"its host key has CHANGED: it shows {fingerprint(key)}, but {old.file}:{old.line} has "
        f"{old.kind} {fingerprint(old.key)}; somebody may be listening in",
        f"if the host was rebuilt: ssh-keygen -R '{name}' -f {old.file}",
    )


def _name(host: str, port: int) -> str:
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"  # noqa: PLR2004  (ssh's own)


@lru_cache(maxsize=64)
def _parsed(path: Path, _mtime: int, _size: int) -> tuple[KnownKey, ...]:
    try:
        return parse(path.read_text("utf-8", "surrogateescape"), str(path))
    except OSError:
        return ()


def _line(text: str, file: str, number: int) -> KnownKey | None:
    fields = text.strip().split()
    if not fields or fields[0].startswith("#"):
        return None
    marker = fields.pop(0) if fields[0] in _MARKERS else ""
    try:
        names, kind, key = fields[:3]
        return KnownKey(names, kind, base64.b64decode(key, validate=True), marker, file, number)
    except (ValueError, binascii.Error):
        return None


def _hashed(names: str, name: str) -> bool:
    try:
        _, _, salt, wanted = names.split("|")
        made = hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest()
        return hmac.compare_digest(made, base64.b64decode(wanted))
    except (ValueError, binascii.Error):
        return False


def _wild(pattern: str, name: str) -> bool:
    parts = (
        {"*": ".*", "?": "."}.get(part, re.escape(part)) for part in re.split(r"([*?])", pattern)
    )
    return re.fullmatch("".join(parts), name) is not None


def _append(path: Path, line: str) -> None:
    """Add *line* in one write, so that no reader and no other writer ever sees half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        whole = not size or os.pread(descriptor, 1, size - 1) == b"\n"
        os.write(descriptor, (line if whole else f"\n{line}").encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
