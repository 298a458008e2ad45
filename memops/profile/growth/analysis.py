"""What grew between two dumps of a process, or what is live in one: by stack and by function."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from math import sqrt
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.growth.naming import Call, Codes, Row

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from collections.abc import Mapping as Map

_ZERO = Row(0, 0, 0)
_Part = tuple[set[int], Row]  # the functions of a stack, each once, and what the stack adds up to


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


class Culprit(NamedTuple):
    """A function that allocates what grows, and who calls it; *live* is all of it in the last dump."""

    function: Call
    caller: Call | None
    amount: Amount
    live: Amount


@dataclass(frozen=True, slots=True)
class Analysis:
    """The growth of one process; stacks, functions and culprits with the largest first.

    *live* is what the last dump holds; *growth* is *live* less what the first holds, or all of
    *live* when there is no first (*is_growth* tells). *unnamed* tells why frames have no name, with
    the bytes that grew in stacks with such frames.
    """

    live: Amount
    growth: Amount
    is_growth: bool
    stacks: tuple[Grown, ...]
    functions: tuple[FunctionRow, ...]
    culprits: tuple[Culprit, ...]
    unnamed: tuple[tuple[str, int], ...]


def analyse(
    after: Map[Codes, Row], before: Map[Codes, Row] | None, calls: Sequence[Call]
) -> Analysis:
    """What grew from *before* to *after*; all that is live in *after* without a *before*."""
    is_growth = before is not None
    before = before or {}
    rows = _grown(after, before) if before else after
    rows = {codes: row for codes, row in rows.items() if row[0] or row[1]}
    parts = [(set(codes), row) for codes, row in rows.items()]
    end, start = _sum(after.values()), _sum(before.values())
    return Analysis(
        live=_amount(end),
        growth=_amount(_growth(start, end)),
        is_growth=is_growth,
        stacks=_stacks(rows, calls),
        functions=_functions(rows, parts, calls),
        culprits=_culprits(rows, after, calls),
        unnamed=_unnamed(parts, calls),
    )


def _grown(after: Map[Codes, Row], before: Map[Codes, Row]) -> dict[Codes, Row]:
    stacks = dict.fromkeys([*before, *after])
    return {codes: _growth(before.get(codes, _ZERO), after.get(codes, _ZERO)) for codes in stacks}


def _growth(before: Row, after: Row) -> Row:
    """From *before* to *after*, with the variance of the difference.

    Both are estimates. What lives in both was sampled once and its error cancels, but a dump does
    not say what that is: the sum of both variances is the upper bound.
    """
    return Row(after[0] - before[0], after[1] - before[1], after[2] + before[2])


def _sum(rows: Collection[Row]) -> Row:
    return Row(*(sum(map(itemgetter(at), rows)) for at in range(3)))


def _amount(row: Row) -> Amount:
    return Amount(row[0], row[1], sqrt(row[2]))


def _stacks(rows: Map[Codes, Row], calls: Sequence[Call]) -> tuple[Grown, ...]:
    ordered = sorted(rows.items(), key=lambda each: -each[1][0])
    return tuple([Grown(codes, calls, _amount(row)) for codes, row in ordered])


def _functions(
    rows: Map[Codes, Row], parts: Sequence[_Part], calls: Sequence[Call]
) -> tuple[FunctionRow, ...]:
    flat: defaultdict[int, list[Row]] = defaultdict(list)
    cumulative: defaultdict[int, list[Row]] = defaultdict(list)
    for codes, row in rows.items():
        for code in codes[:1]:
            flat[code].append(row)
    for members, row in parts:
        for code in members:
            cumulative[code].append(row)
    found = [
        FunctionRow(calls[code], _amount(_sum(flat.get(code, ()))), _amount(_sum(having)))
        for code, having in cumulative.items()
    ]
    return tuple(sorted(found, key=_by_flat))


def _by_flat(row: FunctionRow) -> tuple[int, int, Call]:
    return -row.flat.bytes, -row.cumulative.bytes, row.call


def _culprits(
    rows: Map[Codes, Row], after: Map[Codes, Row], calls: Sequence[Call]
) -> tuple[Culprit, ...]:
    grown = _by_blame(rows, calls)
    live = grown if rows == after else _by_blame(after, calls)
    found = (
        Culprit(
            calls[codes[0]],
            calls[codes[1]] if codes[1:] else None,
            _amount(_sum(parts)),
            _amount(_sum(live.get(codes, ()))),
        )
        for codes, parts in grown.items()
        if codes
    )
    return tuple(sorted(found, key=lambda each: (-each.amount.bytes, each.function)))


def _by_blame(rows: Map[Codes, Row], calls: Sequence[Call]) -> Map[Codes, list[Row]]:
    found: defaultdict[Codes, list[Row]] = defaultdict(list)
    for codes, row in rows.items():
        found[_blamed(codes, calls)].append(row)
    return found


def _blamed(codes: Codes, calls: Sequence[Call]) -> Codes:
    """The first function with a name in the module that allocates, and its caller.

    A stripped library names only what it exports: ``inflate``, say, for the static function in it
    that calls malloc.
    """
    for at, code in enumerate(codes):
        call = calls[code]
        if call.module != calls[codes[0]].module:
            break
        if not call.reason:
            return codes[at : at + 2]
    return codes[:2]


def _unnamed(parts: Sequence[_Part], calls: Sequence[Call]) -> tuple[tuple[str, int], ...]:
    nameless = {code for code, call in enumerate(calls) if call.reason}
    sums: Counter[str] = Counter()
    for members, row in parts:
        for reason in {calls[code].reason for code in nameless & members}:
            sums[reason] += max(row[0], 0)
    return tuple(sorted(sums.items(), key=lambda each: (-each[1], each[0])))
