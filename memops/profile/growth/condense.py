"""The dumps of one life as rows by function, in one pass over their millions of frames."""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.growth.naming import Codes, Row
from memops.profile.heap.parse import Addresses
from memops.profile.heap.profile import scaled
from memops.profile.symbols.frame import JIT, UNMAPPED, locate

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Map

    from memops.errors import UsageError
    from memops.profile.growth.naming import Vocabulary
    from memops.profile.heap.dump import Dump
    from memops.profile.memory.maps import AddressSpace

_CALLERS = 16 * len(" 0x7f0000000000")
"""Bytes of a stack that are looked up as a whole: frames mostly take as many bytes as each other."""
_DIGITS = {b"3": b"2", b"7": b"6", b"b": b"a", b"f": b"e"}
"""The last digit of the end of a call on AArch64, and that of a byte less."""


class Condensed(NamedTuple):
    """A dump by function: its *rows*, and what all its samples add up to, *raw* and un-sampled.

    *live* counts the stacks that the view leaves out, too.
    """

    rows: Map[Codes, Row]
    raw: int
    live: int


class Condenser:
    """Makes rows of the dumps of one life; what it finds out about addresses it keeps.

    Stacks that come again in later dumps are not looked at again: *remember* is false where there
    is only one dump. *shape* is what a view leaves of a stack, None for one that it does not show.
    """

    def __init__(
        self,
        words: Vocabulary,
        build_ids: Map[str, str],
        shape: Callable[[Codes], Codes | None] | None = None,
        *,
        remember: bool = True,
    ) -> None:
        self._words, self._build_ids, self._shape = words, build_ids, shape
        self._remember = remember
        self._code: tuple[object, ...] = ()
        self._stacks: _Stacks | None = None

    def condense(self, dump: Dump, epoch: str = "") -> Condensed:
        """*dump* by functions, without the allocator's leading frames; one frame always stays.

        *epoch* tells apart times at which the process had different code of its own making. The
        same as of its `estimate`. Raises `UsageError` for a line that cannot be read.
        """
        stacks = self._known(dump, epoch)
        codes_of = stacks.__getitem__ if self._remember else stacks.codes
        rows: dict[Codes, Row] = {}
        interval, raw, live = dump.interval, 0, 0
        spread = interval if interval > 1 else 0
        for frames, count, size in dump.samples():
            try:
                codes = codes_of(frames)
            except ValueError as error:
                raise _misread(dump, frames, error) from None
            objects, grown = int(count), int(size)
            raw += grown
            if spread:
                objects, grown = scaled(objects, grown, interval)
            live += grown
            if codes is None or not (objects or grown):
                continue
            have = rows.get(codes)
            if have is None:
                rows[codes] = Row(grown, objects, grown * spread)
            else:
                rows[codes] = Row(have[0] + grown, have[1] + objects, have[2] + grown * spread)
        return Condensed(rows, raw, live)

    def _known(self, dump: Dump, epoch: str) -> _Stacks:
        """What is known of stacks: nothing any more where code was mapped or unmapped since."""
        code = (epoch, *dump.code)
        if self._stacks is None or code != self._code:
            self._code = code
            build_ids = {**self._build_ids, JIT: epoch, UNMAPPED: epoch}
            coded = _Coded(dump.space, build_ids, self._words)
            self._stacks = _Stacks(coded, self._words, self._shape)
        return self._stacks


class _Stacks(dict[bytes, "Codes | None"]):
    """The codes of a stack as it is written in the file, without the allocator's frames."""

    def __init__(
        self,
        coded: _Coded,
        words: Vocabulary,
        shape: Callable[[Codes], Codes | None] | None,
    ) -> None:
        super().__init__()
        self._code_of, self._words, self._shape = coded.__getitem__, words, shape
        self._allocators, self._chains = words.allocators, words.chains
        self._callers = _Callers(coded.__getitem__, words)

    def __missing__(self, frames: bytes) -> Codes | None:
        codes = self[frames] = self.codes(frames)
        return codes

    def codes(self, frames: bytes) -> Codes | None:
        """The codes of a stack that is not to be remembered."""
        outer = frames[-_CALLERS:]
        known = self._callers[outer] if outer[:1] == b" " else ()
        inner = frames[:-_CALLERS] if known else _without_echo(frames)
        codes = tuple(map(self._code_of, inner.split()))
        if self._chains and codes and min(codes) < 0:  # most stacks have no inlined calls
            codes = self._words.spread(codes)
        codes += known
        depth, last = 0, len(codes) - 1
        while depth < last and codes[depth] in self._allocators:
            depth += 1
        return codes[depth:] if self._shape is None else self._shape(codes[depth:])


class _Callers(dict[bytes, Codes]):
    """The codes of the outermost callers as they are written: most stacks of a process share them."""

    def __init__(self, code_of: Callable[[bytes], int], words: Vocabulary) -> None:
        super().__init__()
        self._code_of, self._words = code_of, words

    def __missing__(self, frames: bytes) -> Codes:
        found = tuple(map(self._code_of, _without_echo(frames).split()))
        codes = self[frames] = self._words.spread(found)
        return codes


class _Coded(dict[bytes, int]):
    """The code of each address of one life as it is written, found when it is first asked for."""

    def __init__(self, space: AddressSpace, build_ids: Map[str, str], words: Vocabulary) -> None:
        super().__init__()
        self._space, self._build_ids, self._words = space, build_ids, words
        self._addresses = Addresses()

        self._starts: list[int] = []  # of the spans of addresses that have one code
        self._spans: dict[int, tuple[int, int]] = {}  # by their starts: their ends, and the codes

    def __missing__(self, token: bytes) -> int:
        address = self._addresses[token]
        at = bisect_right(self._starts, address)
        end, code = self._spans[self._starts[at - 1]] if at else (0, 0)
        if address >= end:
            frame = locate(address, self._space, self._build_ids)
            code = self._words[frame]
            self._remember(address, self._words.span(frame), code)
        self[token] = code
        return code

    def _remember(self, address: int, span: tuple[int, int], code: int) -> None:
        """Keep that the offsets of *span* about *address* have *code*, as far as the mapping goes."""
        mapping = self._space.at(address - 1)
        if not span[1] or mapping is None:
            return
        moved = mapping.start - mapping.offset
        start = max(span[0] + moved, mapping.start + 1)
        insort(self._starts, start)
        self._spans[start] = min(span[1] + moved, mapping.end + 1), code


def _without_echo(frames: bytes) -> bytes:
    """As `memops.profile.heap.profile.without_echo`, of *frames* as they are written.

    Calls on AArch64 end before a multiple of four, so that a byte less changes the last digit alone.
    """
    last = frames[frames.rfind(b" ") :]
    before = frames[: -len(last)]
    if not last[2:] or not before.endswith(last[:-1], -len(last), -1):
        return frames
    return before if _DIGITS.get(before[-1:]) == last[-1:] else frames


def _misread(dump: Dump, frames: bytes, error: ValueError) -> UsageError:
    return dump.fault(dump.text.find(frames), str(error))
