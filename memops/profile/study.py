"""From files to an analysis: the dumps of one app on one host, and the process that matters."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from memops.errors import UsageError
from memops.profile.growth.analysis import analyse
from memops.profile.growth.condense import Condenser
from memops.profile.growth.naming import Lexicon, Vocabulary
from memops.profile.growth.reading import read_run
from memops.profile.heap.files import by_process, find_dumps
from memops.profile.heap.runs import Process, Reader, Run, find_run, read_heap
from memops.profile.symbols.allocator import allocator_module, allocator_test
from memops.profile.symbols.files import elf_symbols
from memops.profile.symbols.jit import read_jit_symbols
from memops.profile.symbols.names import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Mapping as Map
    from pathlib import Path

    from memops.profile.growth.analysis import Analysis
    from memops.profile.growth.filters import Filters
    from memops.profile.growth.java import JavaNaming
    from memops.profile.growth.naming import Codes
    from memops.profile.growth.series import Series
    from memops.profile.growth.window import Window
    from memops.profile.heap.dump import Dump
    from memops.profile.symbols.files import ElfSymbols
    from memops.profile.symbols.jit import JitSymbols
    from memops.profile.symbols.names import Symbols
    from memops.profile.verdict.values import Verdict


class Inputs(NamedTuple):
    """The files of one *app* on one *host*; *life* tells restarts apart. Labels may be empty.

    *dumps* are heap files or directories of them; *memory* are files that tell of its memory, of one
    moment or several: of ``/proc/PID``, a JVM's, an allocator's, a control group's. *times* (seconds
    since the epoch) are when any of them and the perf maps were written, where the files' own times
    do not tell. *symbols* are directories of ELF files by
    build-id, by path or by name; *perf_maps* are the oldest first; *build_ids* are by the path that
    the process had mapped. *names* are further sources of names, asked before those. *kept* is a
    directory for what takes long to read of debug information; without one it is read each time.
    """

    dumps: Sequence[Path]
    app: str = ""
    host: str = ""
    life: str = ""
    symbols: Sequence[Path] = ()
    perf_maps: Sequence[Path] = ()
    build_ids: Map[str, str] = MappingProxyType({})
    times: Map[Path, float] = MappingProxyType({})
    names: Sequence[Symbols] = ()
    kept: Path | None = None
    memory: Sequence[Path] = ()


class Study(NamedTuple):
    """The analysis of the process that matters, and where it comes from.

    *first* is None where all that is live is shown; *others* are the processes left out; *notes*
    are sentences about the input that the reader must know. *series* is None for a single dump,
    with a base of the user's choice, and where the files' times do not tell their order. *verdict*
    is None where only heap profiles were given, *java* for a process without a JVM. *filters* left
    stacks out of the analysis and the series; *before* is what the first dump holds with them, in
    bytes. *compared* are the dumps that count, from the first to the last.
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
    java: JavaNaming | None = None
    filters: Filters | None = None
    before: int = 0
    compared: tuple[Path, ...] = ()


def study(
    inputs: Inputs,
    *,
    pid: int | None = None,
    base: Path | None = None,
    keep_going: bool = False,
    window: Window | None = None,
    filters: Filters | None = None,
    lexicon: Lexicon | None = None,
) -> Study:
    """The analysis of the largest process in *inputs*, or of *pid*; growth since *base* if given.

    Without *base* the first dump of the process is what the last is compared with, and all of those
    in the *window* make the series. Only what *filters* leave is analysed. Studies with one *lexicon*
    have the same codes for the same calls. Raises `UsageError` for a
    file that cannot be used and a *pid* without dumps; with *keep_going* such files are left out,
    and the notes tell of them.
    """
    reader = Reader(keep_going=keep_going)
    runs = _runs(inputs, pid, reader, window)
    chosen = runs[0] if len(runs) == 1 else max(runs, key=lambda run: run.last.live)
    jit = read_jit_symbols(inputs.perf_maps, inputs.times)
    elf = elf_symbols(inputs.symbols, chosen.last.mappings, inputs.kept)
    words = _vocabulary(Names((*inputs.names, elf, jit)), chosen.last, lexicon or Lexicon())
    shape = _shape(filters, words) if filters else None
    condenser = Condenser(words, inputs.build_ids, shape, remember=len(chosen.files) > 1)
    found = read_run(
        chosen, condenser, reader, base=base, epoch=jit.epoch,
        time_of=lambda path: time_of(path, inputs),
    )  # fmt: skip
    elf.keep()
    single, calls = len(found.paths) == 1, words.lexicon.calls
    process = chosen.process(found.live)
    analysis = analyse(found.after, None if single else found.before, calls)
    whole = Study(
        inputs=inputs,
        process=process,
        first=None if single else found.paths[0],
        last=found.paths[-1],
        interval=chosen.last.interval,
        analysis=analysis,
        others=tuple(run.process() for run in runs if run is not chosen),
        notes=(
            *reader.left_out,
            *dict.fromkeys(found.notes),
            *_conflicts(words, jit),
            *_without_lines(elf),
        ),
        series=None if base else found.track.series(calls),
        java=_java(analysis, chosen, inputs, maps=bool(jit.maps)),
        filters=filters,
        before=0 if single else found.before_live,
        compared=tuple(found.paths),
    )
    return _judged(whole, window, keep_going=keep_going) if inputs.memory else whole


def _judged(found: Study, window: Window | None, *, keep_going: bool) -> Study:
    """*found* with the verdict that the files beside the heap profiles make possible.

    Those files count that are of the *window*.
    """
    from memops.profile.inspection import inspect, within  # noqa: PLC0415 - mostly there are none
    from memops.profile.verdict.growth import heap_growth  # noqa: PLC0415

    inputs = within(found.inputs, window, newest([found.inputs]))
    if not inputs.memory:
        many = len(found.inputs.memory)
        note = f"no verdict: none of {many} files that tell of memory is of that time"
        return found._replace(notes=(*found.notes, note))
    growth = None
    if not found.filters:  # else the analysis is of some stacks only
        threads = {name: size for name, (_, size) in read_heap(found.last).live_by_thread().items()}
        growth = heap_growth(found.analysis, found.series, threads, found.process.dumps)
    seen = inspect(inputs, growth=growth, pid=found.process.pid, keep_going=keep_going)
    return found._replace(verdict=seen.verdict, notes=(*found.notes, *seen.notes))


def _shape(filters: Filters, words: Vocabulary) -> Callable[[Codes], Codes | None]:
    from memops.profile.growth.filters import shaper  # noqa: PLC0415 - hardly ever

    calls = words.lexicon.calls
    return shaper(filters, lambda code: calls[code : code + 1])


def _runs(inputs: Inputs, pid: int | None, reader: Reader, window: Window | None) -> list[Run]:
    files = find_dumps(inputs.dumps)
    if window is not None:
        from memops.profile.growth.window import within  # noqa: PLC0415 - hardly ever needed

        files = within(window, files, lambda path: time_of(path, inputs))
    groups = by_process(files, one_directory=not inputs.life)
    wanted = [group for group in groups if pid is None or group[0].pid == pid]
    if not wanted:
        known = ", ".join(str(group[0].pid) for group in groups) or "none"
        raise UsageError(f"pid {pid}", "no dumps of this process", f"there are: {known}")
    runs = [run for group in wanted if (run := find_run(group, reader))]
    if not runs:
        raise UsageError("heap profiles", "none of the files can be used", reader.left_out[0])
    return runs


def _vocabulary(names: Names, dump: Dump, lexicon: Lexicon) -> Vocabulary:
    return Vocabulary(names, allocator_test(allocator_module(dump)), lexicon)


def _java(analysis: Analysis, run: Run, inputs: Inputs, *, maps: bool) -> JavaNaming | None:
    if not any("/libjvm.so" in each.path for each in run.last.mappings):
        return None
    from memops.profile.growth.java import java_naming  # noqa: PLC0415 - most have no JVM

    return java_naming(
        analysis, run.last.mappings, maps=maps, host=inputs.host, pid=run.files[0].pid
    )


def _without_lines(elf: ElfSymbols) -> list[str]:
    """A note if debug information was found and could not be read."""
    names = elf.without_lines
    if not names:
        return []
    more = f" and {len(names) - 1} more files have" if names[1:] else " has"
    what = "pip install 'memops[dwarf]' for lines and inlined calls"
    return [f"{what}: {names[0]}{more} debug information"]


def time_of(path: Path, inputs: Inputs) -> float:
    """When the dump at *path* was written, in seconds since the epoch."""
    time = inputs.times.get(path)
    return path.stat().st_mtime if time is None else time


def newest(inputs: Sequence[Inputs]) -> float:
    """When the newest dump of *inputs* was written, or the newest file of memory if there are no dumps.

    Durations of a window are before it. The epoch, if there are no files at all.
    """
    dumps = [time_of(each.path, one) for one in inputs for each in find_dumps(one.dumps)]
    return max(dumps or [time_of(path, one) for one in inputs for path in one.memory], default=0.0)


def _conflicts(words: Vocabulary, jit: JitSymbols) -> list[str]:
    """A note if the perf maps disagree on addresses that were named: code was compiled anew meanwhile."""
    if len(jit.maps) < 2:  # noqa: PLR2004 - one alone agrees
        return []
    count = sum(map(jit.disagree, {frame.offset for frame in words if not frame.has_file}))
    what = f"the perf maps disagree on {count} JIT addresses: the nearest to each dump names them"
    return [what] if count else []
