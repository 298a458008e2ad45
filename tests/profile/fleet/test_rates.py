"""Rates over lives and hosts against simulated truth, and the algebra of their errors."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.profile.fleet.rates import Rate, difference, pooled, rate, total
from memops.profile.growth.trend import Times
from tests.profile.test_trend import R, sampled

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 8192
RUNS = 300


def life(dumps: int, pieces: int, noise: int, dice: random.Random) -> Rate:
    """A life that leaks *pieces* a minute, beside a cache of *noise* pieces that is always replaced."""
    leaked = sampled([pieces * minute for minute in range(dumps)], PIECE, dice)
    sizes = [each + sampled([noise], PIECE, dice)[0] for each in leaked]
    return rate(Times(tuple(60.0 * minute for minute in range(dumps))), sizes, R)


def one_host(dumps: int, noise: int, dice: random.Random) -> tuple[Rate, int]:
    """Three lives of different lengths."""
    return pooled([life(dumps + more, 40, noise, dice) for more in (0, 3, 1)]), 40


def five_hosts(dumps: int, noise: int, dice: random.Random) -> tuple[Rate, int]:
    """Some of which leak and some do not."""
    leaks = (40, 40, 80, 0, 20)
    return total([life(dumps, pieces, noise, dice) for pieces in leaks]), sum(leaks)


def halved(dumps: int, noise: int, dice: random.Random) -> tuple[Rate, int]:
    """Two lives before a change that halves the leak, and two after."""
    before, after = (
        pooled([life(dumps, pieces, noise, dice) for _ in range(2)]) for pieces in (40, 20)
    )
    return difference(before, after), -20


@pytest.mark.parametrize("noise", [0, 200])
@pytest.mark.parametrize("dumps", [3, 5, 12])
@pytest.mark.parametrize("measured", [one_host, five_hosts, halved])
def test_the_interval_holds_the_truth_as_often_as_it_says(
    measured: Callable[[int, int, random.Random], tuple[Rate, int]], dumps: int, noise: int
) -> None:
    dice, held = random.Random(7), 0
    for _ in range(RUNS):
        found, pieces = measured(dumps, noise, dice)
        held += found.low <= pieces * PIECE / 60 <= found.high

    assert held / RUNS >= 0.93


def test_more_lives_make_it_surer() -> None:
    dice = random.Random(7)
    lives = [life(12, 40, 200, dice) for _ in range(16)]

    spreads = [pooled(lives[:count]).spread for count in (1, 4, 16)]

    assert all(less < 0.7 * more for more, less in pairwise(spreads))


RATES = st.builds(
    Rate,
    st.floats(-1e9, 1e9),
    st.floats(1, 1e18),
    st.floats(1, 100),
    st.floats(1, 1e7),
    st.integers(2, 999),
    st.floats(0, 1),
)


@given(RATES)
def test_one_life_alone_is_its_host_and_its_fleet(found: Rate) -> None:
    assert tuple(pooled([found])) == pytest.approx(tuple(found))
    assert tuple(total([found])) == pytest.approx(tuple(found))


@given(st.lists(RATES, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_lives_does_not_count(lives: list[Rate], dice: random.Random) -> None:
    mixed = lives.copy()
    dice.shuffle(mixed)

    assert tuple(pooled(mixed)) == pytest.approx(tuple(pooled(lives)), rel=1e-6, abs=1e-3)


@given(RATES, RATES)
def test_a_difference_is_as_unsure_as_both_together(before: Rate, after: Rate) -> None:
    found = difference(before, after)

    assert found.mean == pytest.approx(after.mean - before.mean)
    assert found.variance == pytest.approx(before.variance + after.variance)
    assert found.freedom >= 0.999 * min(before.freedom, after.freedom)
