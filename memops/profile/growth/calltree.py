"""Who calls whom: the stacks as a tree from the roots, and the callers and callees of a function."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.growth.filters import matcher
from memops.profile.growth.groups import add_up, amount_of
from memops.profile.growth.naming import Row

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Sequence

    from memops.profile.growth.analysis import Amount, Analysis
    from memops.profile.growth.naming import Call, Codes

DEEPEST = 128
"""Callers in a tree, as many as jemalloc records; a stack that goes on counts as its last one's own."""
_Item = tuple["Codes", Row]


class Branch(NamedTuple):
    """A function called in one way: with all it calls (*amount*), and what is its *own*.

    *share* is that of all that changed, between 0 and 1. *children* are the largest first; *small*
    are as many as were left out, which together hold *rest*. The root has no *call*.
    """

    call: Call | None
    amount: Amount
    own: Amount
    share: float
    children: tuple[Branch, ...]
    small: int
    rest: Amount


class Edge(NamedTuple):
    """A caller or a callee: None for the root of a stack, or for the function itself."""

    call: Call | None
    amount: Amount


class Peek(NamedTuple):
    """A function with its *callers* and *callees*; each of both add up to *cumulative*.

    Of a function that calls itself the outermost call has the caller, the innermost the callee. A
    callee of None is what the function allocated itself.
    """

    call: Call
    flat: Amount
    cumulative: Amount
    callers: tuple[Edge, ...]
    callees: tuple[Edge, ...]


def call_tree(analysis: Analysis, least: float) -> Branch:
    """The stacks of *analysis* from their roots, without what has less than *least* of all change.

    What is left out is counted where it is missing: children, rest and own add up to the amount.
    """
    items = list(analysis.rows.items())
    whole = _changed(items)
    return _branch(None, items, 0, analysis.words, (whole, least * whole))


def peek(analysis: Analysis, wanted: re.Pattern[str]) -> tuple[Peek, ...]:
    """The functions whose name or module has *wanted*, the largest first."""
    matches = matcher(wanted)
    codes = [code for code, call in enumerate(analysis.words) if matches(call)]
    stacks: defaultdict[int, list[_Item]] = defaultdict(list)
    chosen = frozenset(codes)
    for item in analysis.rows.items():
        for code in chosen.intersection(item[0]):
            stacks[code].append(item)
    found = [_peek(code, items, analysis.words) for code, items in stacks.items()]
    return tuple(sorted(found, key=lambda each: (-abs(each.cumulative.bytes), each.call)))


def _branch(
    call: Call | None,
    items: Sequence[_Item],
    depth: int,
    words: Sequence[Call],
    limits: tuple[int, float],
) -> Branch:
    """The branch of the stacks *items*, which agree in their *depth* outermost functions.

    *limits* are all that changed in all stacks, and the least that is shown.
    """
    own, below = _split(items, depth)
    whole, least = limits
    sizes = {code: _changed(having) for code, having in below.items()}
    large = sorted((code for code, size in sizes.items() if size >= max(least, 1)),
                   key=lambda code: (-sizes[code], code))  # fmt: skip
    rest = [row for code in sizes.keys() - set(large) for _, row in below[code]]
    return Branch(
        call,
        _sum(row for _, row in items),
        _sum(own),
        _changed(items) / whole if whole else 0.0,
        tuple(_branch(words[code], below[code], depth + 1, words, limits) for code in large),
        len(below) - len(large),
        _sum(rest),
    )


def _split(items: Sequence[_Item], depth: int) -> tuple[list[Row], dict[int, list[_Item]]]:
    """What ends at *depth*, and the other stacks by the next function they call."""
    own: list[Row] = []
    below: defaultdict[int, list[_Item]] = defaultdict(list)
    for codes, row in items:
        if len(codes) <= depth or depth >= DEEPEST:
            own.append(row)
        else:
            below[codes[-1 - depth]].append((codes, row))
    return own, below


def _peek(code: int, items: Sequence[_Item], words: Sequence[Call]) -> Peek:
    callers: list[tuple[int, Row]] = []
    callees: list[tuple[int, Row]] = []
    for codes, row in items:
        inner = codes.index(code)
        outer = len(codes) - codes[::-1].index(code)
        callers.append((codes[outer] if outer < len(codes) else -1, row))
        callees.append((codes[inner - 1] if inner else -1, row))
    flat = _sum(row for callee, row in callees if callee < 0)
    cumulative = _sum(row for _, row in items)
    return Peek(words[code], flat, cumulative, _edges(callers, words), _edges(callees, words))


def _edges(rows: Iterable[tuple[int, Row]], words: Sequence[Call]) -> tuple[Edge, ...]:
    found = [
        Edge(words[code] if code >= 0 else None, amount_of(row))
        for code, row in add_up(rows).items()
    ]
    return tuple(
        sorted(found, key=lambda each: (-abs(each.amount.bytes), each.call or ("", "", "")))
    )


def _changed(items: Iterable[_Item]) -> int:
    """All that changed, grown or shrunk, so that one does not hide the other."""
    return sum(abs(row[0]) for _, row in items)


def _sum(rows: Iterable[Row]) -> Amount:
    found = add_up(("", row) for row in rows)
    return amount_of(found.get("", Row(0, 0, 0)))
