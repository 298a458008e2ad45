"""The laws of merging rows of different hosts and lives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memops.profile.growth.naming import Row
from memops.profile.growth.rows import Rows, merged, without

AMOUNTS = st.integers(-(10**18), 10**18)
ROWS = st.dictionaries(
    st.lists(st.integers(0, 5), max_size=3).map(tuple),
    st.builds(Row, AMOUNTS, AMOUNTS, AMOUNTS).filter(any),
    max_size=6,
)


@given(ROWS, ROWS)
def test_merging_commutes(one: Rows, other: Rows) -> None:
    assert merged(one, other) == merged(other, one)


@given(ROWS, ROWS, ROWS)
def test_merging_associates(one: Rows, other: Rows, third: Rows) -> None:
    assert merged(merged(one, other), third) == merged(one, merged(other, third))


@given(ROWS, ROWS)
def test_a_host_can_be_taken_out_again(one: Rows, other: Rows) -> None:
    assert without(merged(one, other), other) == one


@given(ROWS)
def test_the_same_host_twice_is_twice_as_much(rows: Rows) -> None:
    assert merged(rows, rows) == {
        codes: Row(*(2 * each for each in row)) for codes, row in rows.items()
    }
    assert merged(rows, {}) == rows
    assert without(rows, rows) == {}
