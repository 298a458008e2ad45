from __future__ import annotations

import random
from collections import Counter
from itertools import accumulate
from math import exp

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memops.profile.growth.naming import Call, Row
from memops.profile.growth.series import MOST, RANKED, Series, Track
from memops.profile.growth.trend import (
    LEAKS,
    PERIODIC,
    PLATEAUS,
    SHRINKS,
    STEADY,
    TOO_EARLY,
    Times,
    Trend,
    trend,
)
from memops.profile.study import study
from tests.corpus import read

MIB, GIB = 1 << 20, 1 << 30
R = 128 << 10


def sampled(pieces: list[int], size: int, dice: random.Random) -> list[int]:
    """The estimates of dumps that hold so many *pieces* of *size* bytes each: none is ever freed."""
    chance = 1 - exp(-size / R)
    seen, had, estimates = 0, 0, []
    for have in pieces:
        seen += sum(dice.random() < chance for _ in range(have - had))
        had = have
        estimates.append(round(seen * size / chance))
    return estimates


def test_the_interval_holds_the_true_growth_as_often_as_it_says() -> None:
    dice, held, runs = random.Random(7), 0, 300
    times = Times(tuple(60.0 * minute for minute in range(12)))
    for _ in range(runs):
        found = trend(times, sampled([40 * minute for minute in range(12)], 8192, dice), R, GIB)
        held += found.low <= 40 * 8192 / 60 <= found.high

    assert held / runs > 0.93


def test_noise_is_seldom_called_a_leak() -> None:
    """Memory that is freed and taken anew all the time: each dump is sampled afresh."""
    dice, called, runs = random.Random(7), 0, 300
    times = Times(tuple(60.0 * minute for minute in range(12)))
    for _ in range(runs):
        sizes = [sampled([2000], 8192, dice)[0] for _ in times.moments]
        called += trend(times, sizes, R, GIB).verdict == LEAKS

    assert called / runs < 0.05


SIZES = (8192, 64 << 10, MIB)


@given(
    st.lists(st.floats(0.01, 3), min_size=5, max_size=30),
    st.sampled_from(SIZES),
    st.integers(1, 10 * MIB),
    st.sampled_from([0, 1]),
    st.integers(0, 2**32),
)
@example([*[0.5] * 5, 2.3, 0.02, 0.02, 0.02, 0.04, 0.1], MIB, 2 * MIB, 0, 0)
def test_a_steady_leak_seen_for_seconds_is_no_plateau(
    gaps: list[float], size: int, leaked: int, digits: int, seed: int
) -> None:
    """Dumps at uneven gaps, some of them with the whole seconds that a file system may keep."""
    moments = [0.0, *accumulate(gap * 5 / sum(gaps) for gap in gaps)]
    held = [round(leaked / size * moment) for moment in moments]
    sizes = sampled(held, size, random.Random(seed))
    known = [round(moment, 9 * digits) for moment in moments]
    last = dict(zip(known, sizes, strict=True))

    found = trend(Times(tuple(last)), list(last.values()), R, GIB)

    assert found.verdict != PLATEAUS


@pytest.mark.parametrize("size", SIZES)
def test_a_steady_leak_at_uneven_gaps_is_seldom_called_a_plateau(size: int) -> None:
    """However large the pieces: of the largest one is lost every three minutes."""
    dice, called, runs = random.Random(7), 0, 300
    for _ in range(runs):
        moments = tuple(accumulate(dice.expovariate(1 / 60) for _ in range(12)))
        held = [round(moment * MIB / 180 / size) for moment in moments]
        called += trend(Times(moments), sampled(held, size, dice), R, GIB).verdict == PLATEAUS

    assert called / runs < 0.03


def test_noise_about_a_level_after_growth_is_a_plateau_or_too_early_to_tell() -> None:
    """A cache that filled and then is replaced all the time, each dump sampled afresh."""
    dice, told, runs = random.Random(7), Counter[str](), 300
    times = Times(tuple(3600.0 * hour for hour in range(80)))
    for _ in range(runs):
        sizes = [sampled([min(400 * hour, 4000)], 8192, dice)[0] for hour in range(len(times))]
        told[trend(times, sizes, R, GIB).verdict] += 1

    assert told[PLATEAUS] / runs > 0.8
    assert told[LEAKS] / runs < 0.05


def test_a_pause_of_seconds_is_told_with_the_dumps_that_are_missing() -> None:
    sizes = [at * MIB for at in (1, 4, 7, 9, 10, 10, 10, 10, 10, 10, 10, 10)]

    def found(pace: float) -> Trend:
        return trend(Times(tuple(pace * at for at in range(12))), sizes, 1, GIB)

    assert found(60).verdict == PLATEAUS
    assert (found(1).verdict, found(1).more) == (TOO_EARLY, 109)


GROWTH = [
    ("leaks", [at * MIB for at in range(1, 13)], LEAKS),
    ("plateaus", [at * MIB for at in (1, 4, 7, 9, 10, 10, 10, 10, 10, 10, 10, 10)], PLATEAUS),
    ("waves", [at * MIB for at in (1, 9, 1, 9, 1, 9, 1, 9, 1, 9, 1, 9)], PERIODIC),
    ("saw teeth", [at * MIB for at in (1, 5, 9, 1, 5, 9, 1, 5, 9, 1, 5, 9)], PERIODIC),
    ("shrinks", [at * MIB for at in range(12, 0, -1)], SHRINKS),
    ("steady", [5 * MIB] * 12, STEADY),
    ("steps", [at // 3 * 4 * MIB for at in range(12)], LEAKS),
    ("one odd dump", [*(at * MIB for at in range(1, 7)), 90 * MIB, *(at * MIB for at in range(8, 13))],
     LEAKS),
    ("two dumps", [0, 12 * MIB], TOO_EARLY),
    ("hardly anything", [0, R, 0, R], TOO_EARLY),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "verdict"), [row[1:] for row in GROWTH], ids=[r[0] for r in GROWTH]
)
def test_each_kind_of_growth_has_its_name(sizes: list[int], verdict: str) -> None:
    times = Times(tuple(60.0 * minute for minute in range(len(sizes))))
    interval = 1 if verdict is STEADY else 4096

    found = trend(times, sizes, interval if len(sizes) > 4 else R, GIB)

    assert found.verdict == verdict
    assert (found.more > 0) == (verdict == TOO_EARLY)


def test_one_odd_dump_does_not_move_the_slope() -> None:
    times = Times(tuple(float(at) for at in range(20)))
    sizes = [1000 * at for at in range(20)]
    odd = [*sizes[:7], 10**9, *sizes[8:]]

    assert trend(times, odd, 1, GIB).slope == pytest.approx(1000, rel=0.1)


@given(
    st.lists(st.integers(0, 10**6), min_size=2, max_size=30, unique=True).map(sorted),
    st.integers(-(10**6), 10**6),
    st.integers(0, 10**9),
)
def test_a_straight_line_is_found_exactly(times: list[float], slope: int, start: int) -> None:
    sizes = [int(start + slope * time) for time in times]

    found = trend(Times(tuple(times)), sizes, 1, GIB)

    assert found.slope == pytest.approx(slope)
    assert found.low <= found.slope <= found.high


@given(
    st.lists(st.integers(0, 2**62), min_size=2, max_size=15),
    st.integers(1, 2**40),
)
def test_any_sizes_have_a_trend(sizes: list[int], interval: int) -> None:
    found = trend(Times(tuple(float(at) for at in range(len(sizes)))), sizes, interval, max(sizes))

    assert found.low <= found.slope <= found.high
    assert found.more >= 0


Rows = dict[tuple[int, ...], Row]


def series(
    moments: list[tuple[float, Rows]], calls: list[Call], interval: int = R
) -> Series | None:
    track = Track()
    for time, rows in moments:
        track.add(time, rows, interval, GIB)
    return track.series(calls)


def test_stacks_are_ranked_by_the_growth_that_is_sure() -> None:
    calls = [Call("sure", "app"), Call("wild", "app"), Call("late", "app")]
    moments: list[tuple[float, Rows]] = [
        (
            60.0 * at,
            {
                (0,): Row(at * 10 * MIB, at, 0),
                (1,): Row((at * 12 + 60 * (at % 2)) * MIB, at, 0),
                **({(2,): Row((at - 4) * MIB, 1, 0)} if at > 4 else {}),
            },
        )
        for at in range(8)
    ]

    found = series(moments, calls)

    assert found is not None
    assert found.stacks[0].calls == (calls[0],)
    assert next(each for each in found.stacks if each.calls[0].function == "late").sizes == (
        0, 0, 0, 0, 0, MIB, 2 * MIB, 3 * MIB,
    )  # fmt: skip


def test_without_times_that_tell_the_order_there_is_no_series() -> None:
    def moments(*times: float) -> list[tuple[float, Rows]]:
        return [(time, {(0,): Row(1, 1, 0)}) for time in times]

    calls = [Call("f", "app")]

    assert series(moments(5.0), calls, 1) is None
    assert series(moments(5.0, 4.0, 9.0), calls, 1) is None
    assert series(moments(5.0, 5.1, 5.2), calls, 1) is None  # copied without their times
    assert series(moments(5.0, 65.0), calls, 1) is not None
    same = series(moments(5.0, 5.0, 9.0), calls, 1)
    assert same is not None
    assert same.times == (5.0, 9.0)


@given(st.integers(2, 5 * MOST), st.integers(1, 10**6))
def test_of_any_number_of_dumps_a_bounded_number_of_moments_tells_the_slope(
    count: int, rate: int
) -> None:
    moments: list[tuple[float, Rows]] = [
        (60.0 * at, {(0,): Row(60 * rate * at + 7, 1, 0)}) for at in range(count)
    ]

    found = series(moments, [Call("f", "app")], 1)

    assert found is not None
    assert found.dumps == count
    assert 2 <= len(found.times) <= MOST
    assert found.stacks[0].trend.slope == pytest.approx(rate, rel=0.02)
    assert found.sizes == found.stacks[0].sizes


def test_memory_grows_with_the_stacks_and_not_with_the_dumps() -> None:
    track = Track()
    few: Rows = {(at,): Row(100 + at, 1, 0) for at in range(3)}
    for at in range(10 * MOST):
        track.add(float(at), few, 1, GIB)
    track.add(1e6, {(at,): Row(1, 1, 0) for at in range(RANKED + 500)}, 1, GIB)
    found = track.series([Call(f"f{at}", "app") for at in range(RANKED + 500)])

    assert sum(map(len, track.stacks.values())) <= MOST * (RANKED + 500)
    assert {len(sizes) for sizes in track.stacks.values()} == {len(track.times)}
    assert found is not None
    assert len(found.stacks) == RANKED


def test_the_leak_of_the_corpus_is_found_by_its_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)
    found = study(read.inputs("leak")).series

    assert found is not None
    assert [call.function for call in found.stacks[0].calls][:2] == ["rent_page", "serve_request"]
    assert found.stacks[0].trend.verdict == LEAKS
