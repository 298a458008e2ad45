"""How often the words on growth are wrong, of processes whose truth is known.

More of it, and how often each word is right, measures ``python -m benchmarks.growth``.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest

from memops.profile.growth.trend import (
    LEAKS,
    PERIODIC,
    PLATEAUS,
    SHRINKS,
    STEADY,
    TOO_EARLY,
)
from tests.profile.processes import (
    BASE,
    CACHES,
    FLATS,
    HOUR,
    LEAKING,
    MATTERING,
    ONCE,
    PERIODS,
    SHORT,
    Process,
    watched,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

RUNS = 100
FEW, MANY = 6, 48


def told(process: Process, dumps: int, hours: float = 24.0, runs: int = RUNS) -> Counter[str]:
    """How often each word was said."""
    dice = Random(f"{process.name} {dumps}")
    return Counter(watched(process, dumps, hours, dice).verdict for _ in range(runs))


def of_each(processes: Iterable[Process], *dumps: int) -> pytest.MarkDecorator:
    cases = [(each, count) for each in processes for count in dumps]
    names = [f"{each.name}, {count} dumps" for each, count in cases]
    return pytest.mark.parametrize(("process", "dumps"), cases, ids=names)


@of_each(FLATS, FEW, 12, MANY)
def test_what_is_flat_is_seldom_said_to_leak_however_slowly_it_is_replaced(
    process: Process, dumps: int
) -> None:
    """Slowly replaced memory is sampled slowly anew: its error wanders, and looks like growth."""
    words = told(process, dumps)

    assert words[LEAKS] <= 0.05 * RUNS
    assert words[PERIODIC] + words[PLATEAUS] <= 0.02 * RUNS


@of_each([each for each in (*FLATS, *LEAKING) if each.grows is not None], FEW, 12, MANY)
def test_the_interval_holds_the_truth(process: Process, dumps: int) -> None:
    dice, held = Random(f"{process.name} {dumps}"), 0
    for _ in range(RUNS):
        found = watched(process, dumps, 24.0, dice)
        held += found.low <= (process.grows or 0) / (24 * HOUR) <= found.high

    assert held >= 0.88 * RUNS  # of 100 runs at 92 %, two sigmas less


@of_each(MATTERING, FEW, 12, MANY)
def test_a_leak_that_matters_is_never_steady_and_no_plateau(process: Process, dumps: int) -> None:
    words = told(process, dumps)

    assert words[STEADY] + words[SHRINKS] == 0
    assert words[PLATEAUS] <= 0.02 * RUNS
    assert words[LEAKS] + words[TOO_EARLY] >= 0.97 * RUNS


@pytest.mark.parametrize("dumps", [FEW, 12, MANY])
def test_a_large_leak_is_not_missed(dumps: int) -> None:
    for process in LEAKING[:2]:
        assert told(process, dumps)[LEAKS] >= 0.95 * RUNS


@of_each([each for each in PERIODS if each not in SHORT], 12, MANY)
def test_waves_within_the_watch_are_no_leak(process: Process, dumps: int) -> None:
    words = told(process, dumps)

    assert words[LEAKS] + words[STEADY] + words[PLATEAUS] <= 0.05 * RUNS


@of_each(ONCE, 12, MANY)
def test_what_grew_once_is_no_leak(process: Process, dumps: int) -> None:
    words = told(process, dumps)

    assert words[LEAKS] <= 0.03 * RUNS
    assert words[STEADY] == 0


@of_each([each for each in CACHES if each.live(0.5, 0) > 0.98 * BASE], 12, MANY)
def test_a_cache_that_filled_in_the_first_half_is_no_leak(process: Process, dumps: int) -> None:
    assert told(process, dumps)[LEAKS] <= 0.05 * RUNS


def test_of_a_short_watch_nothing_noisy_is_steady() -> None:
    """An hour cannot exclude what matters in a day; a day can."""
    replaced = FLATS[1]

    assert told(replaced, 12, hours=1.0)[STEADY] <= 0.05 * RUNS
    assert told(replaced, 12, hours=24.0)[STEADY] >= 0.6 * RUNS


def test_with_the_dumps_that_were_said_to_be_missing_it_is_told() -> None:
    dice, asked, enough = Random(7), 0, 0
    for _ in range(RUNS):
        found = watched(FLATS[1], 12, 6.0, dice)
        if found.more:
            asked += 1
            dumps = 12 + found.more
            enough += not watched(FLATS[1], dumps, 6.0 * (dumps - 1) / 11, dice).more

    assert asked > RUNS / 2
    assert enough > 0.8 * asked
