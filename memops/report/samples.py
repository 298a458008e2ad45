"""The samples behind a study, by address and thread: what its analysis adds up to functions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.growth.filters import matcher, shaper
from memops.profile.growth.naming import calls_of
from memops.profile.heap.profile import Count, add, unsample, without_echo
from memops.profile.heap.runs import read_dump, read_heap
from memops.profile.symbols.allocator import allocator_module, allocator_test
from memops.profile.symbols.files import elf_symbols
from memops.profile.symbols.frame import JIT, UNMAPPED, locate
from memops.profile.symbols.jit import read_jit_symbols
from memops.profile.symbols.names import Inlined, Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Mapping as Map

    from memops.profile.growth.estimate import Frames
    from memops.profile.heap.profile import HeapProfile, Sampled
    from memops.profile.memory.maps import Mapping
    from memops.profile.study import Study
    from memops.profile.symbols.frame import Frame
    from memops.profile.symbols.jit import JitSymbols
    from memops.profile.symbols.names import Name


class Mapped(NamedTuple):
    """A file as it was mapped, and its build-id in hexadecimal, empty where it is not known."""

    mapping: Mapping
    build_id: str


class Place(NamedTuple):
    """Where a frame lay in memory: the *address* of its call, and the file if it lay in one."""

    address: int
    mapped: Mapped | None


class Sample(NamedTuple):
    """A stack (leaf first, without the allocator's frames) in one thread, ``""`` if not known."""

    frames: Frames
    thread: str


@dataclass(frozen=True, slots=True)
class Samples:
    """Estimates by stack and thread, which add up to those of the study to the byte.

    *places* tells of each frame where it lay: in the last dump, or, if it is not there, in the
    first. *program* is the executable's code, if there is one. *variances* are those of the bytes of
    each thread.
    """

    counts: Map[Sample, Count]
    places: Map[Frame, Place]
    names: Callable[[Frame], Name]
    program: Mapped | None
    variances: Map[str, int]


def samples(study: Study) -> Samples:
    """The samples behind *study*, from its last dump and its first, which are read again.

    Raises `UsageError` for a file that is no longer as it was.
    """
    dump = read_dump(study.last)
    last = dump.profile()
    dumps = [(study.last, last, 1),
             *((path, read_heap(path), -1) for path in [study.first] if path)]  # fmt: skip
    inputs = study.inputs
    jit = read_jit_symbols(inputs.perf_maps, inputs.times)
    elf = elf_symbols(inputs.symbols, last.mappings, inputs.kept)
    names = Names((*inputs.names, elf, jit)).of
    is_allocator = allocator_test(allocator_module(dump))
    places: dict[Frame, Place] = {}
    sums: defaultdict[Sample, Count] = defaultdict(lambda: Count(0, 0))
    variances: defaultdict[str, int] = defaultdict(int)
    skip = _Skip(lambda frame: is_allocator(frame, names(frame)))
    shape = _shape(study, names)
    for path, heap, sign in dumps:
        epoch = jit.epoch(inputs.times.get(path, path.stat().st_mtime))
        ids = {**inputs.build_ids, JIT: epoch, UNMAPPED: epoch}
        frame_of = _Frames(heap, ids, places, jit)
        threads = {each.uid: each.name for each in heap.threads}
        for stack, sampled in heap.stacks.items():
            frames = shape(skip.leading(tuple(map(frame_of.__getitem__, without_echo(stack)))))
            if frames is None:
                continue
            for thread, (objects, size) in by_thread(sampled, heap.interval, threads):
                key = Sample(frames, thread)
                sums[key] = add(sums[key], Count(sign * objects, sign * size))
                variances[thread] += size * (heap.interval if heap.interval > 1 else 0)
    counts = {key: count for key, count in sums.items() if any(count)}
    program = _program(last, inputs.build_ids)
    return Samples(counts, places, _shown(study, names), program, variances)


def _shape(study: Study, names: Callable[[Frame], Name]) -> Callable[[Frames], Frames | None]:
    """What the filters of *study* leave of a stack, as in its analysis.

    A frame stays if one of the calls inlined there does: see `_shown`.
    """
    if not study.filters:
        return lambda frames: frames
    return shaper(study.filters, lambda frame: calls_of(frame, names(frame)))


def _shown(study: Study, names: Callable[[Frame], Name]) -> Callable[[Frame], Name]:
    """*names*, without those calls inlined at a frame that the filters of *study* hide."""
    if not study.filters or not study.filters.hide:
        return names
    matches = matcher(study.filters.hide)

    def shown(frame: Frame) -> Name:
        name = names(frame)
        calls = zip([*name.inlined, Inlined(name.symbol, name.source)], calls_of(frame, name),
                    strict=True)  # fmt: skip
        kept = [call for call, said in calls if not matches(said)]
        if not kept or len(kept) > len(name.inlined):
            return name
        last = kept.pop()
        return name._replace(symbol=last.symbol, source=last.source, inlined=tuple(kept))

    return shown


class _Frames(dict[int, "Frame"]):
    """The frame of each address of one dump; where it lay goes into *places*, once."""

    def __init__(
        self,
        heap: HeapProfile,
        build_ids: Map[str, str],
        places: dict[Frame, Place],
        jit: JitSymbols,
    ) -> None:
        super().__init__()
        self._space, self._build_ids, self._places = heap.space, build_ids, places
        self._jit = jit

    def __missing__(self, address: int) -> Frame:
        found = locate(address, self._space, self._build_ids)
        frame = self[address] = self._jit.settled(found)
        call = max(address - 1, 0)
        mapping = self._space.at(call)
        in_file = mapping is not None and mapping.path == frame.path
        mapped = Mapped(mapping, frame.build_id) if mapping and in_file else None
        self._places.setdefault(frame, Place(call, mapped))
        return frame


class _Skip(dict["Frame", bool]):
    """Which frames are the allocator's, each asked once."""

    def __init__(self, is_allocator: Callable[[Frame], bool]) -> None:
        super().__init__()
        self._is_allocator = is_allocator

    def __missing__(self, frame: Frame) -> bool:
        self[frame] = self._is_allocator(frame)
        return self[frame]

    def leading(self, frames: Frames) -> Frames:
        """*frames* without the allocator's at the leaf; one always stays, as in the analysis."""
        depth, last = 0, len(frames) - 1
        while depth < last and self[frames[depth]]:
            depth += 1
        return frames[depth:]


def by_thread(
    sampled: Sampled, interval: int, threads: Map[int, str]
) -> Iterator[tuple[str, Count]]:
    """The estimate of one stack by the name in *threads*, or ``t<number>`` where there is none.

    The whole is shared out by what each thread's own samples stand for, so that the parts add up
    to it to the byte: un-sampled each by itself, they would not where sizes are mixed.
    """
    whole = unsample(sampled.samples.live, interval)
    parts = [(threads.get(uid) or f"t{uid}", unsample(each.live, interval))
             for uid, each in sampled.threads]  # fmt: skip
    objects = share(whole.objects, [count.objects for _, count in parts])
    sizes = share(whole.bytes, [count.bytes for _, count in parts])
    if not objects or not sizes:
        yield "", whole
        return
    for (name, _), part, size in zip(parts, objects, sizes, strict=True):
        yield name, Count(part, size)


def share(whole: int, weights: Sequence[int]) -> list[int]:
    """*whole* in parts as large as *weights*, which add up to it; none if nothing weighs."""
    total = sum(weights)
    if total <= 0:
        return []
    ends = [whole * upto // total for upto in accumulate(weights)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _program(heap: HeapProfile, build_ids: Map[str, str]) -> Mapped | None:
    """The executable's mapping with its code."""
    own = [each for each in heap.mappings if each.is_file and each.path == heap.executable]
    code = next((each for each in own if "x" in each.perms), None)
    return Mapped(code, build_ids.get(code.path, "")) if code else None
