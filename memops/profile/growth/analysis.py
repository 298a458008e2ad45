"""What grew between two dumps of a process, or what is live in one: by stack and by function.

A profile has tens of thousands of stacks, and a person reads the largest few: sums are made of all of
them, records only of those that are asked for.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.growth.naming import Call, Codes, Row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from collections.abc import Mapping as Map

_ZERO = Row(0, 0, 0)


class Amount(NamedTuple):
    """So many *bytes* (of *objects*) with the sampling *error* of the bytes, one sigma."""

    bytes: int
    objects: int
    error: float


class Grown(NamedTuple):
    """How much a stack grew; its *codes* are indices into *words*, leaf first."""

    codes: Codes
    words: Sequence[Call]
    amount: Amount

    @property
    def calls(self) -> tuple[Call, ...]:
        """The stack without the allocator's frames, the leaf first."""
        return tuple(map(self.words.__getitem__, self.codes))


class FunctionRow(NamedTuple):
    """A function: the growth it allocated itself (*flat*), and with all it called (*cumulative*)."""

    call: Call
    flat: Amount
    cumulative: Amount


class _Seen(NamedTuple):
    """By function what it allocated itself (*flat*), and with all it called; `Analysis.unnamed`."""

    flat: Map[int, Row]
    cumulative: Map[int, Row]
    unnamed: tuple[tuple[str, int], ...]


class Culprit(NamedTuple):
    """A function that allocates what grows, and who calls it; *live* is all of it in the last dump."""

    function: Call
    caller: Call | None
    amount: Amount
    live: Amount


@dataclass(frozen=True)
class Analysis:
    """The growth of one process: *rows* by stack, of functions that are indices into *words*.

    *after* are the rows of the last dump; without a first one (*is_growth* is false) they are the
    growth.
    """

    rows: Map[Codes, Row]
    after: Map[Codes, Row]
    words: Sequence[Call]
    is_growth: bool

    @cached_property
    def live(self) -> Amount:
        """What the last dump holds."""
        return _amount(_sum(self.after.values()))

    @cached_property
    def growth(self) -> Amount:
        """What it holds more than the first."""
        return _amount(_sum(self.rows.values())) if self.is_growth else self.live

    @cached_property
    def grown(self) -> int:
        """The bytes of the stacks that grew, whatever others shrank by."""
        return sum(row[0] for row in self.rows.values() if row[0] > 0)

    @cached_property
    def stacks(self) -> tuple[Grown, ...]:
        """All stacks, the largest first."""
        ordered = sorted(self.rows.items(), key=lambda each: -each[1][0])
        return tuple(map(self._stack, ordered))

    @cached_property
    def functions(self) -> tuple[FunctionRow, ...]:
        """All functions, by what they allocated themselves."""
        return self._function_rows(self._function_of)

    @cached_property
    def culprits(self) -> tuple[Culprit, ...]:
        """All functions with their callers, by what they allocated."""
        return self._culprits(self._blamed_sums)

    @cached_property
    def unnamed(self) -> tuple[tuple[str, int], ...]:
        """Why frames have no name, with the bytes that grew in stacks with such frames."""
        return self._look_through(frozenset()).unnamed

    def largest_stacks(self, count: int) -> tuple[Grown, ...]:
        """The first *count* of `stacks`."""
        found = heapq.nsmallest(count, self.rows.items(), key=lambda each: -each[1][0])
        return tuple(map(self._stack, found))

    def largest_functions(self, count: int) -> tuple[FunctionRow, ...]:
        """The first *count* of `functions`."""
        sums: dict[int, int] = {}
        function_of = self._function_of
        for codes, row in self.rows.items():
            if codes:
                code = function_of[codes[0]]
                sums[code] = sums.get(code, 0) + row[0]
        sizes = heapq.nlargest(count, sums.values())
        if len(sizes) < count or sizes[-1] <= 0:
            return self.functions[:count]
        return self._function_rows([code for code, size in sums.items() if size >= sizes[-1]])[
            :count
        ]

    def largest_culprits(self, count: int) -> tuple[Culprit, ...]:
        """The first *count* of `culprits`."""
        sums = self._blamed_sums
        sizes = heapq.nlargest(count, (row[0] for row in sums.values()))
        least = sizes[-1] if sizes else 0
        return self._culprits({codes: row for codes, row in sums.items() if row[0] >= least})[
            :count
        ]

    def _stack(self, item: tuple[Codes, Row]) -> Grown:
        return Grown(item[0], self.words, _amount(item[1]))

    @cached_property
    def _function_of(self) -> Sequence[int]:
        """For each code the first one of the same function, whichever lines they are of."""
        if not any(call.source for call in self.words):
            return range(len(self.words))
        first: dict[Call, int] = {}
        return [first.setdefault(_whole(call), code) for code, call in enumerate(self.words)]

    def _function_rows(self, functions: Iterable[int]) -> tuple[FunctionRow, ...]:
        """The rows of *functions*: what each allocated with all it called counts once a stack."""
        seen = self._look_through(frozenset(functions))
        # Found on the way: to look through all stacks once more takes as long.
        self.__dict__.setdefault("unnamed", seen.unnamed)
        found = [
            FunctionRow(_whole(self.words[code]), _amount(seen.flat.get(code, _ZERO)), _amount(row))
            for code, row in seen.cumulative.items()
        ]
        return tuple(sorted(found, key=_by_flat))

    def _look_through(self, wanted: frozenset[int]) -> _Seen:
        """What all stacks tell of the functions *wanted*, and of frames without a name."""
        function_of = self._function_of
        reasons = {code: call.reason for code, call in enumerate(self.words) if call.reason}
        watched = frozenset(code for code, one in enumerate(function_of) if one in wanted)
        watched |= reasons.keys()
        flat: dict[int, Row] = {}
        cumulative: dict[int, Row] = {}
        unnamed: Counter[str] = Counter()
        for stack, row in self.rows.items():
            if found := watched.intersection(stack):
                for code in wanted.intersection(map(function_of.__getitem__, found)):
                    cumulative[code] = _plus(cumulative[code], row) if code in cumulative else row
                    if code == function_of[stack[0]]:
                        flat[code] = _plus(flat[code], row) if code in flat else row
                if row[0] > 0:
                    for reason in {reasons[code] for code in reasons.keys() & found}:
                        unnamed[reason] += row[0]
        ordered = sorted(unnamed.items(), key=lambda each: (-each[1], each[0]))
        return _Seen(flat, cumulative, tuple(ordered))

    @cached_property
    def _blamed_sums(self) -> dict[Codes, Row]:
        return self._by_blame(self.rows)

    def _culprits(self, sums: Map[Codes, Row]) -> tuple[Culprit, ...]:
        live = sums
        if self.rows is not self.after:
            stacks = {
                codes: row for codes, row in self.after.items() if blamed(codes, self.words) in sums
            }
            live = self._by_blame(stacks)
        found = [
            Culprit(
                self.words[codes[0]],
                self.words[codes[1]] if codes[1:] else None,
                _amount(row),
                _amount(live.get(codes, _ZERO)),
            )
            for codes, row in sums.items()
            if codes
        ]
        return tuple(sorted(found, key=lambda each: (-each.amount.bytes, each.function)))

    def _by_blame(self, rows: Map[Codes, Row]) -> dict[Codes, Row]:
        sums: dict[Codes, Row] = {}
        named = [not call.reason for call in self.words]
        for codes, row in rows.items():
            pair = codes[:2] if codes and named[codes[0]] else blamed(codes, self.words)
            sums[pair] = _plus(sums[pair], row) if pair in sums else row
        return sums


def blamed(codes: Codes, words: Sequence[Call]) -> Codes:
    """The first function of a stack with a name in the module that allocates, and its caller.

    A stripped library names only what it exports: ``inflate``, say, for the static function in
    it that calls malloc.
    """
    if not codes or not (leaf := words[codes[0]]).reason:
        return codes[:2]
    for at, code in enumerate(codes):
        call = words[code]
        if call.module != leaf.module:
            break
        if not call.reason:
            return codes[at : at + 2]
    return codes[:2]


def analyse(
    after: Map[Codes, Row], before: Map[Codes, Row] | None, words: Sequence[Call]
) -> Analysis:
    """What grew from *before* to *after*; all that is live in *after* without a *before*."""
    if before is None:
        return Analysis(after, after, words, is_growth=False)
    stacks = dict.fromkeys([*before, *after])
    rows = {codes: _growth(before.get(codes, _ZERO), after.get(codes, _ZERO)) for codes in stacks}
    grown = {codes: row for codes, row in rows.items() if row[0] or row[1]}
    return Analysis(grown, after, words, is_growth=True)


def _whole(call: Call) -> Call:
    """The function of *call*, whichever line it is of."""
    return call._replace(source="") if call.source else call


def _growth(before: Row, after: Row) -> Row:
    """From *before* to *after*, with the variance of the difference.

    Both are estimates. What lives in both was sampled once and its error cancels, but a dump does
    not say what that is: the sum of both variances is the upper bound.
    """
    return Row(after[0] - before[0], after[1] - before[1], after[2] + before[2])


def _plus(one: Row, other: Row) -> Row:
    return Row(one[0] + other[0], one[1] + other[1], one[2] + other[2])


def _sum(rows: Collection[Row]) -> Row:
    return Row(*(sum(map(itemgetter(at), rows)) for at in range(3)))


def _amount(row: Row) -> Amount:
    return Amount(row[0], row[1], sqrt(row[2]))


def _by_flat(row: FunctionRow) -> tuple[int, int, Call]:
    return -row.flat.bytes, -row.cumulative.bytes, row.call
