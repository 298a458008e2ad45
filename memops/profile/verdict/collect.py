"""From files to snapshots: which were taken together, and what each of them says."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from memops.errors import UsageError
from memops.profile.memory import kinds
from memops.profile.memory.allocators import parse_jemalloc_stats, parse_malloc_info
from memops.profile.memory.areas import parse_pmap, parse_smaps
from memops.profile.memory.counters import parse_cgroup, parse_kilobytes
from memops.profile.memory.javaheap import parse_heap_info
from memops.profile.memory.maps import parse_maps
from memops.profile.memory.nmt import parse_c_heap, parse_nmt
from memops.profile.memory.systemmap import parse_system_map
from memops.profile.verdict.evidence import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from memops.profile.memory.kinds import Content

SNAPSHOTS = 12
"""Snapshots that are read, at most: the first, the last, and those evenly between."""
_GAP = 60.0  # seconds; asking a JVM for all it knows takes a few of them
_SAME = 1.0  # seconds; files that were copied without their times are all as old
_PID = re.compile(rb"\A(\d{1,10}):(?:[ \n]|$)")  # as jcmd and pmap begin
_STATUS_PIDS = re.compile(rb"^(?:Ns|NS)?[Pp]id:\t([\d\t]{1,200})$", re.MULTILINE)
_TRACKING = re.compile(
    rb"^Native Memory Tracking:\n{1,3}(?:\([^\n]{0,99}\n{1,3})?Total: [^\n]*\n(?:[ \t-][^\n]*\n|\n(?=[ -]|\n-))*+",
    re.MULTILINE,
)
_JAVA_HEAP = re.compile(rb"^Heap:\n(?:[^\n]{1,500}\n){1,60}", re.MULTILINE)
_THREADS = re.compile(rb"^Threads:\t(\d{1,9})$", re.MULTILINE)


class File(NamedTuple):
    """A file that tells of memory, its *kind*, and when it was taken (seconds since the epoch)."""

    path: Path
    kind: str
    time: float

    @property
    def slot(self) -> str:
        """What there is once in a snapshot: one file of each kind, and each file of a cgroup."""
        cgroup = self.kind == kinds.CGROUP
        return kinds.cgroup_file(self.path.name) or "memory.stat" if cgroup else self.kind


def read_snapshots(
    paths: Iterable[Path], times: Mapping[Path, float], left_out: list[str] | None = None
) -> tuple[Snapshot, ...]:
    """The snapshots that the files at *paths* make up, in the order of time.

    *times* (seconds since the epoch) are when they were taken, where the files' own times do not
    tell. Raises `UsageError` for a file that is damaged, of no kind that is known, or of another
    process; with *left_out* such a file is told of there, and the others count.
    """
    files = list(look(paths, times, left_out))
    pids: dict[frozenset[int], Path] = {}
    found = [snapshot(each, pids, left_out) for each in _thinned(group(files))]
    return tuple(each for each in found if each.kinds)


def look(
    paths: Iterable[Path], times: Mapping[Path, float], left_out: list[str] | None = None
) -> Iterator[File]:
    """The files at *paths*, but for what a JVM answers that tells nothing; raises as `read_snapshots`."""
    for path in paths:
        try:
            kind = kinds.sniff(path)
            if kind == kinds.REFUSED:
                continue
            time = times.get(path)
            yield File(path, kind, path.stat().st_mtime if time is None else time)
        except UsageError as error:
            _leave_out(error, left_out)


def pids_of(content: Content) -> list[int]:
    """The pids that *content* tells of: of a container's process its status knows several.

    The first is the one on the host, as far as the file knows.
    """
    found = _PID.findall(content.text[:64])
    if content.kind == kinds.STATUS:
        found = [pid for pids in _STATUS_PIDS.findall(content.text) for pid in pids.split()]
    return list(map(int, found))


def _one_process(content: Content, pids: dict[frozenset[int], Path]) -> None:
    """Raise `UsageError` if *content* tells of another process than those with *pids*."""
    here = frozenset(pids_of(content))
    for there, path in pids.items():
        if here and not here & there:
            what = f"of process {min(here)}, but {path} is of process {min(there)}"
            raise UsageError(str(content.path), what, "give the files of one process")
    if here:
        pids.setdefault(here, content.path)


def _leave_out(error: UsageError, left_out: list[str] | None) -> None:
    if left_out is None:
        raise error
    left_out.append(f"left out {error.where}: {error.what}")


def group(files: Sequence[File]) -> list[list[File]]:
    """*files* by snapshot, the earliest first.

    If no kind of file is there twice, all are of one. Directories that hold no kind twice are a
    snapshot each. Else the files' times tell, and where those are all the same, their order.
    """
    if _distinct(files):
        return [list(files)] if files else []
    directories: dict[Path, list[File]] = {}
    for file in files:
        directories.setdefault(file.path.parent, []).append(file)
    if all(map(_distinct, directories.values())):
        found = list(directories.values())
    elif max(file.time for file in files) - min(file.time for file in files) < _SAME:
        found = _by_order(files)
    else:
        found = _by_time(files)
    return sorted(found, key=lambda each: min(file.time for file in each))


def _distinct(files: Sequence[File]) -> bool:
    return len({file.slot for file in files}) == len(files)


def _by_order(files: Sequence[File]) -> list[list[File]]:
    """The first file of each kind, the second of each, and so on."""
    found: list[list[File]] = []
    seen: dict[str, int] = {}
    for file in files:
        at = seen[file.slot] = seen.get(file.slot, -1) + 1
        found += [[]] if at == len(found) else []
        found[at].append(file)
    return found


def _by_time(files: Sequence[File]) -> list[list[File]]:
    found: list[list[File]] = [[]]
    for file in sorted(files, key=lambda each: each.time):
        group = found[-1]
        if group and (
            file.slot in {each.slot for each in group} or file.time - group[-1].time > _GAP
        ):
            found.append(group := [])
        group.append(file)
    return found


def _thinned(groups: list[list[File]]) -> list[list[File]]:
    if len(groups) <= SNAPSHOTS:
        return groups
    step = (len(groups) - 1) / (SNAPSHOTS - 1)
    return [groups[round(at * step)] for at in range(SNAPSHOTS)]


def snapshot(
    files: Sequence[File],
    pids: dict[frozenset[int], Path],
    left_out: list[str] | None = None,
) -> Snapshot:
    """What *files* of one moment say together; raises `UsageError` as `read_snapshots` does.

    *pids* are those that files told so far, and which; more are added.
    """
    known: dict[str, Any] = {}
    cgroup: dict[str, bytes] = {}
    seen: set[str] = set()
    for file in files:
        try:
            content = kinds.read_content(file.path)
            _one_process(content, pids)
            if content.kind == kinds.CGROUP:
                cgroup[file.slot] = content.text
            else:
                known |= _fields(content, known)
            seen.add(content.kind)
            known["pids"] = _merged(known.get("pids", ()), content)
        except UsageError as error:
            _leave_out(error, left_out)
    if cgroup:
        known["cgroup"] = parse_cgroup(cgroup)
    time = max((file.time for file in files), default=0.0)
    return Snapshot(time=time, kinds=frozenset(seen), **known)


def _merged(pids: tuple[int, ...], content: Content) -> tuple[int, ...]:
    """*pids* and those of *content*; first those of status, which knows the pid on the host."""
    parts = [pids, pids_of(content)]
    status = content.kind == kinds.STATUS
    return tuple(dict.fromkeys(chain(*(reversed(parts) if status else parts))))


def _fields(content: Content, known: Mapping[str, object]) -> dict[str, object]:
    """The fields of a snapshot that *content* tells, besides those *known*."""
    text, name = content.text, str(content.path)
    if content.kind == kinds.PMAP and "areas" in known:  # smaps says more
        parse_pmap(text, name)
        return {}
    if content.kind == kinds.STATUS:
        threads = _THREADS.search(text)
        return {
            "status": parse_kilobytes(text, name),
            "threads": int(threads[1]) if threads else None,
        }
    if content.kind == kinds.VM_INFO:
        return _report(text, name, known)
    if content.kind not in _PARSERS:
        what = "not a kind of file that tells of memory"
        raise UsageError(
            f"{name}:1", what, "give heap profiles, files of /proc/PID, or what jcmd said"
        )
    field, parse = _PARSERS[content.kind]
    return {field: parse(text, name)}


def _report(text: bytes, name: str, known: Mapping[str, object]) -> dict[str, object]:
    """What the report of VM.info or of a crash tells: the C heap, and what is not *known* otherwise.

    Its native memory tracking is that of the summary.
    """
    heap = parse_c_heap(text)
    found: dict[str, object] = {"c_heap": heap if heap and heap.outstanding else None}
    tracking, bounds = _TRACKING.search(text), _JAVA_HEAP.search(text)
    if tracking and "nmt" not in known:
        found["nmt"] = parse_nmt(tracking[0], name)
    if bounds and "java_heap" not in known:
        found["java_heap"] = parse_heap_info(bounds[0], name)
    return found


_PARSERS: dict[str, tuple[str, Callable[[bytes, str], object]]] = {
    kinds.SMAPS: ("areas", parse_smaps),
    kinds.PMAP: ("areas", parse_pmap),
    kinds.MAPS: ("mappings", lambda text, _name: parse_maps(text)),
    kinds.ROLLUP: ("rollup", parse_kilobytes),
    kinds.NMT: ("nmt", parse_nmt),
    kinds.NMT_DIFF: ("diff", parse_nmt),
    kinds.SYSTEM_MAP: ("system_map", parse_system_map),
    kinds.HEAP_INFO: ("java_heap", parse_heap_info),
    kinds.MALLOC_INFO: ("malloc_info", parse_malloc_info),
    kinds.JEMALLOC: ("jemalloc", lambda text, name: parse_jemalloc_stats(text, name)[-1]),
}
