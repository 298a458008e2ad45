"""From files to an analysis: the dumps of one app on one host, and the process that matters."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.profile.allocator import allocator_module, allocator_test
from memops.profile.analysis import analyse
from memops.profile.dumps import by_process, find_dumps
from memops.profile.estimate import estimate
from memops.profile.heap_legacy import is_legacy, parse_legacy
from memops.profile.heap_parse import parse_heap
from memops.profile.naming import Vocabulary
from memops.profile.perfmap import parse_perf_map
from memops.profile.symbols import ElfSymbols, JitSymbols, Names, files_here
from memops.profile.unpack import read_file

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence
    from pathlib import Path

    from memops.profile.analysis import Analysis
    from memops.profile.dumps import DumpFile
    from memops.profile.heap import HeapProfile


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files of one *app* on one *host*; *life* tells restarts apart. Labels may be empty.

    *times* (seconds since the epoch) are when dumps were written, where the files' own times do not
    tell. *dumps* are heap files or directories of them; *symbols* are directories of ELF files by
    build-id, by path or by name; *perf_maps* are the oldest first; *build_ids* are by the path that
    the process had mapped.
    """

    dumps: Sequence[Path]
    app: str = ""
    host: str = ""
    life: str = ""
    symbols: Sequence[Path] = ()
    perf_maps: Sequence[Path] = ()
    build_ids: Map[str, str] = field(default_factory=dict)
    times: Map[Path, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Process:
    """A process that wrote dumps: its *live* bytes are those of its last dump."""

    pid: int | None
    executable: str
    dumps: int
    live: int


@dataclass(frozen=True, slots=True)
class Study:
    """The analysis of the process that matters, and where it comes from.

    *first* is None where all that is live is shown; *others* are the processes left out;
    *notes* are sentences about the input that the reader must know. *series* is None for a single
    dump, with a base of the user's choice, and where the dumps' times are not known.
    """

    inputs: Inputs
    process: Process
    first: Path | None
    last: Path
    interval: int
    analysis: Analysis
    others: tuple[Process, ...]
    notes: tuple[str, ...]
    series: Series | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    """The dumps of one process, with the last one read."""

    files: list[DumpFile]
    last: HeapProfile

    @property
    def process(self) -> Process:
        live = _live(self.last)
        return Process(self.files[0].pid, self.last.executable, len(self.files), live)


def study(
    inputs: Inputs, *, pid: int | None = None, base: Path | None = None, keep_going: bool = False
) -> Study:
    """The analysis of the largest process in *inputs*, or of *pid*; growth since *base* if given.

    Without *base* the first dump of the process is what the last is compared with. Raises
    `UsageError` for a file that cannot be used and a *pid* without dumps; with *keep_going* such
    files are left out, and the notes tell of them.
    """
    left_out: list[str] = []
    runs = _runs(inputs, pid, left_out if keep_going else None)
    chosen = max(runs, key=lambda run: run.process.live)
    first, first_path = _first(chosen, base, left_out if keep_going else None)
    last_path = chosen.files[-1].path
    last = estimate(chosen.last, inputs.build_ids)
    elf, jit = _sources(inputs, chosen.last)
    names = Names((elf, jit))
    module = allocator_module(last.stacks, chosen.last.executable)
    words = Vocabulary(names, allocator_test(module))
    after = condense(last, words)
    before = condense(estimate(first, inputs.build_ids), words) if first else None
    moments = (
        [
            Moment(time, condense(estimate(heap, inputs.build_ids), words), heap.interval)
            for time, heap in _between(
                chosen, inputs, first_path, at_most, left_out if keep_going else None
            )
        ]
        if base is None
        else []
    )
    if before is not None and first and first_path and base is None:
        moments = [
            Moment(_time(first_path, inputs), before, first.interval),
            *moments,
            Moment(_time(last_path, inputs), after, chosen.last.interval),
        ]
    return Study(
        inputs=inputs,
        process=chosen.process,
        first=first_path,
        last=last_path,
        interval=chosen.last.interval,
        analysis=analyse(after, before, words.calls),
        others=tuple(run.process for run in runs if run is not chosen),
        notes=(
            *left_out,
            *_notes(chosen.last, last_path, first, first_path),
            *_conflicts(chosen.last, jit),
        ),
        series=series(moments, words.calls),
    )


def read_heap(path: Path) -> HeapProfile:
    """The heap profile at *path*; raises `UsageError` naming file, line and what to do next."""
    text = read_file(path)
    return parse_legacy(text, str(path)) if is_legacy(text) else parse_heap(text, str(path))


def _runs(inputs: Inputs, pid: int | None, left_out: list[str] | None) -> list[_Run]:
    groups = by_process(find_dumps(inputs.dumps), one_directory=not inputs.life)
    wanted = [group for group in groups if pid is None or group[0].pid == pid]
    if not wanted:
        known = ", ".join(str(group[0].pid) for group in groups) or "none"
        raise UsageError(f"pid {pid}", "no dumps of this process", f"there are: {known}")
    runs = [run for group in wanted if (run := _run(group, left_out))]
    if not runs:
        raise UsageError("analyze", "none of the files can be used", (left_out or [""])[0])
    return runs


def _read(path: Path, left_out: list[str] | None) -> HeapProfile | None:
    """The profile at *path*; a broken one is told of in *left_out*, if there is such a list."""
    try:
        return read_heap(path)
    except UsageError as error:
        if left_out is None:
            raise
        left_out.append(f"left out {error.where}: {error.what}")
        return None


def _run(files: list[DumpFile], left_out: list[str] | None) -> _Run | None:
    """The dumps of a process up to the last that tells of growth.

    The final dump is written at exit, when a program may have freed what it leaked while it ran
    (Python does, and C++ in the destructors of statics): one that holds clearly less than the dump
    before it is left out.
    """
    last = _read(files[-1].path, left_out)
    if last is None:
        return _run(files[:-1], left_out) if files[1:] else None
    if files[-1].kind == "f" and len(files) > 2:  # noqa: PLR2004 - else nothing is left to compare
        before = _read(files[-2].path, left_out)
        if before and _live(last) < _live(before) - 3 * sqrt(before.interval * _live(before)):
            return _Run(files[:-1], before)
    return _Run(files, last)


def _live(heap: HeapProfile) -> int:
    return sum(count.bytes for count in heap.live.values())


def _first(
    run: _Run, base: Path | None, left_out: list[str] | None
) -> tuple[HeapProfile | None, Path | None]:
    """The dump to compare with: *base*, else the first one of the same program."""
    if base is not None:
        return read_heap(base), base
    for each in run.files[:-1]:
        heap = _read(each.path, left_out)
        if heap and heap.executable == run.last.executable:
            return heap, each.path
    return None, None


def _sources(inputs: Inputs, heap: HeapProfile) -> tuple[ElfSymbols, JitSymbols]:
    maps = tuple(parse_perf_map(read_file(path)) for path in inputs.perf_maps)
    elf = ElfSymbols(tuple(inputs.symbols), files_here(heap.mappings))
    return elf, JitSymbols(maps)


def _conflicts(heap: HeapProfile, jit: JitSymbols) -> list[str]:
    """A note if the perf maps disagree on addresses of *heap*: code was compiled anew meanwhile."""
    if len(jit.maps) < 2:  # noqa: PLR2004 - one alone agrees
        return []
    addresses = {pc for stack in heap.stacks for pc in stack if not _in_file(heap, pc)}
    count = sum(map(jit.disagree, addresses))
    what = f"the perf maps disagree on {count} JIT addresses: the newest names them"
    return [what] if count else []


def _in_file(heap: HeapProfile, address: int) -> bool:
    mapping = heap.space.at(address - 1)
    return mapping is not None and mapping.is_file


def _notes(
    last: HeapProfile, last_path: Path, first: HeapProfile | None, first_path: Path | None
) -> list[str]:
    notes = []
    for heap, path in ((first, first_path), (last, last_path)):
        if heap and path and heap.scaling == "inconsistent":
            notes.append(f"{path.name}: its stacks do not add up to its header; is it mixed?")
    if last.scaling == "raw" and last.writer == "jemalloc" and len(last.stacks) > 1:
        notes.append("jemalloc before 5.3.0: stacks that mix sizes are averaged, so less exact")
    if first and first.executable != last.executable:
        notes.append(f"the base is a dump of another program, {first.executable}")
    return notes
