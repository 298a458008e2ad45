"""Rows of several lives and hosts together: their algebra, which is exact.

Each row was un-sampled stack by stack in its own dump, so sums are of estimates of the truth. A stack
without anything has no row, so that ``without(merged(a, b), b) == a``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.profile.growth.naming import Codes, Row

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

Rows = dict[Codes, Row]
NONE = Row(0, 0, 0)


def merged(one: Map[Codes, Row], other: Map[Codes, Row]) -> Rows:
    """Everything in *one* and in *other*."""
    return _combined(one, other, 1)


def without(one: Map[Codes, Row], other: Map[Codes, Row]) -> Rows:
    """*one* without what *other* contributed to it: the inverse of `merged`, in its variance too."""
    return _combined(one, other, -1)


def _combined(one: Map[Codes, Row], other: Map[Codes, Row], sign: int) -> Rows:
    sums = dict(one)
    for codes, row in other.items():
        have = sums.get(codes, NONE)
        sums[codes] = Row(*(mine + sign * theirs for mine, theirs in zip(have, row, strict=True)))
    return {codes: row for codes, row in sums.items() if any(row)}
