"""Bringing artifacts home: one stream from a host into the store, going on where it stopped.

What arrives lies in the store's incoming directory until it is whole and its sha256 is known at
both ends; only then it is adopted. Killed anywhere, the next time fetches only what is missing.
"""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
from dataclasses import dataclass
from posixpath import dirname, join
from typing import TYPE_CHECKING

from memops.errors import MemopsError, StepFailed
from memops.facts import binary
from memops.model.action import Glob, Output, Run, Stat
from memops.model.entry import parse_glob, parse_stat
from memops.model.event import Progress
from memops.store import Arrival, names
from memops.store.files import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from memops.model.action import Fetch
    from memops.model.entry import Entry
    from memops.model.event import Sink
    from memops.store import Place, Store
    from memops.transport.base import Session

_UNSIZED = ("/proc/", "/sys/")
_PIECE = 1 << 20  # bytes between two words about progress


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One artifact that is to come: *version* tells whether it is still the same file there."""

    fetch: Fetch
    place: Place
    file: Path
    size: int = 0
    mtime: int = 0
    problem: str = ""

    @property
    def source(self) -> str:
        return _name(self.fetch.source)


def bring(
    session: Session, fetches: Sequence[Fetch], store: Store, sink: Sink
) -> tuple[Output, ...]:
    """Bring home what *fetches* want and keep it in *store*: one output each, in order.

    ``Fetch.into`` is a path relative to the root of the store (`memops.store.Place.path`). What
    arrived is kept even where something else did not, which then raises `StepFailed`.
    """
    with store.lock(session.host), _told(store):
        wanted = _wanted(session, fetches, store)
        outputs = {
            each.fetch: Output(1, b"", each.problem.encode()) for each in wanted if each.problem
        }
        here = _here(session.host, store)
        for each in wanted:
            if not each.problem and (sha256 := _known(each, here)):
                outputs[each.fetch] = Output(0, sha256.encode())
        missing = [each for each in wanted if each.fetch not in outputs and not each.file.is_file()]
        arrived = _fetch(session, missing, sink)
        outputs |= {each.fetch: output for each, output in arrived.items()}
        for each in wanted:
            if each.fetch not in outputs:
                outputs[each.fetch] = Output(0, digest(each.file).encode())
        outputs |= _adopt(session.host, wanted, outputs, store)
    _refuse(session.host, wanted, outputs)
    return tuple(outputs[fetch] for fetch in fetches)


@contextlib.contextmanager
def _told(store: Store) -> Iterator[None]:
    """What the controller's own disk refuses, as one line."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise MemopsError(
            str(store.root), f"cannot be written ({why})", "make room and repeat: it goes on there"
        ) from error


def _name(source: str | Run) -> str:
    return source if isinstance(source, str) else shlex.join(source.argv)


def _sized(fetch: Fetch) -> bool:
    return isinstance(fetch.source, str) and not fetch.source.startswith(_UNSIZED)


def _wanted(session: Session, fetches: Sequence[Fetch], store: Store) -> list[_Wanted]:
    """What *fetches* want, with sizes and times as the host tells them now, in one round trip."""
    paths = [fetch.source for fetch in fetches if isinstance(fetch.source, str) and _sized(fetch)]
    entries = _entries(session, paths)
    return [_one(session.host, fetch, entries, store) for fetch in dict.fromkeys(fetches)]


def _entries(session: Session, paths: Sequence[str]) -> dict[str, Entry | None]:
    """What stands at *paths*; heap profiles by their directories, which costs one stat for all."""
    heaps = [path for path in paths if path.endswith(".heap")]
    rest = [path for path in paths if not path.endswith(".heap")]
    globs = [Glob(directory, "*.heap") for directory in dict.fromkeys(map(dirname, heaps))]
    outputs = session.look([*globs, *map(Stat, rest)]) if paths else ()
    listed = {
        join(glob.directory, name): entry
        for glob, output in zip(globs, outputs, strict=False)
        for name, entry in parse_glob(output).items()
    }
    stats = zip(rest, map(parse_stat, outputs[len(globs) :]), strict=True)
    return {**{path: listed.get(path) for path in heaps}, **dict(stats)}


def _one(host: str, fetch: Fetch, entries: dict[str, Entry | None], store: Store) -> _Wanted:
    place, source = names.parse(fetch.into), _name(fetch.source)
    if not _sized(fetch):
        return _Wanted(fetch, place, store.incoming(host, source, fetch.into))
    entry = entries[source]
    if entry is None or entry.kind != "file":
        problem = "is gone" if entry is None else f"is a {entry.kind}, not a file"
        return _Wanted(fetch, place, store.incoming(host, source, ""), problem=problem)
    file = store.incoming(host, source, f"{entry.size}:{entry.mtime}")
    return _Wanted(fetch, place, file, entry.size, entry.mtime)


def _here(host: str, store: Store) -> dict[tuple[str, int, int], str]:
    """The sha256 of what the store has from *host*, by (source, size, mtime)."""
    kinds = ("heap", "elf")
    found = (each for kind in kinds for each in store.artifacts(host=host, kind=kind))
    return {(each.source, each.size, each.mtime): each.sha256 for each in found}


def _known(wanted: _Wanted, here: dict[tuple[str, int, int], str]) -> str:
    """The sha256 of *wanted* where somebody brought it between the plan and now, else empty."""
    if wanted.place.kind not in ("heap", "elf"):
        return ""
    return here.get((wanted.source, wanted.size, wanted.mtime), "")


def _fetch(session: Session, missing: Sequence[_Wanted], sink: Sink) -> dict[_Wanted, Output]:
    """Fetch *missing*, those that change all the time first, so that they are of one moment."""
    if not missing:
        return {}
    ordered = sorted(missing, key=lambda each: _sized(each.fetch))
    total, told = sum(each.size for each in ordered), 0

    def progress(done: int) -> None:
        nonlocal told
        if done - told >= _PIECE:
            told = done
            sink(Progress(session.host, "collecting", done, max(total, done), "bytes"))

    outputs = session.fetch([(each.fetch.source, each.file) for each in ordered], progress)
    return dict(zip(ordered, outputs, strict=True))


def _adopt(
    host: str, wanted: Sequence[_Wanted], outputs: dict[Fetch, Output], store: Store
) -> dict[Fetch, Output]:
    """Keep what arrived; the outputs of binaries that are not what they were said to be."""
    arrived = [each for each in wanted if outputs[each.fetch].rc == 0 and each.file.is_file()]
    wrong = {each.fetch for each in arrived if each.place.kind == "elf" and not _genuine(each)}
    for each in arrived:
        if each.fetch in wrong:
            each.file.unlink()
    store.adopt(
        [
            _arrival(host, each, outputs[each.fetch].text)
            for each in arrived
            if each.fetch not in wrong
        ]
    )
    return {fetch: Output(1, b"", b"has another build id than it had") for fetch in wrong}


def _genuine(wanted: _Wanted) -> bool:
    """Whether a binary has the build id under which the whole fleet will find it."""
    with wanted.file.open("rb") as file:
        head = binary.parse_head(file.read(binary.HEAD))
        found = [] if head is None else [head.build_id]
        for offset, size in head.beyond if head else ():
            file.seek(offset)
            found.append(binary.build_id(file.read(size), head.order if head else "<"))
    if wanted.place.name.startswith("sha256-"):
        return wanted.place.name == f"sha256-{digest(wanted.file)}"
    return wanted.place.name in found


def _arrival(host: str, wanted: _Wanted, sha256: str) -> Arrival:
    size = wanted.size if _sized(wanted.fetch) else wanted.file.stat().st_size
    return Arrival(wanted.file, wanted.place, host, wanted.source, size, wanted.mtime, sha256)


def _refuse(host: str, wanted: Sequence[_Wanted], outputs: dict[Fetch, Output]) -> None:
    failed = [each for each in wanted if outputs[each.fetch].rc != 0]
    if not failed:
        return
    said = outputs[failed[0].fetch].stderr.decode("utf-8", "replace").strip()
    line = said.splitlines()[-1] if said else f"exit code {outputs[failed[0].fetch].rc}"
    kept = len(wanted) - len(failed)
    raise StepFailed(
        host,
        f"{failed[0].source}: {line} ({len(failed)} of {len(wanted)} artifacts did not come)",
        f"the {kept} that came are kept; repeat for the rest",
        said,
    )
