"""Rates, times and names of hostile hosts in the reports on several lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.profile.growth.naming import Call
from memops.report.rates import called, columns, moment, pace_of, pair
from memops.report.view import UNITS
from tests.profile.fleet.test_rates import RATES

if TYPE_CHECKING:
    from memops.profile.fleet.rates import Rate


@pytest.mark.parametrize(
    ("time", "said"),
    [(1795467600.0, "2026-11-23T21:00Z"), (0.0, "1970-01-01T00:00Z"), (1e18, "1000000000000000000"),
     (-1e12, "-1000000000000"), (1e12, "1000000000000")],
)  # fmt: skip
def test_a_time_reads_as_it_can_be_typed(time: float, said: str) -> None:
    assert moment(time) == said


@given(st.text(max_size=30), st.text(max_size=30))
def test_names_of_strangers_cannot_write_to_the_terminal(function: str, module: str) -> None:
    calls = [Call(function, module), Call(function, module)]
    lines = [called(calls), *columns([(function.strip(), pair(calls))], 60)]

    assert all(line.isprintable() for line in lines)
    assert all(len(line) <= 60 for line in lines[1:])


@given(st.lists(st.none() | RATES, max_size=4), st.sampled_from(UNITS))
def test_any_rate_can_be_told_in_any_unit(rates: list[Rate | None], unit: str) -> None:
    pace = pace_of(rates, unit)

    assert (pace.seconds, pace.name) in {(3600, "an hour"), (60, "a minute")}
    for each in rates:
        assert pace.mean(each).endswith("" if unit == "auto" or each is None else f" {unit}")
        assert (pace.bounds(each) == "") == (each is None)


def test_columns_stand_below_each_other() -> None:
    rows = [("grows", "function"), ("+4.8 MiB", "rent_page"), ("-", "x")]

    assert columns(rows, 20) == ["   grows  function", "+4.8 MiB  rent_page", "       -  x"]
