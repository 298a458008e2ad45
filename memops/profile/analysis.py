"""What grew between two dumps of a process, or what is live in one: by stack and by function."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, TypeVar

from memops.profile.allocator import allocator_depth, allocator_module
from memops.profile.demangle import demangle
from memops.profile.estimate import NOTHING, Estimate, Profile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memops.profile.estimate import Frames
    from memops.profile.frame import Frame
    from memops.profile.symbols import Names

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Call:
    """One frame of a stack for people: its *function*, its *module*, and why it has no name.

    *function* is ``libz.so.1+0xaa20`` or an address where *reason* is not empty.
    """

    function: str
    module: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Amount:
    """So many *bytes* (of *objects*) with the sampling *error* of the bytes, one sigma."""

    bytes: int
    objects: int
    error: float


@dataclass(frozen=True, slots=True)
class Grown:
    """A stack without the allocator's frames, the leaf first, and how much it grew."""

    calls: tuple[Call, ...]
    amount: Amount


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """A function: the growth it allocated itself (*flat*), and with all it called (*cumulative*)."""

    call: Call
    flat: Amount
    cumulative: Amount


@dataclass(frozen=True, slots=True)
class Culprit:
    """A function that allocates what grows, and who calls it."""

    function: Call
    caller: Call | None
    amount: Amount


@dataclass(frozen=True, slots=True)
class Analysis:
    """The growth of one process, stack by stack, the largest first.

    *live* is what the last dump holds; *growth* is *live* less what the first holds, or all of
    *live* when there is no first (*is_growth* tells).
    """

    live: Amount
    growth: Amount
    is_growth: bool
    stacks: tuple[Grown, ...]

    @property
    def functions(self) -> tuple[FunctionRow, ...]:
        """The functions by what they allocated themselves, the most first."""
        return _functions(self.stacks)

    @property
    def culprits(self) -> tuple[Culprit, ...]:
        """The functions that grew and their callers, the most first."""
        return _culprits(self.stacks)

    @property
    def unnamed(self) -> tuple[tuple[str, int], ...]:
        """Why frames have no name, with the bytes of growth in the stacks that have such frames."""
        sums: Counter[str] = Counter()
        for stack in self.stacks:
            for reason in {call.reason for call in stack.calls if call.reason}:
                sums[reason] += max(stack.amount.bytes, 0)
        return tuple(sorted(sums.items(), key=lambda each: (-each[1], each[0])))


def analyse(last: Profile, first: Profile | None, names: Names, executable: str) -> Analysis:
    """What grew from *first* to *last*; all that is live in *last* without a *first*."""
    before = first.stacks if first else {}
    module = allocator_module(last.stacks, executable)
    sums: dict[Frames, list[int]] = {}
    for frames in {**before, **last.stacks}:
        depth = allocator_depth(frames, module, names.of)
        row = sums.setdefault(frames[depth:], [0, 0, 0])
        _count(row, last.stacks.get(frames, NOTHING), before.get(frames, NOTHING))
    calls = _Calls(names)
    stacks = [Grown(calls.of(frames), _amount(row)) for frames, row in sums.items() if any(row[:2])]
    total = last.total
    start = first.total if first else NOTHING
    return Analysis(
        live=Amount(total.bytes, total.objects, total.error),
        growth=_amount(_count([0, 0, 0], total, start)),
        is_growth=first is not None,
        stacks=tuple(sorted(stacks, key=_by_bytes)),
    )


def _count(row: list[int], last: Estimate, first: Estimate) -> list[int]:
    """Add to *row* the bytes and objects from *first* to *last*, and the variance of the bytes.

    Both dumps are estimates. What lives in both was sampled once and its error cancels, but a dump
    does not say what that is: the sum of both variances is the upper bound.
    """
    row[0] += last.bytes - first.bytes
    row[1] += last.objects - first.objects
    row[2] += last.variance + first.variance
    return row


def _amount(row: list[int]) -> Amount:
    return Amount(row[0], row[1], sqrt(row[2]))


def _by_bytes(stack: Grown) -> tuple[int, list[str]]:
    return -stack.amount.bytes, [call.function for call in stack.calls]


class _Calls:
    """Frames to calls, each made once."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._known: dict[Frame, Call] = {}

    def of(self, frames: Frames) -> tuple[Call, ...]:
        try:
            return tuple(map(self._known.__getitem__, frames))
        except KeyError:
            self._known.update({frame: self._call(frame) for frame in frames})
            return tuple(map(self._known.__getitem__, frames))

    def _call(self, frame: Frame) -> Call:
        symbol, label, reason = self._names.of(frame)
        return Call(demangle(symbol) if symbol else label, frame.module, reason)


def _functions(stacks: Iterable[Grown]) -> tuple[FunctionRow, ...]:
    flat: dict[Call, list[float]] = {}
    cumulative: dict[Call, list[float]] = {}
    for stack in stacks:
        amount = stack.amount
        row = (amount.bytes, amount.objects, amount.error**2)
        if stack.calls:
            _add(flat, stack.calls[0], row)
        for call in set(stack.calls):
            _add(cumulative, call, row)
    rows = [
        FunctionRow(call, _summed(flat.get(call)), _summed(sums))
        for call, sums in cumulative.items()
    ]
    return tuple(sorted(rows, key=_by_flat))


def _by_flat(row: FunctionRow) -> tuple[int, int, str]:
    return -row.flat.bytes, -row.cumulative.bytes, row.call.function


def _culprits(stacks: Iterable[Grown]) -> tuple[Culprit, ...]:
    sums: dict[tuple[Call, Call | None], list[float]] = {}
    for stack in stacks:
        if stack.calls:
            amount = stack.amount
            _add(sums, _blamed(stack.calls), (amount.bytes, amount.objects, amount.error**2))
    rows = (Culprit(*pair, _summed(row)) for pair, row in sums.items())
    return tuple(sorted(rows, key=lambda each: (-each.amount.bytes, each.function.function)))


def _blamed(calls: tuple[Call, ...]) -> tuple[Call, Call | None]:
    """The first function with a name in the module that allocates, and its caller.

    A stripped library names only what it exports: ``inflate``, say, for the static function in it
    that calls malloc.
    """
    module = calls[0].module
    for at, call in enumerate(calls):
        if call.module != module:
            break
        if not call.reason:
            return call, calls[at + 1] if at + 1 < len(calls) else None
    return calls[0], calls[1] if len(calls) > 1 else None


def _add(sums: dict[_Key, list[float]], key: _Key, row: tuple[float, float, float]) -> None:
    have = sums.setdefault(key, [0, 0, 0])
    for at, value in enumerate(row):
        have[at] += value


def _summed(row: list[float] | None) -> Amount:
    return Amount(int(row[0]), int(row[1]), sqrt(row[2])) if row else Amount(0, 0, 0.0)
