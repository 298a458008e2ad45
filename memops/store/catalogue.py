"""What the store holds, in SQLite: a quick index, which the files can rebuild at any time."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS artifact (
    path TEXT PRIMARY KEY, app TEXT NOT NULL, host TEXT NOT NULL, life TEXT NOT NULL,
    taken TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, source BLOB NOT NULL,
    size INTEGER NOT NULL, mtime INTEGER NOT NULL, sha256 TEXT NOT NULL, kept INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS artifact_by_life ON artifact (app, host, life, kind, taken);
"""
_PAUSE = 0.02  # seconds
_PATIENCE = 30.0  # seconds to wait for another process that is writing


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file in the store and where it came from.

    *path* is relative to the root. *life* is a `Life.label`; *taken* the time of its snapshot.
    *source* is the path on *host*, or the command whose output it is, exactly as it was there;
    *size* is in bytes and *mtime* in seconds, as the host told before the transfer (for ``/proc``
    and commands: as they arrived, and 0).
    """

    path: str
    app: str
    host: str
    life: str
    taken: str
    kind: str
    name: str
    source: str
    size: int
    mtime: int
    sha256: str


_COLUMNS = ", ".join(each.name for each in fields(Artifact))


class Catalogue:
    """The index in the file *path*; all threads share one connection, under a lock."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._path = path
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
        self._base = sqlite3.connect(path, timeout=_PATIENCE, check_same_thread=False)
        _keep_a_log(self._base)
        self._base.execute("PRAGMA synchronous = NORMAL")

    def is_current(self) -> bool:
        """Whether the index has the form this version writes."""
        with self._lock:
            return bool(self._base.execute("PRAGMA user_version").fetchone()[0] == _VERSION)

    def replace(self, artifacts: Iterable[Artifact]) -> None:
        """Make the index hold exactly *artifacts*."""
        with self._lock, self._base:
            self._base.execute("BEGIN IMMEDIATE")
            self._base.execute("DROP TABLE IF EXISTS artifact")
            for statement in _SCHEMA.split(";"):
                self._base.execute(statement)
            self._write(artifacts, kept=True)
            self._base.execute(f"PRAGMA user_version = {_VERSION}")

    def write(self, artifacts: Iterable[Artifact], *, kept: bool) -> None:
        """Enter *artifacts*: first with *kept* false, then, once their files stand, true."""
        with self._lock, self._base:
            self._write(artifacts, kept=kept)

    def unsettled(self) -> tuple[Artifact, ...]:
        """Those entered but not known to stand: somebody was killed in between, or is at work."""
        return self._select("kept = 0", ())

    def forget(self, artifacts: Iterable[Artifact]) -> None:
        """Strike out those of *artifacts* that are still not known to stand."""
        with self._lock, self._base:
            self._base.executemany(
                "DELETE FROM artifact WHERE path = ? AND kept = 0",
                [(each.path,) for each in artifacts],
            )

    def find(self, **wanted: str | None) -> tuple[Artifact, ...]:
        """The artifacts whose columns equal *wanted* (None: any), in the order of time."""
        chosen = {column: value for column, value in wanted.items() if value is not None}
        where = " AND ".join(["kept = 1", *(f"{column} = ?" for column in chosen)])
        return self._select(where, tuple(chosen.values()))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._base.close()

    def _select(self, where: str, values: Sequence[str]) -> tuple[Artifact, ...]:
        query = f"SELECT {_COLUMNS} FROM artifact WHERE {where} ORDER BY taken, path"  # noqa: S608 - columns of ours
        with self._lock:
            rows = self._base.execute(query, values).fetchall()
        return tuple(_artifact(row) for row in rows)

    def _write(self, artifacts: Iterable[Artifact], *, kept: bool) -> None:
        marks = ", ".join("?" * (len(fields(Artifact)) + 1))
        self._base.executemany(
            f"INSERT OR REPLACE INTO artifact ({_COLUMNS}, kept) VALUES ({marks})",  # noqa: S608 - columns of ours
            [(*_row(each), int(kept)) for each in artifacts],
        )


def _keep_a_log(base: sqlite3.Connection) -> None:
    """Let readers and a writer work side by side, from now on (sqlite.org/wal.html).

    SQLite does not wait for others to end before this change, though it does everywhere else
    (``sqlite3_busy_handler``: not where waiting could be for ever).
    """
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            base.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _row(artifact: Artifact) -> tuple[object, ...]:
    named = zip(fields(artifact), astuple(artifact), strict=True)
    # A host's bytes need not be UTF-8, and text in SQLite must be.
    return tuple(os.fsencode(value) if each.name == "source" else value for each, value in named)


def _artifact(row: tuple[str | bytes | int, ...]) -> Artifact:
    return Artifact(*(os.fsdecode(value) if isinstance(value, bytes) else value for value in row))  # type: ignore[arg-type] # the columns are the fields
