"""What is live, by stack, as estimates that can be added and subtracted.

The algebra is exact: numbers are integers, and a stack without anything is left out, so that
``subtract(merge(a, b), b) == a``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.heap.profile import without_echo
from memops.profile.symbols.frame import Frame, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Mapping as Map

    from memops.profile.heap.profile import HeapProfile
    from memops.profile.memory.maps import AddressSpace

Frames = tuple[Frame, ...]
"""A stack, the leaf first."""


class Estimate(NamedTuple):
    """So many *objects* of so many *bytes*, with the *variance* of the bytes (in bytes squared).

    Sampling at a mean interval of R bytes gives an estimate of B bytes a variance of about R times
    B (jemalloc's ``doc_internal/PROFILING_INTERNALS.md``), and none when nothing is skipped.
    """

    objects: int
    bytes: int
    variance: int

    @property
    def error(self) -> float:
        """One standard deviation of the bytes."""
        return sqrt(max(self.variance, 0))


NOTHING = Estimate(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Profile:
    """Estimates by stack; no stack is there for nothing."""

    stacks: Map[Frames, Estimate]

    @property
    def total(self) -> Estimate:
        """All stacks together."""
        return sum_up(self.stacks.values())


def sum_up(estimates: Iterable[Estimate]) -> Estimate:
    """The sum of *estimates*, which are taken to be independent."""
    objects = size = variance = 0
    for each in estimates:
        objects += each[0]
        size += each[1]
        variance += each[2]
    return Estimate(objects, size, variance)


def estimate(heap: HeapProfile, build_ids: Map[str, str]) -> Profile:
    """What is live in *heap*, by frames that outlast the process.

    Addresses that are the same place (a library mapped twice) come together.
    """
    spread = heap.interval if heap.interval > 1 else 0
    frame_of = _Located(heap.space, build_ids).__getitem__
    stacks: dict[Frames, Estimate] = {}
    for stack, (objects, size) in heap.live.items():
        frames = tuple(map(frame_of, without_echo(stack)))
        each = Estimate(objects, size, size * spread)
        stacks[frames] = _plus(stacks[frames], each) if frames in stacks else each
    return Profile(_something(stacks))


class _Located(dict[int, Frame]):
    """The frame of each address, made when it is first asked for."""

    def __init__(self, space: AddressSpace, build_ids: Map[str, str]) -> None:
        super().__init__()
        self._space = space
        self._build_ids = build_ids

    def __missing__(self, address: int) -> Frame:
        frame = self[address] = locate(address, self._space, self._build_ids)
        return frame


def merge(one: Profile, other: Profile) -> Profile:
    """Everything in *one* and in *other*."""
    return _combine(one, other, 1)


def subtract(one: Profile, other: Profile) -> Profile:
    """*one* without what *other* contributed to it: the inverse of `merge`.

    The variance is subtracted too. For the error of the difference between two dumps, which are
    estimates of their own, see `memops.profile.growth.analysis`.
    """
    return _combine(one, other, -1)


def keep(profile: Profile, wanted: Callable[[Frames], bool]) -> Profile:
    """The stacks of *profile* that are *wanted*."""
    return Profile({frames: each for frames, each in profile.stacks.items() if wanted(frames)})


def _combine(one: Profile, other: Profile, sign: int) -> Profile:
    stacks = dict(one.stacks)
    for frames, (objects, size, variance) in other.stacks.items():
        signed = Estimate(sign * objects, sign * size, sign * variance)
        stacks[frames] = _plus(stacks.get(frames, NOTHING), signed)
    return Profile(_something(stacks))


def _plus(one: Estimate, other: Estimate) -> Estimate:
    return Estimate(one[0] + other[0], one[1] + other[1], one[2] + other[2])


def _something(stacks: Map[Frames, Estimate]) -> dict[Frames, Estimate]:
    return {frames: each for frames, each in stacks.items() if any(each)}
