"""Which host is the odd one and why, against simulated truth and over real dumps."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.profile.fleet.fleet import Only, explanations, fleet, outliers
from memops.profile.fleet.lives import HostLives, Read, read_lives
from memops.profile.fleet.rates import Rate
from tests.corpus import read
from tests.profile.fleet.test_rates import RATES, life

MIB = 1 << 20


def steady(mean: float, error: float = 0.1) -> Rate:
    """A rate in MiB an hour."""
    return Rate(mean * MIB / 3600, (error * MIB / 3600) ** 2, 10, 3600.0, 12)


def named(means: list[float], error: float = 0.1) -> dict[str, Rate]:
    return {f"web-{at}": steady(mean, error) for at, mean in enumerate(means, 1)}


ODD = [
    ("one leaks", [0.0, 0.1, -0.1, 5.0], ["web-4"]),
    ("one leaks faster", [2.0, 2.1, 1.9, 2.0, 9.0], ["web-5"]),
    ("one does not leak", [5.0, 5.1, 4.9, 5.0, 0.0], ["web-5"]),
    ("two are odd, the farthest first", [1.0, 1.1, 0.9, 1.0, 1.0, 4.0, 9.0], ["web-7", "web-6"]),
    ("all alike", [2.0, 2.1, 1.9, 2.0], []),
    ("all the same to the byte, one by little", [2.0, 2.0, 2.0, 2.9], []),
    ("spread evenly", [1.0, 2.0, 3.0, 4.0, 5.0], []),
    ("two hosts do not tell which is odd", [0.0, 9.0], []),
    ("none", [], []),
]


@pytest.mark.parametrize(("means", "odd"), [row[1:] for row in ODD], ids=[row[0] for row in ODD])
def test_the_odd_host_is_far_from_the_middle(means: list[float], odd: list[str]) -> None:
    assert [each.host for each in outliers(named(means))] == odd


def test_what_sampling_explains_makes_no_host_odd() -> None:
    assert outliers(named([0.0, 0.1, -0.1, 5.0], error=3.0)) == ()


def test_a_fleet_of_like_hosts_has_seldom_an_odd_one() -> None:
    dice, called, runs = random.Random(7), 0, 100
    for _ in range(runs):
        rates = {str(host): life(8, 40, 200, dice) for host in range(8)}
        called += bool(outliers(rates))

    assert called / runs < 0.05


def test_a_host_that_leaks_thrice_as_fast_is_found() -> None:
    dice, found, runs = random.Random(7), 0, 100
    for _ in range(runs):
        rates = {str(host): life(12, 120 if host == 3 else 40, 50, dice) for host in range(8)}
        found += [each.host for each in outliers(rates)] == ["3"]

    assert found / runs > 0.9


@given(st.dictionaries(st.text(max_size=3), RATES, max_size=8))
def test_any_rates_have_their_odd_hosts_among_them(rates: dict[str, Rate]) -> None:
    found = outliers(rates)

    assert {each.host for each in found} <= set(rates)
    assert len(found) <= len(rates) / 2


WHY = [
    ("a canary", [5, 0, 0], ["b", "a", "a"], [Only("release", "b")]),
    ("several of a release", [5, 5, 0], ["b", "b", "a"], [Only("release", "b")]),
    ("a remedy", [5, 5, 0], ["a", "b", "c"], [Only("release", "c", grows=False)]),
    ("the label is on calm hosts too", [5, 0, 0], ["b", "b", "a"], []),
    ("it grows everywhere", [5, 5, 5], ["b", "a", "a"], []),
    ("it grows nowhere", [0, 0, 0], ["b", "a", "a"], []),
    ("a host without a label", [5, 0, 0], ["b", "a", ""], []),
]


@pytest.mark.parametrize(
    ("means", "releases", "only"), [row[1:] for row in WHY], ids=[row[0] for row in WHY]
)
def test_a_label_explains_where_it_grows(
    means: list[float], releases: list[str], only: list[Only]
) -> None:
    rates = named(means)
    labels = {
        host: {"release": release} for host, release in zip(rates, releases, strict=True) if release
    }

    assert list(explanations(rates, labels)) == only


def test_hosts_that_cannot_be_told_count_neither_way() -> None:
    rates = named([5.0, 0.0]) | {"unsure": steady(1.0, error=9.0)}
    labels = {"web-1": {"release": "b"}, "web-2": {"release": "a"}, "unsure": {"release": "b"}}

    assert explanations(rates, labels) == (Only("release", "b"),)


@pytest.fixture(scope="module")
def shop() -> Read:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(read.HERE)
        return read_lives(read.fleet())


def test_the_fleet_of_the_corpus_is_told_as_it_was_made(shop: Read) -> None:
    """All lose pages but web-1, which has the remedy by now; web-5 has the release with the bug."""
    found = fleet("shop", shop.hosts)
    pages, cache = found.rows[:2]

    assert [call.function for call in pages.calls] == ["rent_page", "serve_request"]
    assert set(pages.growing) == {"web-2", "web-3", "web-4", "web-5"}
    assert [each.host for each in pages.outliers] == ["web-1"]
    assert [call.function for call in cache.calls] == ["refresh_cache", "serve_request"]
    assert cache.growing == ("web-5",)
    assert [each.host for each in cache.outliers] == ["web-5"]
    assert [each.name for each in cache.only] == ["build-id of shop"]
    assert cache.first == ("web-5", read.BEGUN + 7200)


def test_the_fleet_holds_what_its_hosts_hold(shop: Read) -> None:
    found = fleet("shop", shop.hosts)

    assert found.whole is not None
    assert found.whole.live.bytes == sum(host.last.process.live for host in found.hosts)
    assert found.whole.rate.mean == pytest.approx(
        sum(each.mean for each in found.whole.hosts.values())
    )


def test_a_host_twice_is_twice_as_much(shop: Read) -> None:
    host = shop.hosts[0]
    once = fleet("shop", [host])
    twice = fleet("shop", [host, HostLives("again", host.lives)])

    assert [row.codes for row in once.rows] == [row.codes for row in twice.rows]
    for one, two in zip(once.rows, twice.rows, strict=True):
        assert two.live == tuple(2 * each for each in one.live)
        assert two.rate.mean == pytest.approx(2 * one.rate.mean)


def test_a_host_that_was_just_restarted_is_told_by_its_life_before(shop: Read) -> None:
    before, after = shop.hosts[1].lives
    fresh = replace(after, moments=None, sizes={})

    found = fleet("shop", [HostLives("web-2", (before, fresh))])

    assert found.hosts[0].lives == (before,)
    assert "restarted" in found.notes[0]
    assert fleet("shop", [HostLives("web-2", (fresh,))]).silent == ("web-2",)
