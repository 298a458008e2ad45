"""Stacks of functions as short tuples of numbers: names are found once and compared no more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.symbols.demangle import demangle

if TYPE_CHECKING:
    from collections.abc import Callable

    from memops.profile.symbols.frame import Frame
    from memops.profile.symbols.names import Name, Names

Codes = tuple[int, ...]
"""A stack, leaf first, as indices into `Lexicon.calls`, without the allocator's frames."""


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


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The code of each call, which is the same in all lives and on all hosts."""

    calls: list[Call] = field(default_factory=list)
    codes: dict[Call, int] = field(default_factory=dict)

    def code(self, call: Call) -> int:
        """The code of *call*; a new one gets the next number."""
        if call not in self.codes:
            self.codes[call] = len(self.calls)
            self.calls.append(call)
        return self.codes[call]


class Vocabulary(dict["Frame", int]):
    """The code of each frame of one life; frames of the same function have the same one."""

    def __init__(
        self, names: Names, is_allocator: Callable[[Frame, Name], bool], lexicon: Lexicon
    ) -> None:
        super().__init__()
        self.lexicon = lexicon
        self.allocators: set[int] = set()
        self._names = names
        self._is_allocator = is_allocator

    def __missing__(self, frame: Frame) -> int:
        """Give a new *frame* the code of its function."""
        name = self._names.of(frame)
        function = demangle(name.symbol) if name.symbol else name.label
        code = self[frame] = self.lexicon.code(Call(function, frame.module, name.reason))
        if self._is_allocator(frame, name):
            self.allocators.add(code)
        return code
