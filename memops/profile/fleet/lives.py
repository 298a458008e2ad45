"""The lives of an app, host by host, read with one lexicon: a function is the same in all of them.

Of each stack only the function to blame and its caller are kept, so memory grows with what is
called, not with the number of hosts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from memops.errors import UsageError
from memops.profile.fleet.rates import Rate, pooled, rate
from memops.profile.growth.analysis import blamed
from memops.profile.growth.condense import Condenser
from memops.profile.growth.naming import Lexicon, Vocabulary
from memops.profile.growth.reading import Reading, read_run
from memops.profile.growth.trend import Times
from memops.profile.growth.window import resolved, within
from memops.profile.heap.files import by_process, find_dumps
from memops.profile.heap.runs import Reader, Run, find_run
from memops.profile.study import newest, time_of
from memops.profile.symbols.allocator import allocator_module, allocator_test
from memops.profile.symbols.files import elf_symbols
from memops.profile.symbols.jit import read_jit_symbols
from memops.profile.symbols.names import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Mapping as Map

    from memops.profile.growth.naming import Call, Codes, Row
    from memops.profile.growth.window import Window
    from memops.profile.heap.files import DumpFile
    from memops.profile.heap.runs import Process
    from memops.profile.study import Inputs
    from memops.profile.symbols.files import ElfSymbols

_SHORTEST = 1.0  # seconds; files copied without their times seem to be written all at once


@dataclass(frozen=True, slots=True)
class Life:
    """One life of an app: what its last dump holds (*rows*), and each pair's bytes at its *moments*.

    *first* and *last* are when its first and last dump were written (seconds since the epoch);
    *moments* are none where the times do not tell of growth. *seen* is when each pair of function
    and caller was first there. *builds* are build-ids by file name; *words* is what all lives share.
    """

    process: Process
    first: float
    last: float
    interval: int
    rows: Map[Codes, Row]
    sizes: Map[Codes, Sequence[float]]
    moments: Times | None
    seen: Map[Codes, float]
    builds: Map[str, str]
    words: Sequence[Call]

    def rate(self, codes: Codes) -> Rate | None:
        """How fast a function grows; None where the dumps do not tell."""
        if self.moments is None:
            return None
        nothing = (0.0,) * len(self.moments)
        return rate(self.moments, tuple(map(round, self.sizes.get(codes, nothing))), self.interval)

    def grown(self, codes: Codes) -> float:
        """The bytes that a function grew by from the first moment to the last."""
        sizes = self.sizes.get(codes, (0.0,))
        return sizes[-1] - sizes[0]

    def whole(self) -> Rate | None:
        """How fast everything together grows."""
        if self.moments is None:
            return None
        sums = [round(sum(at)) for at in zip(*self.sizes.values(), strict=True)]
        return rate(self.moments, sums or [0] * len(self.moments), self.interval)


@dataclass(frozen=True, slots=True)
class HostLives:
    """The *lives* of an app on one *host*, one after the other."""

    host: str
    lives: tuple[Life, ...]

    @property
    def last(self) -> Life:
        """The newest life."""
        return self.lives[-1]

    def rate(self, codes: Codes) -> Rate | None:
        """How fast a function grows over all lives; None where no dumps tell."""
        return _pooled(life.rate(codes) for life in self.lives)

    def whole(self) -> Rate | None:
        """How fast everything together grows over all lives."""
        return _pooled(life.whole() for life in self.lives)


def _pooled(rates: Iterable[Rate | None]) -> Rate | None:
    known = [each for each in rates if each is not None]
    return pooled(known) if known else None


class Read(NamedTuple):
    """What was read: the *hosts* of which there are dumps, and what the reader must know (*notes*)."""

    hosts: tuple[HostLives, ...]
    notes: tuple[str, ...]


class _Source(NamedTuple):
    """The dumps of one process, and the inputs they are of."""

    inputs: Inputs
    files: list[DumpFile]

    @property
    def span(self) -> tuple[float, float]:
        """When the first and the last were written."""
        times = [time_of(each.path, self.inputs) for each in self.files]
        return min(times), max(times)


def read_lives(
    inputs: Sequence[Inputs],
    *,
    window: Window | None = None,
    keep_going: bool = False,
    lexicon: Lexicon | None = None,
) -> Read:
    """The lives in *inputs*, by host, in the order in which the hosts are given.

    All dumps in *inputs* of the same host and app are of its lives. Of processes at the same time
    the largest counts, and only those of its program. A duration in *window* is one before the
    newest dump of all. Raises `UsageError` for broken dumps (unless *keep_going* leaves them out),
    and where none is left.
    """
    words, reader, notes = lexicon or Lexicon(), Reader(keep_going=keep_going), list[str]()
    opened: dict[object, ElfSymbols] = {}
    sources = _sources(inputs, window)
    hosts = []
    for host in dict.fromkeys(each.inputs.host for each in sources):
        own = [each for each in sources if each.inputs.host == host]
        runs = [(each, run) for each in own if (run := find_run(each.files, reader))]
        chosen, left_out = _successive(runs)
        notes += left_out
        lives = tuple(_life(each, run, reader, words, opened) for each, run in chosen)
        if lives:
            hosts.append(HostLives(host, lives))
    if not hosts:
        remedy = reader.left_out[0] if reader.left_out else "collect heap profiles first"
        raise UsageError("heap profiles", "there is none that can be used", remedy)
    return Read(tuple(hosts), (*reader.left_out, *dict.fromkeys(notes)))


def has_dumps(inputs: Sequence[Inputs], window: Window) -> bool:
    """Whether any dump in *inputs* was written in the *window*, durations being before the newest."""
    times = (time_of(file.path, each) for each in inputs for file in find_dumps(each.dumps))
    return any(map(resolved(window, newest(inputs)).holds, times))


def most_changed(hosts: Iterable[HostLives], count: int) -> list[Codes]:
    """The functions whose bytes changed the most: the first *count* over all, and on each host."""
    everywhere: Counter[Codes] = Counter()
    found: dict[Codes, None] = {}
    for host in hosts:
        here: Counter[Codes] = Counter()
        for life in host.lives:
            here.update({codes: round(abs(life.grown(codes))) for codes in life.sizes})
        found |= dict.fromkeys(codes for codes, _ in here.most_common(count))
        everywhere.update(here)
    return [*dict.fromkeys([*(codes for codes, _ in everywhere.most_common(count)), *found])]


def _sources(inputs: Sequence[Inputs], window: Window | None) -> list[_Source]:
    found = [
        _Source(each, files)
        for each in inputs
        for files in by_process(find_dumps(each.dumps), one_directory=not each.life)
    ]
    if window is None or not found:
        return found
    times = {file.path: time_of(file.path, each.inputs) for each in found for file in each.files}
    everything = [file for each in found for file in each.files]
    kept = set(within(window, everything, times.__getitem__))
    shorter = (each._replace(files=[file for file in each.files if file in kept]) for each in found)
    return [each for each in shorter if each.files]


def _successive(
    runs: list[tuple[_Source, Run]],
) -> tuple[list[tuple[_Source, Run]], Iterator[str]]:
    """Of *runs* on one host those that are lives of its app, and notes on those left out."""
    largest = sorted(runs, key=lambda each: -each[1].last.live)
    chosen: list[tuple[_Source, Run]] = []
    for source, run in largest:
        begins, ends = source.span
        program = _program(run)
        others = (other.span for other, _ in chosen)
        if all(ends < begun or ended < begins for begun, ended in others) and (
            not chosen or program == _program(chosen[0][1])
        ):
            chosen.append((source, run))
    rest = (run.process() for each, run in runs if (each, run) not in chosen)
    notes = (
        f"left out: pid {each.pid} ({each.executable.rpartition('/')[2] or 'unknown program'}), "
        "not a life of the same program before or after"
        for each in rest
    )
    return sorted(chosen, key=lambda each: each[0].span), notes


def pairs(lexicon: Lexicon) -> Callable[[Codes], Codes]:
    """What makes of a stack the function to blame and its caller, on whichever line they call."""

    def whole(code: int) -> int:
        call = lexicon.calls[code]
        return lexicon.code(call._replace(source="")) if call.source else code

    return lambda codes: tuple(map(whole, blamed(codes, lexicon.calls)))


def _program(run: Run) -> str:
    return run.last.executable.removesuffix(" (deleted)").rpartition("/")[2]


def _life(
    source: _Source,
    run: Run,
    reader: Reader,
    lexicon: Lexicon,
    opened: dict[object, ElfSymbols],
) -> Life:
    """The life of *run*; files with names that were *opened* for another life are not read again."""
    inputs = source.inputs
    elf = elf_symbols(inputs.symbols, run.last.mappings, inputs.kept)
    elf = opened.setdefault((elf.places, elf.local, elf.kept), elf)
    jit = read_jit_symbols(inputs.perf_maps, inputs.times)
    names = Names((*inputs.names, elf, jit))
    words = Vocabulary(names, allocator_test(allocator_module(run.last)), lexicon)
    condenser = Condenser(words, inputs.build_ids, pairs(lexicon), remember=len(run.files) > 1)
    found = read_run(
        run, condenser, reader, epoch=jit.epoch, time_of=lambda path: time_of(path, inputs)
    )
    elf.keep()
    moments, sizes = _moments(found)
    first, last = (time_of(found.paths[at], inputs) for at in (0, -1))
    return Life(
        process=run.process(found.live), first=first, last=last, interval=run.last.interval,
        rows=found.after, sizes=sizes, moments=moments, seen=_seen(found, first),
        builds=_builds(run, inputs), words=lexicon.calls,
    )  # fmt: skip


def _builds(run: Run, inputs: Inputs) -> Map[str, str]:
    """The build-ids of what the process had mapped, by the names of the files."""
    paths = dict.fromkeys(each.path for each in run.last.mappings)
    return {
        path.rpartition("/")[2]: inputs.build_ids[path]
        for path in paths
        if path in inputs.build_ids
    }


def _moments(found: Reading) -> tuple[Times | None, Map[Codes, Sequence[float]]]:
    """The moments of the series, and what was live of each pair at them."""
    track = found.track
    told = track.ordered and len(track.times) > 1 and track.times[-1] - track.times[0] >= _SHORTEST
    return (Times(tuple(track.times)), track.stacks) if told else (None, {})


def _seen(found: Reading, first: float) -> Map[Codes, float]:
    """When each pair was first there."""
    if not found.track.stacks:
        return dict.fromkeys(found.after, first)
    moments = found.track.times
    return {
        codes: next((time for time, size in zip(moments, sizes, strict=True) if size), moments[-1])
        for codes, sizes in found.track.stacks.items()
    }
