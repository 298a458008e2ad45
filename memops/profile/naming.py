"""Stacks of functions as short tuples of numbers: names are found once and compared no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from memops.profile.demangle import demangle

if TYPE_CHECKING:
    from collections.abc import Callable

    from memops.profile.estimate import Profile
    from memops.profile.frame import Frame
    from memops.profile.symbols import Name, Names

Codes = tuple[int, ...]
"""A stack, leaf first, as indices into `Vocabulary.calls`, without the allocator's frames."""


class Call(NamedTuple):
    """One frame of a stack for people: its *function*, its *module*, and why it has no name.

    *function* is ``libz.so.1+0xaa20`` or an address where *reason* is not empty.
    """

    function: str
    module: str
    reason: str = ""


class Row(NamedTuple):
    """What a stack adds up to: bytes, objects and the variance of the bytes."""

    bytes: int
    objects: int
    variance: int


class Vocabulary(dict["Frame", int]):
    """The code of each frame; frames of the same function have the same one."""

    def __init__(self, names: Names, is_allocator: Callable[[Frame, Name], bool]) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.allocators: set[int] = set()
        self._names = names
        self._is_allocator = is_allocator
        self._codes: dict[Call, int] = {}

    def __missing__(self, frame: Frame) -> int:
        """Give a new *frame* the code of its function."""
        name = self._names.of(frame)
        function = demangle(name.symbol) if name.symbol else name.label
        code = self[frame] = self._code(Call(function, frame.module, name.reason))
        if self._is_allocator(frame, name):
            self.allocators.add(code)
        return code

    def _code(self, call: Call) -> int:
        if call not in self._codes:
            self._codes[call] = len(self.calls)
            self.calls.append(call)
        return self._codes[call]


def condense(profile: Profile, words: Vocabulary) -> dict[Codes, Row]:
    """*profile* by functions, without the allocator's leading frames; one frame always stays."""
    sums: dict[Codes, Row] = {}
    code_of, allocators = words.__getitem__, words.allocators
    for frames, (objects, size, variance) in profile.stacks.items():
        codes = tuple(map(code_of, frames))
        depth, last = 0, len(codes) - 1
        while depth < last and codes[depth] in allocators:
            depth += 1
        codes = codes[depth:]
        if codes in sums:
            have = sums[codes]
            sums[codes] = Row(have[0] + size, have[1] + objects, have[2] + variance)
        else:
            sums[codes] = Row(size, objects, variance)
    return sums
