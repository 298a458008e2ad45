"""Bringing home what tells the memory of an app: heap profiles, ``/proc``, and the binaries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from posixpath import basename
from typing import TYPE_CHECKING

from memops.facts import binary, dumps, memory
from memops.facts import file as files
from memops.facts.process import processes
from memops.model.action import Fetch, Run
from memops.model.app import Life
from memops.model.step import Change, NoUndo, Step
from memops.store import names
from memops.tasks import jvm as jvms
from memops.units import format_size

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from memops.facts.dumps import HeapFile
    from memops.facts.memory import Sources
    from memops.facts.process import Process, Processes
    from memops.model.app import App
    from memops.model.step import Probe
    from memops.store import Store

_COPY = NoUndo("a copy on the controller; the host is not changed")
_SHELLS = frozenset(("sh", "dash", "bash", "ash", "busybox", "env", "su", "sudo", "runuser"))
_DELETED = " (deleted)"


def snapshot(
    probe: Probe,
    *,
    app: App,
    host: str,
    store: Store,
    root: str = "/var/lib/memops",
    dump_dir: str | None = None,
    taken: str | None = None,
    memory_files: bool = True,
    binaries: bool = True,
    jvm: bool = False,
) -> Generator[Step, None, Mapping[str, object]]:
    """Bring home what is new of *app*: its heap profiles, its memory as ``/proc`` tells it, binaries.

    *host* is the inventory name; profiles lie in *dump_dir* (``<root>/dumps/<app>``). Those that
    are in *store* already, or still being written, are left. *taken* names the snapshot (now, UTC);
    without *memory_files* only profiles and their binaries come. With *jvm*, a HotSpot JVM is also
    asked for its native memory, its C heap and its JIT symbols (each some 10 ms with jattach, up to
    1.6 s with jcmd).

    Registers *summary*, *life* (label), *taken*, *heaps* (how many came), *waiting* (how many are not whole
    yet), *warnings* (what a JVM was to be asked and cannot tell) and *notes*.
    """
    directory = dump_dir or f"{root}/dumps/{app.name}"
    when = taken or names.stamp(datetime.now(UTC))
    probe.prefetch(processes(app), dumps.heap_files(directory))
    found = probe(processes(app))
    main = found.main
    life = found.life(host)
    about = _Subject(app.name, host, when, store, found, _sources(probe, main))
    fresh, waiting = _new(probe, about, probe(dumps.heap_files(directory)))
    notes = [] if main else [f"{app.name} does not run: only its heap profiles were looked for"]
    for heap in fresh:
        yield _heap(about, heap)
    if main and life and memory_files:
        notes += _missing(app, main, about.sources)
        yield from _memory(about, main, life)
        if jvm:
            yield from jvms.steps(main, about.sources, lambda name: about.into(life.label, name))
    if binaries:
        lives = _lives(about, fresh, life if memory_files else None)
        notes += yield from _binaries(probe, about, lives, main, fresh)
    return {
        "life": life.label if life else "",
        "taken": when,
        "heaps": len(fresh),
        "waiting": len(waiting),
        "summary": _summary(len(fresh), len(waiting)),
        "warnings": list(jvms.untold(main, about.sources)) if main and memory_files and jvm else [],
        "notes": [*notes, *(f"{each.path} is not whole (yet)" for each in waiting)],
    }


def _summary(fresh: int, waiting: int) -> str:
    """What came, for the line that says the task ended."""
    came = "1 new heap profile" if fresh == 1 else f"{fresh or 'no'} new heap profiles"
    return came + (f", {waiting} not whole yet" if waiting else "")


@dataclass(frozen=True, slots=True)
class _Subject:
    """Whose snapshot it is, and what is known beforehand."""

    app: str
    host: str
    taken: str
    store: Store
    processes: Processes
    sources: Sources

    def into(self, life: str, name: str, app: str = "") -> str:
        """Where the artifact *name* of *life* will lie in the store."""
        return names.Place(app or self.app, self.host, life, self.taken, names.safe(name)).path

    def owner(self, heap: HeapFile) -> tuple[str, Life]:
        """Whose profile *heap* is; see `owner`."""
        return owner(heap, self.app, self.host, self.processes, self.sources, self.store)


def _sources(probe: Probe, main: Process | None) -> Sources:
    return probe(memory.sources(main.pid, main.exe)) if main else memory.Sources()


def _missing(app: App, main: Process, sources: Sources) -> Iterator[str]:
    if "smaps" not in sources.proc:
        yield f"/proc/{main.pid}/smaps of {app.name} cannot be read; repeat with --become"
    if "pmap" not in sources.tools:
        yield "the host has no pmap; smaps says more"


def _new(
    probe: Probe, about: _Subject, found: tuple[HeapFile, ...]
) -> tuple[list[HeapFile], list[HeapFile]]:
    """The profiles not in the store yet: those that are whole, and those that are not."""
    here = {(each.source, each.size, each.mtime) for each in about.store.artifacts(
        host=about.host, kind="heap")}  # fmt: skip
    fresh = [each for each in found if (each.path, each.size, each.mtime) not in here]
    ended = probe(dumps.ends(fresh)) if fresh else ()
    return [each for each in ended if each.whole], [each for each in ended if not each.whole]


def _heap(about: _Subject, heap: HeapFile) -> Step:
    app, life = about.owner(heap)
    label = f"heap profile {heap.name.text}"
    if app != about.app:
        label += f" of the child {basename(heap.exe) or heap.name.pid}"
    change = Change(label, None, format_size(heap.size))
    return Step(change, Fetch(heap.path, about.into(life.label, heap.name.text, app)), _COPY)


def owner(
    heap: HeapFile, app: str, host: str, found: Processes, sources: Sources, store: Store
) -> tuple[str, Life]:
    """Whose profile *heap* is: the name it is kept under, and the life.

    ``LD_PRELOAD`` is inherited, so children write profiles too: theirs are kept under
    ``<app>+<program>``. One whose process is gone belongs to an earlier life of the app if the same
    program wrote it (to a known one with that pid, else to one whose start is unknown: 0).
    """
    main = found.main
    for process in found.all:
        # Two seconds, because the start is known to a tick but btime only to a second.
        if process.pid == heap.name.pid and heap.mtime >= sources.started(process.start) - 2:
            life = Life(host, found.boot_id, process.pid, process.start)
            return app if process is main else child(app, heap), life
    known = [names.life(life, host) for _, _, life in store.lives(app, host)]
    for life in reversed(known):
        if life.pid == heap.name.pid:
            return app, life
    own = heap.exe == main.exe if main and main.exe else basename(heap.exe) not in _SHELLS
    return app if own else child(app, heap), Life(host, found.boot_id, heap.name.pid, 0)


def child(app: str, heap: HeapFile) -> str:
    """The name under which the profiles of *app*'s child that wrote *heap* are kept."""
    program = names.safe(basename(heap.exe) or "unknown")[:60]
    return f"{app}+{program}"


def _memory(about: _Subject, main: Process, life: Life) -> Iterator[Step]:
    """What ``/proc``, pmap and the cgroup say of the main process."""
    for name in about.sources.proc:
        source = f"/proc/{main.pid}/{name}"
        yield Step(
            Change(source, None, "as it is now"), Fetch(source, about.into(life.label, name)), _COPY
        )
    if "pmap" in about.sources.tools:
        pmap = Run(("pmap", "-x", str(main.pid)), timeout=120.0)
        yield Step(
            Change(f"pmap -x {main.pid}", None, "as it is now"),
            Fetch(pmap, about.into(life.label, "pmap")),
            _COPY,
        )
    for path in about.sources.cgroup:
        into = about.into(life.label, f"cgroup.{basename(path)}")
        yield Step(Change(path, None, "as it is now"), Fetch(path, into), _COPY)


def _lives(about: _Subject, fresh: Iterable[HeapFile], life: Life | None) -> list[tuple[str, str]]:
    """(app, life label) of all that this snapshot has something of."""
    owners = [about.owner(heap) for heap in fresh]
    found = [(app, each.label) for app, each in owners]
    return list(dict.fromkeys([(about.app, life.label), *found] if life else found))


def _binaries(
    probe: Probe,
    about: _Subject,
    lives: Sequence[tuple[str, str]],
    main: Process | None,
    fresh: Iterable[HeapFile],
) -> Generator[Step, None, list[str]]:
    """The binaries that addresses point into, each once for the whole fleet, by build id.

    Beside each life's artifacts lies ``build-ids``: a JSON object, path to build id.
    """
    mapped = dict.fromkeys(path for heap in fresh for path in heap.mapped)
    mapped.update(dict.fromkeys(_mapped(main)))
    gone = [path for path in mapped if path.endswith(_DELETED)]
    paths = [path for path in mapped if not path.endswith(_DELETED)]
    ids = _build_ids(probe, paths)
    wanted = {build_id: path for path, build_id in reversed(ids.items())}
    for build_id, path in reversed(wanted.items()):
        if about.store.elf(build_id) is None:
            change = Change(f"binary {path}", None, f"build id {build_id}")
            yield Step(change, Fetch(path, names.elf(build_id).path), _COPY)
    for app, label in lives if ids else ():
        # What was learnt from the first bytes goes home by the same road as all else.
        known = Run(("cat",), stdin=json.dumps(ids).encode())
        change = Change(f"build ids of {len(ids)} binaries", None, "as mapped now")
        yield Step(change, Fetch(known, about.into(label, "build-ids", app)), _COPY)
    return [f"{path.removesuffix(_DELETED)} was replaced since it was mapped" for path in gone]


def _mapped(main: Process | None) -> Iterator[str]:
    """What *main* maps executable, as `dumps.HeapFile.mapped`."""
    for line in main.maps if main else ():
        fields = line.split(None, 5)
        if len(fields) == 6 and "x" in fields[1] and fields[5].startswith("/"):  # noqa: PLR2004 - man 5 proc
            yield fields[5].rstrip("\n")


def _build_ids(probe: Probe, paths: Sequence[str]) -> dict[str, str]:
    """The build id of each of *paths* that is an ELF file; ``sha256-...`` of one without."""
    found = {path: head for path, head in probe(binary.heads(paths)).items() if head}
    beyond = {path: head for path, head in found.items() if not head.build_id and head.beyond}
    ids = {path: head.build_id for path, head in found.items()} | probe(binary.notes(beyond))
    without = [path for path, build_id in ids.items() if not build_id]
    probe.prefetch(*(files.entry(path, digest=True) for path in without))
    for path in without:
        entry = probe(files.entry(path, digest=True))
        ids[path] = f"sha256-{entry.sha256}" if entry and entry.sha256 else None
    return {path: build_id for path, build_id in ids.items() if build_id}
