"""From files to an analysis: the dumps of one app on one host, and the process that matters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.profile.growth.analysis import analyse
from memops.profile.growth.naming import Vocabulary, condense
from memops.profile.growth.series import Moment, series
from memops.profile.growth.window import Window, within
from memops.profile.heap.files import by_process, find_dumps
from memops.profile.heap.runs import Process, Reader, Run, earlier, find_run, read_heap
from memops.profile.symbols.allocator import allocator_module, allocator_test
from memops.profile.symbols.files import elf_symbols
from memops.profile.symbols.frame import JIT, UNMAPPED
from memops.profile.symbols.jit import read_jit_symbols
from memops.profile.symbols.names import Names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Mapping as Map
    from pathlib import Path

    from memops.profile.growth.analysis import Analysis
    from memops.profile.growth.series import Series
    from memops.profile.heap.profile import HeapProfile
    from memops.profile.symbols.jit import JitSymbols
    from memops.profile.symbols.names import Symbols
    from memops.profile.verdict.values import Verdict

AT_MOST = 40
"""Dumps of a series that are read unless more are asked for: more hardly make it surer."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files of one *app* on one *host*; *life* tells restarts apart. Labels may be empty.

    *dumps* are heap files or directories of them; *times* (seconds since the epoch) are when they
    and the perf maps were written, where the files' own times do not tell. *symbols* are directories of ELF files by
    build-id, by path or by name; *perf_maps* are the oldest first; *build_ids* are by the path that
    the process had mapped. *names* are further sources of names, asked before those.
    """

    dumps: Sequence[Path]
    app: str = ""
    host: str = ""
    life: str = ""
    symbols: Sequence[Path] = ()
    perf_maps: Sequence[Path] = ()
    build_ids: Map[str, str] = field(default_factory=dict)
    times: Map[Path, float] = field(default_factory=dict)
    names: Sequence[Symbols] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """The analysis of the process that matters, and where it comes from.

    *first* is None where all that is live is shown; *others* are the processes left out; *notes*
    are sentences about the input that the reader must know. *series* is None for a single dump,
    with a base of the user's choice, and where the files' times do not tell their order. *verdict*
    is None where only heap profiles were given.
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
    verdict: Verdict | None = None


def study(
    inputs: Inputs,
    *,
    pid: int | None = None,
    base: Path | None = None,
    keep_going: bool = False,
    at_most: int = AT_MOST,
    window: Window | None = None,
) -> Study:
    """The analysis of the largest process in *inputs*, or of *pid*; growth since *base* if given.

    Without *base* the first dump of the process is what the last is compared with, and up to
    *at_most* dumps make the series, of those in the *window*. Raises `UsageError` for a file that cannot be used and a *pid*
    without dumps; with *keep_going* such files are left out, and the notes tell of them.
    """
    reader = Reader(keep_going)
    runs = _runs(inputs, pid, reader, window)
    chosen = max(runs, key=lambda run: run.process.live)
    jit = read_jit_symbols(inputs.perf_maps, inputs.times)
    elf = elf_symbols(inputs.symbols, chosen.last.mappings)
    words = _vocabulary(Names((*inputs.names, elf, jit)), chosen.last)
    first: Path | None = None
    notes: list[str] = []
    moments: list[Moment] = []
    for path, heap in _dumps(chosen, base, at_most, reader):
        first = first or path
        moments.append(_moment(path, heap, inputs, words, jit))
        if path in {first, chosen.files[-1].path}:
            notes += _notes(path, heap, chosen.last)
    single = len(moments) == 1
    return Study(
        inputs=inputs,
        process=chosen.process,
        first=None if single else first,
        last=chosen.files[-1].path,
        interval=chosen.last.interval,
        analysis=analyse(moments[-1].rows, None if single else moments[0].rows, words.calls),
        others=tuple(run.process for run in runs if run is not chosen),
        notes=(*reader.left_out, *dict.fromkeys(notes), *_conflicts(chosen.last, jit)),
        series=None if base else series(moments, words.calls),
    )


def _runs(inputs: Inputs, pid: int | None, reader: Reader, window: Window | None) -> list[Run]:
    files = find_dumps(inputs.dumps)
    if window is not None:
        files = within(window, files, lambda path: _time(path, inputs))
    groups = by_process(files, one_directory=not inputs.life)
    wanted = [group for group in groups if pid is None or group[0].pid == pid]
    if not wanted:
        known = ", ".join(str(group[0].pid) for group in groups) or "none"
        raise UsageError(f"pid {pid}", "no dumps of this process", f"there are: {known}")
    runs = [run for group in wanted if (run := find_run(group, reader))]
    if not runs:
        raise UsageError("analyze", "none of the files can be used", reader.left_out[0])
    return runs


def _dumps(
    run: Run, base: Path | None, at_most: int, reader: Reader
) -> Iterator[tuple[Path, HeapProfile]]:
    """The dumps to compare, in their order: the last one of *run* comes last."""
    if base is not None:
        yield base, read_heap(base)
    else:
        yield from earlier(run, max(at_most, 2) - 1, reader)
    yield run.files[-1].path, run.last


def _vocabulary(names: Names, heap: HeapProfile) -> Vocabulary:
    return Vocabulary(names, allocator_test(allocator_module(heap)))


def _moment(
    path: Path, heap: HeapProfile, inputs: Inputs, words: Vocabulary, jit: JitSymbols
) -> Moment:
    time = _time(path, inputs)
    epoch = jit.epoch(time)
    rows = condense(heap, {**inputs.build_ids, JIT: epoch, UNMAPPED: epoch}, words)
    return Moment(time, rows, heap.interval)


def _time(path: Path, inputs: Inputs) -> float:
    time = inputs.times.get(path)
    return path.stat().st_mtime if time is None else time


def _notes(path: Path, heap: HeapProfile, last: HeapProfile) -> Iterator[str]:
    """What the reader must know of the first dump and the last."""
    if heap.scaling == "inconsistent":
        yield f"{path.name}: its stacks do not add up to its header; is it mixed?"
    if heap.scaling == "raw" and heap.writer == "jemalloc" and len(heap.stacks) > 1:
        yield "jemalloc before 5.3.0: stacks that mix sizes are averaged, so less exact"
    if heap.executable != last.executable:
        yield f"the base is a dump of another program, {heap.executable}"


def _conflicts(heap: HeapProfile, jit: JitSymbols) -> list[str]:
    """A note if the perf maps disagree on addresses of *heap*: code was compiled anew meanwhile."""
    if len(jit.maps) < 2:  # noqa: PLR2004 - one alone agrees
        return []
    addresses = {pc for stack in heap.stacks for pc in stack if not _in_file(heap, pc)}
    count = sum(map(jit.disagree, addresses))
    what = f"the perf maps disagree on {count} JIT addresses: the nearest to each dump names them"
    return [what] if count else []


def _in_file(heap: HeapProfile, address: int) -> bool:
    mapping = heap.space.at(address - 1)
    return mapping is not None and mapping.is_file
