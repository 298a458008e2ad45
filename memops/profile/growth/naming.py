"""Stacks of functions as short tuples of numbers: names are found once and compared no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from memops.profile.symbols.demangle import demangle
from memops.profile.symbols.frame import locate

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Map

    from memops.profile.heap.profile import HeapProfile
    from memops.profile.memory.maps import AddressSpace
    from memops.profile.symbols.frame import Frame
    from memops.profile.symbols.names import Name, Names

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


class _Coded(dict[int, int]):
    """The code of each address of one dump, found when it is first asked for."""

    def __init__(self, space: AddressSpace, build_ids: Map[str, str], words: Vocabulary) -> None:
        super().__init__()
        self._space = space
        self._build_ids = build_ids
        self._words = words

    def __missing__(self, address: int) -> int:
        code = self[address] = self._words[locate(address, self._space, self._build_ids)]
        return code


def condense(heap: HeapProfile, build_ids: Map[str, str], words: Vocabulary) -> dict[Codes, Row]:
    """*heap* by functions, without the allocator's leading frames; one frame always stays.

    The same as of its `estimate`, but in one pass over its millions of frames.
    """
    sums: dict[Codes, Row] = {}
    code_of, allocators = _Coded(heap.space, build_ids, words).__getitem__, words.allocators
    spread = heap.interval if heap.interval > 1 else 0
    for stack, (objects, size) in heap.live.items():
        if not objects and not size:
            continue
        codes = tuple(map(code_of, stack))
        depth, last = 0, len(codes) - 1
        while depth < last and codes[depth] in allocators:
            depth += 1
        codes = codes[depth:]
        if codes in sums:
            have = sums[codes]
            sums[codes] = Row(have[0] + size, have[1] + objects, have[2] + size * spread)
        else:
            sums[codes] = Row(size, objects, size * spread)
    return sums
