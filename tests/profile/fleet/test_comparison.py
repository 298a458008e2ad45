"""Did it fall? The verdict against simulated truth, and over real dumps."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from memops.errors import UsageError
from memops.profile.fleet.comparison import (
    FELL,
    NO_CHANGE,
    ROSE,
    TOO_EARLY,
    Comparison,
    change,
    compare,
)
from memops.profile.fleet.lives import read_lives
from memops.profile.growth.naming import Lexicon
from memops.profile.growth.window import parse_range
from tests.corpus import read
from tests.profile.fleet.test_fleet import steady
from tests.profile.fleet.test_rates import life

RUNS = 300


def told(dumps: int, before: int, after: int) -> Counter[str]:
    """The verdicts on leaks of so many pieces a minute *before* and *after*, on two hosts."""
    dice, found = random.Random(7), Counter[str]()
    for _ in range(RUNS):
        sides = [[life(dumps, pieces, 50, dice) for _ in range(2)] for pieces in (before, after)]
        found[change(*sides).verdict] += 1
    return found


def test_where_nothing_changed_a_change_is_seldom_told() -> None:
    found = told(12, 40, 40)

    assert (found[FELL] + found[ROSE]) / RUNS < 0.07


@pytest.mark.parametrize(("before", "after", "verdict"), [(80, 0, FELL), (20, 100, ROSE)])
def test_a_large_change_is_told(before: int, after: int, verdict: str) -> None:
    assert told(20, before, after)[verdict] / RUNS > 0.95


def test_with_the_dumps_that_were_said_to_be_missing_it_is_not_too_early_any_more() -> None:
    dice, enough, asked = random.Random(7), 0, 0
    for _ in range(RUNS):
        before = life(20, 40, 50, dice)
        found = change([before], [life(4, 40, 50, dice)])
        if found.verdict == TOO_EARLY:
            asked += 1
            later = life(4 + found.more, 40, 50, dice)
            enough += change([before], [later]).verdict != TOO_EARLY

    assert asked > RUNS / 10
    assert enough / asked > 0.6


CHANGES = [
    ("fell", 5.0, 0.0, 0.2, FELL),
    ("rose", 1.0, 3.0, 0.2, ROSE),
    ("as before", 5.0, 5.1, 0.2, NO_CHANGE),
    ("nothing before or after", 0.0, 0.0, 0.0, NO_CHANGE),
    ("too noisy for ever", 0.1, 0.2, 5.0, NO_CHANGE),
]


@pytest.mark.parametrize(
    ("before", "after", "error", "verdict"),
    [row[1:] for row in CHANGES],
    ids=[row[0] for row in CHANGES],
)
def test_each_change_has_its_name(before: float, after: float, error: float, verdict: str) -> None:
    found = change([steady(before, error)], [steady(after, error)])

    assert (found.verdict, found.more) == (verdict, 0)


def test_without_dumps_after_it_is_too_early() -> None:
    assert (change([steady(5)], []).verdict, change([steady(5)], []).more) == (TOO_EARLY, 2)
    assert change([], [steady(5)]).verdict == TOO_EARLY


NIGHT, LATER = "..2026-11-24T00:59Z", "2026-11-24T01:00Z.."


def compared(before: str, after: str, *hosts: str) -> Comparison:
    lexicon = Lexicon()
    sides = [
        read_lives(read.fleet(*hosts), window=parse_range(text, name), lexicon=lexicon)
        for text, name in ((before, "--before"), (after, "--after"))
    ]
    return compare("shop", sides[0].hosts, sides[1].hosts)


def test_the_remedy_of_the_corpus_helped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lives before it, one after; the remedy gives 49 of 50 pages back."""
    monkeypatch.chdir(read.HERE)
    found = compared(NIGHT, LATER, "web-1")

    assert found.whole.verdict == FELL
    assert [len(side.lives) for side in (found.hosts[0].before, found.hosts[0].after) if side] == [
        2, 1,
    ]  # fmt: skip
    assert [(row.calls[0].function, row.change.verdict) for row in found.rows[:2]] == [
        ("rent_page", FELL),
        ("refresh_cache", NO_CHANGE),
    ]


def test_hosts_with_dumps_on_one_side_only_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)
    alone, all_of_them = compared(NIGHT, LATER, "web-1"), compared(NIGHT, LATER)

    assert all_of_them.whole == alone.whole
    assert [each.change.verdict for each in all_of_them.hosts] == [FELL, *[TOO_EARLY] * 4]


def test_a_window_without_dumps_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)

    with pytest.raises(UsageError, match="none of 21 dumps was written then"):
        compared("..2026-11-20T00:00Z", LATER, "web-1")
