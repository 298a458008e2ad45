"""The RSS over time: what files of every kind tell, restarts, windows, and how sure the slope is."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.profile.fleet.comparison import (
    FELL,
    NO_CHANGE,
    ROSE,
    TOO_EARLY,
    compare_resident,
)
from memops.profile.fleet.lives import read_lives
from memops.profile.fleet.memory import memory_of
from memops.profile.fleet.resident import ResidentLife, ResidentRead, read_resident
from memops.profile.growth.window import Window, parse_range
from memops.profile.study import Inputs
from tests.corpus import read
from tests.corpus.read import BEGUN
from tests.profile.fleet.proc import HOUR, KIB, KINDS, MIB, beside, line, uneven, write

if TYPE_CHECKING:
    from collections.abc import Sequence

SLOPES = st.integers(-40 * 1024, 400 * 1024).map(lambda kib: kib * KIB)  # bytes an hour


def resident(*paths: Path, window: Window | None = None) -> ResidentRead:
    return read_resident([Inputs((), memory=paths)], window=window)


def lives(*paths: Path, window: Window | None = None) -> tuple[ResidentLife, ...]:
    return resident(*paths, window=window).hosts[0].lives


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_tells_the_same(kind: str, tmp_path: Path) -> None:
    series = line(BEGUN, 3, 600 * MIB, 12 * MIB)

    (life,) = lives(*write(tmp_path, kind, 7, series))

    assert (life.moments, life.sizes) == tuple(zip(*series, strict=True))
    assert life.source == kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_restart_begins_another_life(kind: str, tmp_path: Path) -> None:
    first = write(tmp_path, kind, 7, line(BEGUN, 3, 900 * MIB, 12 * MIB))
    second = write(tmp_path, kind, 8, line(BEGUN + 4 * HOUR, 3, 300 * MIB, 24 * MIB))

    (host,) = resident(*second, *first).hosts

    assert [len(each.moments) for each in host.lives] == [13, 13]
    pooled = host.rate()
    assert pooled
    assert pooled.mean * HOUR == pytest.approx(18 * MIB)


@given(SLOPES, SLOPES, st.sampled_from(sorted(KINDS)), st.randoms())
def test_the_slope_of_a_line_is_its_own_whatever_the_order_of_the_files(
    before: int, after: int, kind: str, dice: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as name:
        paths = [
            *write(Path(name), kind, 7, line(BEGUN, 2, 900 * MIB, before, 5)),
            *write(Path(name), kind, 8, line(BEGUN + 3 * HOUR, 2, 900 * MIB, after, 5)),
        ]
        dice.shuffle(paths)
        found = [each.rate() for each in lives(*paths)]

    slopes = [each.mean * HOUR for each in found if each]
    assert slopes == pytest.approx([before, after], abs=4 * KIB)  # files count in KiB


def test_the_interval_holds_the_truth_about_as_often_as_it_says(tmp_path: Path) -> None:
    dice, held, runs = random.Random(5), 0, 60
    for at in range(runs):
        noisy = [(time, rss + dice.gauss(0, 3 * MIB))
                 for time, rss in line(BEGUN, 4, 500 * MIB, 10 * MIB, 9)]  # fmt: skip
        (life,) = lives(*write(tmp_path / str(at), "status", 7, noisy))
        rate = life.rate()
        held += bool(rate and rate.low <= 10 * MIB / HOUR <= rate.high)

    assert held / runs > 0.85


@given(st.integers(10, 20), st.integers(1, 400), st.data())
def test_steps_are_no_certainty(many: int, step: int, data: st.DataObject) -> None:
    """RSS that stands still but for one step: most moments lie on a line, and it says little."""
    at = data.draw(st.integers(1, many - 1))
    sizes = tuple((500 + step * (each >= at)) * MIB for each in range(many))
    moments = tuple(BEGUN + 600.0 * each for each in range(many))

    found = ResidentLife((), frozenset(), moments, sizes, "status").rate()

    assert found
    assert found.spread * (moments[-1] - moments[0]) > 0.1 * step * MIB


@pytest.mark.parametrize("many", [1, 2])
def test_two_moments_tell_no_slope_for_their_doubt_is_not_known(many: int, tmp_path: Path) -> None:
    series = line(BEGUN, 3, 600 * MIB, 12 * MIB, 3)[:many]

    assert lives(*write(tmp_path, "status", 7, series))[0].rate() is None


def test_files_that_were_copied_without_their_times_tell_no_slope(tmp_path: Path) -> None:
    paths = write(tmp_path, "status", 7, line(BEGUN, 3, 600 * MIB, 12 * MIB))
    for path in paths:
        os.utime(path, (BEGUN, BEGUN))

    assert lives(*paths)[0].rate() is None


def test_the_slope_is_of_one_kind_of_file_the_one_there_is_most_of(tmp_path: Path) -> None:
    series = line(BEGUN, 3, 600 * MIB, 12 * MIB)
    paths = [*write(tmp_path, "smaps_rollup", 7, series[:2]), *write(tmp_path, "smaps", 7, series)]

    (life,) = lives(*paths)

    assert (life.source, len(life.moments)) == ("smaps", 13)
    assert set(life.files) == set(paths)


def test_a_smaller_process_beside_it_is_left_out_and_told_of(tmp_path: Path) -> None:
    large = write(tmp_path, "status", 7, line(BEGUN, 3, 600 * MIB, 12 * MIB))
    small = write(tmp_path, "status", 8, line(BEGUN + 60, 3, 60 * MIB, 90 * MIB))

    found = resident(*small, *large)

    assert [each.pids for each in found.hosts[0].lives] == [{7}]
    assert found.notes == ("left out: pid 8, smaller than another at the same time",)


def test_a_duration_is_one_before_the_newest_file(tmp_path: Path) -> None:
    paths = write(tmp_path, "pmap", 7, line(BEGUN, 3, 600 * MIB, 12 * MIB))

    (life,) = lives(*paths, window=Window("2h", "1h"))

    assert (life.moments[0], life.moments[-1]) == (BEGUN + HOUR, BEGUN + 2 * HOUR)


def test_a_window_without_files_is_refused(tmp_path: Path) -> None:
    paths = write(tmp_path, "pmap", 7, line(BEGUN, 3, 600 * MIB, 12 * MIB))

    with pytest.raises(UsageError, match="none of 13 files that tell of memory was taken then"):
        resident(*paths, window=Window(None, "2026-01-01"))


def test_a_file_without_rss_is_refused_or_left_out(tmp_path: Path) -> None:
    paths = write(tmp_path, "status", 7, line(BEGUN, 3, 600 * MIB, 12 * MIB))
    paths[3].write_text(paths[3].read_text().replace("VmRSS", "VmLck"))

    with pytest.raises(UsageError, match="tells no RSS"):
        resident(*paths)
    found = read_resident([Inputs((), memory=paths)], keep_going=True)
    assert len(found.hosts[0].lives[0].moments) == 12
    assert found.notes == (f"left out {paths[3]}:1: tells no RSS",)


def changed(tmp_path: Path, before: float, after: float, many: int = 13) -> tuple[str, int]:
    """The verdict on a slope of so many MiB an hour *before*, and *after* in so *many* snapshots."""
    paths = [
        *write(tmp_path, "status", 7, uneven(line(BEGUN, 3, 600 * MIB, before * MIB))),
        *write(tmp_path, "status", 8, uneven(line(BEGUN + 4 * HOUR, 3, 600 * MIB, after * MIB))[:many]),
    ]  # fmt: skip
    sides = [read_resident([Inputs((), memory=paths)], window=parse_range(text, "--before")).hosts
             for text in ("..2026-11-24T00:30Z", "2026-11-24T00:30Z..")]  # fmt: skip
    found = compare_resident("orders", sides[0], sides[1])
    assert found.whole == found.hosts[0].change
    return found.whole.verdict, found.whole.more


@pytest.mark.parametrize(
    ("before", "after", "verdict"), [(40, 1, FELL), (1, 40, ROSE), (20, 20, NO_CHANGE)]
)
def test_a_change_of_the_slope_is_told(
    before: float, after: float, verdict: str, tmp_path: Path
) -> None:
    assert changed(tmp_path, before, after) == (verdict, 0)


@pytest.mark.parametrize(("many", "more"), [(1, 2), (2, 1)])
def test_how_many_snapshots_are_missing_is_told(many: int, more: int, tmp_path: Path) -> None:
    assert changed(tmp_path, 40, 1, many) == (TOO_EARLY, more)


def fleet_memory(tmp_path: Path, *hosts: str) -> tuple[Sequence[Inputs], ResidentRead]:
    inputs = beside(read.fleet(*hosts), tmp_path)
    return inputs, read_resident(inputs)


def test_of_a_fleet_the_life_is_judged_that_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(read.HERE)
    inputs, rss = fleet_memory(tmp_path, "web-1", "web-2")

    found = memory_of(read_lives(inputs).hosts, rss.hosts, inputs)

    told = {
        each.host: (round(each.rate.mean * HOUR / MIB, 1), each.profiled)
        for each in found
        if each.rate
    }
    assert told == {"web-1": (0.1, True), "web-2": (5.0, True), "web-9": (40.0, False)}
    assert [each.verdict.findings[0].kind for each in found][1] == "native leak"


def test_a_life_with_another_pid_is_not_taken_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Files of another process say nothing of the one that is shown."""
    monkeypatch.chdir(read.HERE)
    (host,) = read.fleet("web-1")
    other = write(tmp_path, "status", 4, line(BEGUN, 5, 600 * MIB, 12 * MIB))
    inputs = [host._replace(memory=other)]

    assert memory_of(read_lives(inputs).hosts, read_resident(inputs).hosts, inputs) == ()
