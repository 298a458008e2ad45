"""`memops compare` and `memops analyze` where files of memory, not only heap profiles, were collected."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from memops.store import Place, Store
from memops.store.names import stamp
from tests.cli.test_several_lives import (
    HOSTS,
    LATER,
    NIGHT,
    SYMBOLS,
    _elsewhere,
    collect,
    collect_one,
    keep,
    refused,
    said,
)
from tests.corpus import read
from tests.corpus.read import BEGUN
from tests.profile.fleet.proc import HOUR, MIB, line, rollup, uneven, write

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["_elsewhere"]  # the fixture
WINDOWS = ("--before", "..2026-11-24T00:15Z", "--after", "2026-11-24T00:45Z..")
BEFORE = uneven(line(BEGUN, 3, 600 * MIB, 40 * MIB))
AFTER = uneven(line(BEGUN + 4 * HOUR, 3, 500 * MIB, 1 * MIB))


def collect_memory(
    host: str, pid: int, series: list[tuple[float, float]], app: str = "shop"
) -> None:
    """Put a file into the store for each moment of *series*."""
    with Store.open() as store:
        for time, rss in series:
            taken = stamp(datetime.fromtimestamp(time, UTC))
            place = Place(app, host, f"{pid}-77-0f3a9c2e", taken, "smaps_rollup")
            keep(store, place, rollup(pid, round(rss)).encode(), 0)


def test_rss_alone_is_compared_and_called_rss(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for host in ("pod-1", "pod-2"):
        write(tmp_path / host, "pmap", 7, BEFORE)
        write(tmp_path / host, "pmap", 8, AFTER)

    out = said(capsys, "compare", *WINDOWS, "pod-1", "pod-2").splitlines()
    told = json.loads(said(capsys, "compare", *WINDOWS, "--json", "pod-1", "pod-2"))

    assert out[0].startswith("one app on all 2 hosts: growth of RSS fell: +80.")
    assert out[1].startswith("RSS is not live bytes: ")
    assert (told["kind"], told["whole"]["verdict"]) == ("resident", "fell")
    assert [each["verdict"] for each in told["hosts"]] == ["fell", "fell"]


def test_files_alone_are_compared_as_those_of_one_host(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    paths = [*write(tmp_path, "smaps", 7, BEFORE), *write(tmp_path, "smaps", 8, AFTER)]

    out = said(capsys, "compare", *WINDOWS, *map(str, paths))

    assert out.startswith("one app: growth of RSS fell: ")


def test_collections_without_profiles_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    collect_memory("web-1", 7, BEFORE)
    collect_memory("web-1", 8, AFTER)

    out = said(capsys, "compare", *WINDOWS)

    assert out.startswith("shop on web-1: growth of RSS fell: ")
    assert "before: 13 snapshots of 1 life from 2026-11-23T21:00Z" in out


def test_the_rss_stands_beside_the_live_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    collect("web-1")
    collect_memory("web-1", 10901, uneven(line(BEGUN, 1, 60 * MIB, 5 * MIB)))
    collect_memory("web-1", 10903, uneven(line(BEGUN + 4 * HOUR, 1, 60 * MIB, 5 * MIB)))

    out = said(capsys, "compare", "--before", NIGHT, "--after", LATER, *SYMBOLS)
    told = json.loads(said(capsys, "compare", "--before", NIGHT, "--after", LATER, "--json"))

    assert out.startswith("shop on web-1: growth fell: ")
    assert "\nshop on web-1: RSS: no change shown: +5." in out
    assert "\nRSS does not follow on web-1: " in out
    assert (told["kind"], told["whole"]["verdict"]) == ("comparison", "fell")
    assert told["resident"]["whole"]["verdict"] == "no change shown"


def test_where_profiling_began_later_the_rss_is_compared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    collect("web-1")
    collect_memory("web-1", 7, uneven(line(BEGUN - 4 * HOUR, 3, 600 * MIB, 40 * MIB)))
    collect_memory("web-1", 10901, uneven(line(BEGUN, 3, 300 * MIB, 1 * MIB)))

    out = said(capsys, "compare", "--before", "..2026-11-23T20:00Z",
               "--after", "2026-11-23T21:00Z..2026-11-24T00:00Z")  # fmt: skip

    assert out.startswith("shop on web-1: growth of RSS fell: ")
    assert "note: no heap dump was written in --before, so this is of the RSS alone" in out


REFUSED = [
    ([], "memops: compare: nothing was collected yet; memops collect it"),
    (["--app", "x"], "memops: compare: nothing of x here; "),
    (["bare"], "memops: compare: no heap dump and no file that tells the RSS of that time; give "),
]


@pytest.mark.parametrize(("words", "says"), REFUSED, ids=["nothing", "no app", "no RSS"])
def test_what_cannot_be_compared_is_refused_by_the_command_that_was_typed(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "memory.max").write_text("max\n")

    assert refused(capsys, "compare", "--before", "2h", "--after", "1h", *words).startswith(says)


def test_an_app_that_was_not_collected_then_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    collect_memory("web-1", 7, BEFORE)
    collect_memory("web-1", 8, AFTER)
    collect_memory("web-1", 9, BEFORE, app="till")

    assert said(capsys, "compare", *WINDOWS).startswith("shop on web-1: growth of RSS fell: ")
    assert "none of 13 files that tell of memory was taken then" in refused(
        capsys, "compare", *WINDOWS, "--app", "till"
    )


def test_files_of_memory_are_of_the_window(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    paths = [str(each) for each in write(tmp_path, "smaps", 7, BEFORE)]

    assert ": 13 snapshots over 3 h 00 min" not in said(capsys, "analyze", *paths)  # at most 12
    assert ": 5 snapshots over 1 h 00 min" in said(capsys, "analyze", "--since", "1h", *paths)
    assert "none of 13 files that tell of memory was taken then; they span 3 h 00 min" in refused(
        capsys, "analyze", "--until", "5h", *paths
    )


def test_beside_profiles_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(tmp_path / "web-2", "smaps", 10904, line(BEGUN, 1, 60 * MIB, 5 * MIB))
    until = ("--pid", "10904", "--until")

    early = json.loads(said(capsys, "analyze", "web-2", *until, "2026-11-23T21:30Z", "--json"))
    whole = json.loads(said(capsys, "analyze", "web-2", *until, "2026-11-23T22:30Z", "--json"))
    later = said(capsys, "analyze", "web-2", "--since", "2026-11-23T23:00Z")

    assert early["verdict"]["waterfall"]["rss"] < whole["verdict"]["waterfall"]["rss"]
    assert "note: no verdict: none of 13 files that tell of memory is of that time" in later


def test_a_fleet_tells_the_rss_of_each_host(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(tmp_path / "web-2", "smaps", 10905, uneven(line(BEGUN + 2 * HOUR, 1, 60 * MIB, 5 * MIB)))

    out = said(capsys, "analyze", *HOSTS, *SYMBOLS)

    assert "\nRSS of each host, and where it is:\nweb-2: 65.0 MiB, +5.0 MiB an hour (" in out
    assert "\n    native leak (likely): rent_page called from serve_request +" in out


def test_a_host_without_profiles_is_told_of_with_its_fleet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    collect("web-1", "web-2")
    collect_memory("web-9", 7, BEFORE)

    out = said(capsys, "analyze")
    told = json.loads(said(capsys, "analyze", "--json"))

    assert out.startswith("shop on 2 hosts, 14 dumps: ")
    assert "\nweb-9: 720.0 MiB, +40.0 MiB an hour (" in out
    assert [each["host"] for each in told["unprofiled"]] == ["web-9"]


def test_of_a_fleet_the_lives_of_the_window_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    """All hosts were restarted since."""
    collect()

    out = said(capsys, "analyze", *SYMBOLS, "--until", "2026-11-23T22:30Z")

    assert out.startswith("shop on 5 hosts, 35 dumps: ")
    assert "rent_page called from serve_request grows on 5 of 5 hosts" in out
    one = said(capsys, "analyze", "--host", "web-1", "--until", "2026-11-23T22:30Z")
    assert one.startswith("shop on web-1, pid 10901 (shop): 7 dumps")


def test_a_host_that_was_restarted_just_now_has_its_life_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    collect("web-2")
    with contextlib.chdir(read.HERE), Store.open() as store:
        for path, time in read.fleet("web-1")[0].times.items():
            if "10903" not in path.name or ".0.i0." in path.name:
                collect_one(store, "web-1", path.name, time)

    out = said(capsys, "analyze", *SYMBOLS)

    assert out.startswith("shop on 2 hosts, 14 dumps: ")
    assert "note: web-1 was restarted, and its dumps since do not tell yet" in out


@pytest.mark.parametrize("unit", ["KiB", "GiB"])
def test_the_unit_is_that_of_reports_on_several(
    unit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = said(capsys, "analyze", *HOSTS, "--unit", unit)
    lives = said(capsys, "analyze", "--across-restarts", "web-1", "--unit", unit)

    assert fleet.startswith("one app on 5 hosts, 35 dumps: ")
    assert f" {unit} an hour" in fleet
    assert "MiB" not in fleet + lives
    assert f" {unit}" in lives
