"""Bringing files home: many in one stream, checked by sha256 at both ends, resumed by offset.

Local names are those the caller chose; nothing a host says becomes part of a path.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memops.model.action import Output, Run
from memops.transport import script
from memops.transport.shell import Ended, Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from memops.transport.script import Call
    from memops.transport.shell import Shell

_GROUP = 500
"""Files in one batch: their names must fit one command line of the host (128 KiB at least)."""

_SYNCERS = 8
"""Files synced at once: a file system commits them together, one by one would cost a commit each."""

_AHEAD = 16 << 20
"""Bytes of one file after which the disk begins to take them, while the rest is still on its way."""

_CHANGED = 75  # "try again", as sysexits.h has it

_UNSIZED = ("/proc/", "/sys/")


@dataclass(slots=True)
class _Arrival:
    """One file on its way home: *source* there, *into* here."""

    source: str | Run
    into: Path
    done: int = 0  # bytes that lie here already
    error: bytes = b""
    rc: int = 0
    descriptor: int = -1
    unsynced: int = 0
    syncing: Future[None] | None = None
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def part(self) -> Path:
        """Where the bytes lie until all are here."""
        return self.into.with_name(f"{self.into.name}.part")

    def open(self) -> None:
        """Make the partial file, or go on with the bytes it has."""
        self.into.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self.descriptor = os.open(self.part, flags, 0o600)
        os.ftruncate(self.descriptor, self.done)
        os.lseek(self.descriptor, self.done, os.SEEK_SET)

    def write(self, content: bytes) -> None:
        if self.descriptor < 0:
            self.open()
        self.digest.update(content)
        left = memoryview(content)
        while left:
            left = left[os.write(self.descriptor, left) :]
        self.unsynced += len(content)

    def sync(self, pool: ThreadPoolExecutor, ahead: int) -> None:
        """Have the disk take what has come, where that is *ahead* bytes or more; not waited for.

        An error of the disk is told once only, so it is kept for `keep`.
        """
        if self.unsynced < ahead or not (self.syncing is None or self._synced()):
            return
        self.unsynced = 0
        self.syncing = pool.submit(os.fdatasync, self.descriptor)

    def _synced(self) -> bool:
        """Whether nothing is being synced any more, and nothing went wrong."""
        return self.syncing is None or (self.syncing.done() and self.syncing.exception() is None)

    def discard(self) -> None:
        """Nothing of this file is kept."""
        self.shut()
        self.part.unlink(missing_ok=True)
        self.done, self.digest = 0, hashlib.sha256()

    def shut(self) -> None:
        if self.syncing is not None:
            wait([self.syncing])
        self.syncing, self.unsynced = None, 0
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1

    def keep(self) -> None:
        """The whole file is here: sync it and give it its name."""
        if self.descriptor < 0:
            self.open()
        if self.syncing is not None:
            self.syncing.result()
        os.fsync(self.descriptor)
        self.shut()
        os.replace(self.part, self.into)  # noqa: PTH105  (one call, beside os.fsync)

    def output(self) -> Output:
        if self.rc == 0:
            return Output(0, self.digest.hexdigest().encode())
        return Output(self.rc, b"", self.error)


def fetch(
    shell: Shell,
    files: Iterable[tuple[str | Run, Path]],
    progress: Callable[[int], None] | None = None,
) -> tuple[Output, ...]:
    """See `memops.transport.base.Session.fetch`."""
    arrivals = [_Arrival(source, into) for source, into in files]
    heard = _Counter(progress)
    with ThreadPoolExecutor(_SYNCERS) as pool:
        try:
            for group in _groups(arrivals):
                _bring(shell, group, pool, heard)
        finally:
            for arrival in arrivals:
                arrival.shut()
    return tuple(arrival.output() for arrival in arrivals)


class _Counter:
    """Tells how many bytes came, over all files."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self._progress = progress
        self._total = 0

    def add(self, size: int) -> None:
        self._total += size
        if self._progress is not None:
            self._progress(self._total)


def _groups(arrivals: Sequence[_Arrival]) -> Iterable[list[_Arrival]]:
    """Files together, streams together, in order, and never too many for one command line."""
    group: list[_Arrival] = []
    length = 0
    for arrival in arrivals:
        size = 8 * len(str(arrival.source))
        if group and (
            len(group) == _GROUP
            or length + size > 1 << 19
            or _unsized(arrival) != _unsized(group[0])
        ):
            yield group
            group, length = [], 0
        group.append(arrival)
        length += size
    if group:
        yield group


def _unsized(arrival: _Arrival) -> bool:
    return isinstance(arrival.source, Run) or arrival.source.startswith(_UNSIZED)


def _bring(shell: Shell, group: list[_Arrival], pool: ThreadPoolExecutor, heard: _Counter) -> None:
    if _unsized(group[0]):
        _receive(shell, group, [_stream_call(arrival) for arrival in group], pool, heard)
    else:
        _resume(
            shell, [each for each in group if each.part.is_file() and not each.part.is_symlink()]
        )
        _checked(shell, group, pool, heard)
        for arrival in group:
            if arrival.rc == _CHANGED:
                _again(shell, arrival, pool, heard)
    for _ in pool.map(_Arrival.keep, [arrival for arrival in group if arrival.rc == 0]):
        pass


def _checked(
    shell: Shell, group: Sequence[_Arrival], pool: ThreadPoolExecutor, heard: _Counter
) -> None:
    """Files as they are, hashed on the host meanwhile, in one batch."""
    words = [_word(arrival) for arrival in group]
    calls = [
        script.Call(f"memops_cat {word} {arrival.done:d}")
        for word, arrival in zip(words, group, strict=True)
    ]
    said = _receive(
        shell, group, [*calls, script.Call("cat")], pool, heard, f"memops_digests {' '.join(words)}"
    )
    for arrival, digest in zip(group, said.decode("ascii", "replace").splitlines(), strict=True):
        if arrival.rc == 0 and arrival.digest.hexdigest() != digest:
            arrival.rc = _CHANGED


def _again(shell: Shell, arrival: _Arrival, pool: ThreadPoolExecutor, heard: _Counter) -> None:
    """A file that grows: as many bytes of it as it has now. One that has no size: until it ends."""
    arrival.discard()
    word = _word(arrival)
    size = _ask(shell, f"stat -L -c %s {word}").strip().decode("ascii", "replace")
    if size == "0":
        _receive(shell, [arrival], [script.Call(f"memops_cat {word} 0")], pool, heard)
        return
    if not size.isdigit():
        arrival.rc, arrival.error = 1, b"vanished while it was being read"
        return
    bounded = f"memops_head {word} {size}"
    calls = [script.Call(bounded), script.Call("cat")]
    said = _receive(shell, [arrival], calls, pool, heard, f"{bounded} | sha256sum")
    if (
        arrival.rc == 0
        and said.split(b" ")[0].decode("ascii", "replace") != arrival.digest.hexdigest()
    ):
        arrival.discard()
        arrival.rc, arrival.error = _CHANGED, b"changed while it was being read"


def _resume(shell: Shell, partial: Sequence[_Arrival]) -> None:
    """Go on behind the bytes that lie here, where they are still those of the host."""
    for arrival in partial:
        with arrival.part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            size = file.tell()
        said = _ask(shell, f"memops_head {_word(arrival)} {size:d} | sha256sum")
        if said[:64].decode("ascii", "replace") == digest.hexdigest():
            arrival.done, arrival.digest = size, digest


def _ask(shell: Shell, text: str) -> bytes:
    with closing(shell.converse([script.Call(text)])) as events:
        return b"".join(each.content for each in events if isinstance(each, Piece) and not each.err)


def _receive(
    shell: Shell,
    group: Sequence[_Arrival],
    calls: Sequence[Call],
    pool: ThreadPoolExecutor,
    heard: _Counter,
    feed: str = "",
) -> bytes:
    """Write what *calls* print, each to its arrival; what a call beyond them prints is returned."""
    extra = b""
    with closing(shell.converse(calls, feed=feed)) as events:
        for event in events:
            if event.index >= len(group):
                extra += event.content if isinstance(event, Piece) and not event.err else b""
                continue
            arrival = group[event.index]
            if isinstance(event, Ended):
                _end(arrival, event.rc, calls[event.index])
                if len(group) == 1:  # many are better synced together
                    arrival.sync(pool, 1)
            elif event.err:
                arrival.error = (arrival.error + event.content)[-4096:]
            else:
                arrival.write(event.content)
                arrival.sync(pool, _AHEAD)
                heard.add(len(event.content))
    return extra


def _end(arrival: _Arrival, rc: int, call: Call) -> None:
    arrival.rc = 0 if rc in call.ok else rc or 1
    if arrival.rc:
        arrival.discard()


def _stream_call(arrival: _Arrival) -> Call:
    if isinstance(arrival.source, Run):
        return script.look(arrival.source)
    return script.Call(f"memops_cat {_word(arrival)} 0")


def _word(arrival: _Arrival) -> str:
    return script.operand(str(arrival.source))
