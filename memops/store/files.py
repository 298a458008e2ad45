"""The store: one directory of artifacts, written once, and never half known.

    objects/<aa>/<sha256>                             every content once
    snapshots/<app>/<host>/<life>/<time>/<name>       hard links to them, for people
    snapshots/.../.artifacts, elf/.artifacts          where each came from, a line of JSON each
    elf/<build id>                                    binaries, once for the whole fleet
    incoming/                                         transfers that are under way
    locks/                                            one file per host that is being collected
    catalogue.sqlite                                  an index; `Store.rebuild` makes it anew

An artifact is kept in this order: object, index (unsettled), line, link, index (kept), incoming
removed. Killed anywhere, what is missing is done again from the incoming file, and a line without
its link counts for nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import stat
import threading
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from memops.errors import LockedError, MemopsError, UsageError
from memops.store import names
from memops.store.catalogue import Artifact, Catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

_LINES = ".artifacts"  # no artifact has this name: `names.safe` never starts with a dot
_FORGOTTEN = 14 * 86400.0  # seconds after which nobody comes back for a transfer


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that has arrived in `Store.incoming`, whole and checked.

    *place* says where it belongs; *host*, *source*, *size* and *mtime* are as in `Artifact`.
    """

    file: Path
    place: names.Place
    host: str
    source: str
    size: int
    mtime: int
    sha256: str


class Store:
    """The store below *root*. Threads and processes may share it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lines = threading.Lock()
        _make_root(root)
        for name in ("objects", "snapshots", "elf", "incoming", "locks"):
            (root / name).mkdir(mode=0o700, exist_ok=True)
        self._catalogue = _catalogue(root / "catalogue.sqlite")
        if self._catalogue.is_current():
            self._settle()
        else:
            self.rebuild()
        self.sweep()

    @classmethod
    def open(cls, root: Path | None = None) -> Store:
        """The store in *root*, or in the user's data directory; made where there is none."""
        return cls((root or default_root()).expanduser().absolute())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index."""
        self._catalogue.close()

    def incoming(self, host: str, source: str, version: str) -> Path:
        """Where *source* of *host* arrives; the same path for the same *version* of it.

        So a transfer that was killed goes on where it stopped, and what had arrived whole is found.
        """
        key = hashlib.sha256(f"{host}\0{source}\0{version}".encode("utf-8", "surrogateescape"))
        return self.root / "incoming" / key.hexdigest()

    def adopt(self, arrivals: Sequence[Arrival]) -> tuple[Artifact, ...]:
        """Keep *arrivals* for good; again is harmless. Their incoming files are gone afterwards."""
        artifacts = tuple(_artifact(each) for each in arrivals)
        for arrival in arrivals:
            self._keep_object(arrival)
        _sync({self._object(each.sha256).parent for each in artifacts})
        self._catalogue.write(artifacts, kept=False)
        self._write_lines(artifacts)
        for artifact in artifacts:
            _link(self._object(artifact.sha256), self.path(artifact))
        _sync({self.path(each).parent for each in artifacts})
        self._catalogue.write(artifacts, kept=True)
        for arrival in arrivals:
            arrival.file.unlink(missing_ok=True)
        return artifacts

    def path(self, artifact: Artifact) -> Path:
        """Where *artifact* lies; never outside the store."""
        path = self.root / names.parse(artifact.path).path
        if not path.is_relative_to(self.root):
            raise MemopsError(artifact.path, "lies outside the store")
        return path

    def artifacts(
        self,
        app: str | None = None,
        host: str | None = None,
        life: str | None = None,
        kind: str | None = None,
    ) -> tuple[Artifact, ...]:
        """The artifacts of *app*, *host*, *life* (its label) and *kind*, in the order of time."""
        return self._catalogue.find(app=app, host=host, life=life, kind=kind)

    def collected(
        self, app: str, host: str, life: str | None = None
    ) -> frozenset[tuple[str, int, int]]:
        """What of *app* on *host* is here already: (source path, size, mtime) of each."""
        found = self.artifacts(app, host, life)
        return frozenset((each.source, each.size, each.mtime) for each in found)

    def latest(self, app: str, host: str) -> tuple[Artifact, ...]:
        """All that was taken together in the last snapshot of *app* on *host*."""
        found = self.artifacts(app, host)
        return tuple(each for each in found if each.taken == found[-1].taken)

    def lives(self, app: str | None = None, host: str | None = None) -> tuple[tuple[str, ...], ...]:
        """(app, host, life label) of each life that left something here, the newest last."""
        found = self.artifacts(app, host)
        newest = {(each.app, each.host, each.life): each.taken for each in found if each.app}
        return tuple(sorted(newest, key=lambda life: (newest[life], life)))

    def elf(self, build_id: str) -> Path | None:
        """The binary with that build id (hex), if any host ever gave it."""
        path = self.root / names.elf(build_id).path
        return path if path.is_file() else None

    @contextlib.contextmanager
    def lock(self, host: str) -> Iterator[None]:
        """Alone in collecting from *host*, in all processes; `LockedError` where somebody is."""
        path = self.root / "locks" / names.safe(host)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _lock(lock, host)
            yield
        finally:
            os.close(lock)

    def rebuild(self) -> int:
        """Make the index anew from the files; how many artifacts there are."""
        manifests = [*self.root.glob(f"snapshots/*/*/*/*/{_LINES}"), self.root / "elf" / _LINES]
        found = {each.path: each for path in manifests for each in _read_lines(path)}
        standing = [each for each in found.values() if self._stands(each)]
        self._catalogue.replace(standing)
        return len(standing)

    def sweep(self) -> None:
        """Remove transfers that nobody has gone on with for a fortnight."""
        for path in (self.root / "incoming").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _FORGOTTEN:
                    path.unlink()

    def _settle(self) -> None:
        """Finish the index where somebody was killed between the file and the index."""
        unsettled = self._catalogue.unsettled()
        standing = [each for each in unsettled if self._stands(each)]
        self._catalogue.write(standing, kept=True)
        self._catalogue.forget(unsettled)

    def _stands(self, artifact: Artifact) -> bool:
        try:
            return stat.S_ISREG(self.path(artifact).lstat().st_mode)
        except (OSError, MemopsError):
            return False

    def _object(self, sha256: str) -> Path:
        return self.root / "objects" / sha256[:2] / sha256

    def _keep_object(self, arrival: Arrival) -> None:
        path = self._object(arrival.sha256)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            arrival.file.chmod(0o600)
            _link(arrival.file, path)

    def _write_lines(self, artifacts: Iterable[Artifact]) -> None:
        manifests: dict[Path, list[str]] = defaultdict(list)
        for artifact in artifacts:
            line = json.dumps(asdict(artifact), ensure_ascii=True)
            manifests[self.path(artifact).parent / _LINES].append(line)
        with self._lines:
            for path, lines in manifests.items():
                _directory(path.parent)
                _append(path, lines)


def default_root() -> Path:
    """Where a user's store is unless they say otherwise."""
    from platformdirs import user_data_path  # noqa: PLC0415 - not for every command

    return user_data_path("memops") / "store"


def digest(path: Path) -> str:
    """The sha256 (hex) of a file, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _artifact(arrival: Arrival) -> Artifact:
    place = arrival.place
    return Artifact(
        place.path, place.app, arrival.host, place.life,
        place.taken or names.stamp(datetime.now(UTC)),
        place.kind, place.name, arrival.source, arrival.size, arrival.mtime, arrival.sha256,
    )  # fmt: skip


def _make_root(root: Path) -> None:
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = root.stat()
    except OSError as error:
        raise UsageError(
            str(root), f"cannot be a store ({error.strerror})", "name another with --store"
        ) from error
    if found.st_uid != os.getuid() or found.st_mode & 0o002:
        raise UsageError(
            str(root), "belongs to somebody else, or all may write there",
            "name another store with --store",
        )  # fmt: skip


def _catalogue(path: Path) -> Catalogue:
    """The index at *path*; one that is no index (any more) is put aside: it can be rebuilt."""
    try:
        return Catalogue(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise MemopsError(str(path), f"cannot be read ({error})") from error
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)
        return Catalogue(path)


def _lock(opened: int, host: str) -> None:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockedError(
            host, "is being collected by another memops of yours", "wait for it to end"
        ) from error


def _link(source: Path, target: Path) -> None:
    """Make *target* the same file as *source*, in one move; a copy where links are not to be had.

    File systems limit the links of one file (65,000 on ext4): a small file that never differs
    reaches that.
    """
    _directory(target.parent)
    beside = target.with_name(f".{os.getpid()}.{threading.get_ident()}.new")
    beside.unlink(missing_ok=True)
    try:
        os.link(source, beside, follow_symlinks=False)
    except OSError:
        shutil.copyfile(source, beside, follow_symlinks=False)
        beside.chmod(0o600)
        _sync({beside})
    beside.replace(target)
    beside.unlink(missing_ok=True)  # rename does nothing where both were the same file already


def _directory(path: Path) -> None:
    """Make *path* and what is missing above it, for nobody but us."""
    if not path.is_dir():
        _directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def _append(path: Path, lines: Iterable[str]) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    opened = os.open(path, flags, 0o600)
    with open(opened, "wb", buffering=0) as file:  # noqa: PTH123 - opened without following links
        # The leading line feed ends a line that somebody was killed in.
        file.write("".join(f"\n{line}\n" for line in lines).encode())
        os.fsync(opened)


def _read_lines(path: Path) -> Iterator[Artifact]:
    """The artifacts in the manifest *path*; a line cut short by a kill is nobody's."""
    if not path.is_file():
        return
    for line in path.read_text(errors="replace").splitlines():
        with contextlib.suppress(ValueError, TypeError):
            yield Artifact(**json.loads(line))


def _sync(paths: Iterable[Path]) -> None:
    for path in paths:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
