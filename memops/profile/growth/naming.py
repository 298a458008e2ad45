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

    *function* is ``libz.so.1+0xaa20`` or an address where *reason* is not empty. *source* is the line
    of the call (``file.c:67``) where debug information told it.
    """

    function: str
    module: str
    reason: str = ""
    source: str = ""


def calls_of(frame: Frame, name: Name) -> tuple[Call, ...]:
    """The calls at *frame*, of which *name* was found: those inlined there first, then its function."""
    function, module = demangle(name.symbol) or name.label, name.module or frame.module
    if not name.inlined:
        return (Call(function, module, name.reason, name.source),)
    inlined = (Call(demangle(each.symbol), module, "", each.source) for each in name.inlined)
    return *inlined, Call(function, module, name.reason, name.source)


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
        code = self.codes.get(call)
        if code is None:
            code = self.codes[call] = len(self.calls)
            self.calls.append(call)
        return code


class Vocabulary(dict["Frame", int]):
    """The code of each frame of one life; frames of the same function and line have the same one.

    A frame with calls that were inlined into its function has a code below zero, which stands for
    all of them: see `spread`.
    """

    def __init__(
        self, names: Names, is_allocator: Callable[[Frame, Name], bool], lexicon: Lexicon
    ) -> None:
        super().__init__()
        self.lexicon = lexicon
        self.allocators: set[int] = set()
        self.chains: list[Codes] = []
        self._names = names
        self._is_allocator = is_allocator

    def __missing__(self, frame: Frame) -> int:
        """Give a new *frame* the code of its function, or of the calls inlined there."""
        name = self._names.of(frame)
        codes = [self.lexicon.code(call) for call in calls_of(frame, name)]
        if self._is_allocator(frame, name):
            self.allocators.update(codes)
        code = codes[0]
        if codes[1:]:
            self.chains.append(tuple(codes))
            code = -len(self.chains)
        self[frame] = code
        return code

    def spread(self, codes: Codes) -> Codes:
        """*codes* with those of inlined calls in the place of those that stand for them."""
        chains = self.chains
        return tuple(one for code in codes for one in (chains[~code] if code < 0 else (code,)))
