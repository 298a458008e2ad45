"""Stacks of functions as short tuples of numbers: names are found once and compared no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from memops.profile.symbols.demangle import demangle

if TYPE_CHECKING:
    from collections.abc import Callable

    from memops.profile.symbols.frame import Frame
    from memops.profile.symbols.names import Name, Names

Codes = tuple[int, ...]
"""A stack, leaf first, as indices into `Lexicon.calls`, without the allocator's frames."""


class Call(NamedTuple):
    """One frame of a stack: its *symbol*, its *module*, and why it has no name.

    *symbol* is the name as the file has it, and ``libz.so.1+0xaa20`` or an address where *reason* is
    not empty. *source* is the line of the call (``file.c:67``) where debug information told it.
    """

    symbol: str
    module: str
    reason: str = ""
    source: str = ""

    @property
    def function(self) -> str:
        """The name as its author wrote it; made when it is asked for, for few are shown."""
        return demangle(self.symbol)

    def told(self) -> dict[str, str]:
        """The call for programs: by the names of its parts."""
        return {"function": self.function, "module": self.module, "reason": self.reason,
                "source": self.source}  # fmt: skip


def calls_of(frame: Frame, name: Name) -> tuple[Call, ...]:
    """The calls at *frame*, of which *name* was found: those inlined there first, then its function."""
    module = name.module or frame.module
    own = Call(name.symbol or name.label, module, name.reason, name.source)
    if not name.inlined:
        return (own,)
    return *(Call(each.symbol, module, "", each.source) for each in name.inlined), own


class Row(NamedTuple):
    """What a stack adds up to: bytes, objects and the variance of the bytes."""

    bytes: int
    objects: int
    variance: int


class Lexicon:
    """The code of each call, which is the same in all lives and on all hosts: its index in *calls*."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.codes: dict[Call | tuple[Call, str], int] = {}

    def code(self, call: Call, build_id: str = "") -> int:
        """The code of *call*; a new one gets the next number.

        What has no name but an offset is the same in files of the same *build_id* only.
        """
        key = (call, build_id) if build_id else call
        code = self.codes.get(key)
        if code is None:
            code = self.codes[key] = self.new(call)
        return code

    def new(self, call: Call) -> int:
        """A code for *call* that nothing else will have."""
        self.calls.append(call)
        return len(self.calls) - 1


class Vocabulary(dict["Frame", int]):
    """The code of each frame of one life; frames of the same function and line have the same one.

    A frame with calls that were inlined into its function has a code below zero, which stands for
    all of them: see `spread`. An address outside of files that has no name means something in this
    life only.
    """

    def __init__(
        self, names: Names, is_allocator: Callable[[Frame, Name], bool], lexicon: Lexicon
    ) -> None:
        super().__init__()
        self.lexicon = lexicon
        self.allocators: set[int] = set()
        self.chains: list[Codes] = []
        self._names = names
        self._own: dict[Call, int] = {}
        self._is_allocator = is_allocator

    def __missing__(self, frame: Frame) -> int:
        """Give a new *frame* the code of its function, or of the calls inlined there."""
        name = self._names.of(frame)
        codes = [self._code(call, frame) for call in calls_of(frame, name)]
        if self._is_allocator(frame, name):
            self.allocators.update(codes)
        code = codes[0]
        if codes[1:]:
            self.chains.append(tuple(codes))
            code = -len(self.chains)
        self[frame] = code
        return code

    def _code(self, call: Call, frame: Frame) -> int:
        if not call.reason:
            return self.lexicon.code(call)
        if frame.has_file:
            return self.lexicon.code(call, frame.build_id)
        if call not in self._own:
            self._own[call] = self.lexicon.new(call)
        return self._own[call]

    def span(self, frame: Frame) -> tuple[int, int]:
        """The offsets of frames of the same file that have the code of *frame*; (0, 0) if unknown."""
        return self._names.of(frame).span

    def spread(self, codes: Codes) -> Codes:
        """*codes* with those of inlined calls in the place of those that stand for them."""
        chains = self.chains
        return tuple(one for code in codes for one in (chains[~code] if code < 0 else (code,)))
