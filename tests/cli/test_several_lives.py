"""`memops analyze` and `memops compare` over several lives and hosts: files and the store."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from memops.cli.main import run
from memops.store import Arrival, Place, Store
from memops.store.names import stamp
from tests.corpus import read

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = ["web-1", "web-2", "web-3", "web-4", "web-5"]
NIGHT, LATER = "..2026-11-24T00:59Z", "2026-11-24T01:00Z.."
SYMBOLS = ("--symbols", "sysroot")


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A directory of dumps for each host, one with the files that have the names, an empty store."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(read.HERE)
    for inputs in read.fleet():
        for path, time in inputs.times.items():
            to = tmp_path / inputs.host / path.name
            to.parent.mkdir(exist_ok=True)
            shutil.copy(path, to)
            os.utime(to, (time, time))
    ids = json.loads((read.HERE / "fleet-shop" / "build-ids.json").read_text())
    for path, build_id in ids.items():
        to = tmp_path / "sysroot" / path.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(read.HERE / "fleet-shop" / "symbols" / build_id, to)
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run([*words]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run([*words]) == 2
    return capsys.readouterr().err


def collect(*hosts: str, app: str = "shop") -> None:
    """Put the fleet into the store, each dump in a snapshot of its own."""
    with contextlib.chdir(read.HERE), Store.open() as store:
        for inputs in read.fleet(*hosts):
            for path, time in inputs.times.items():
                collect_one(store, inputs.host, path.name, time, app)


def collect_one(store: Store, host: str, name: str, time: float, app: str = "shop") -> None:
    dump = read.HERE / "fleet-shop" / host / name
    life = f"{name.split('.')[1]}-77-0f3a9c2e"
    place = Place(app, host, life, stamp(datetime.fromtimestamp(time, UTC)), name[:-3])
    keep(store, place, gzip.decompress(dump.read_bytes()), round(time))
    ids = read.HERE / "fleet-shop" / "build-ids.json"
    keep(store, replace(place, name="build-ids"), ids.read_bytes(), 0)


def keep(store: Store, place: Place, content: bytes, time: int) -> None:
    digest = hashlib.sha256(content).hexdigest()
    file = store.incoming(place.host, place.path, digest)
    file.write_bytes(content)
    store.adopt([Arrival(file, place, place.host, place.name, len(content), time, digest)])


def test_directories_of_several_hosts_are_a_fleet(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "analyze", *HOSTS, *SYMBOLS)

    assert out.startswith("one app on 5 hosts, 35 dumps: ")
    assert "shop rent_page called from serve_request grows on 4 of 5 hosts" in out
    assert out.splitlines()[-1] == "next: memops analyze web-5, for the stacks there"


def test_what_was_collected_of_several_hosts_is_a_fleet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    collect()

    out = said(capsys, "analyze", *SYMBOLS)

    assert out.startswith("shop on 5 hosts, 35 dumps: ")
    assert "it grows only where the build-id of shop is " in out
    assert "next: memops analyze --app shop --host web-5, for the stacks there" in out


def test_one_host_of_them_is_told_of_alone(capsys: pytest.CaptureFixture[str]) -> None:
    collect("web-1", "web-2")

    assert said(capsys, "analyze", "--host", "web-2", *SYMBOLS).startswith("shop on web-2, pid ")


@pytest.mark.parametrize("option", [["--each"], ["--jeprof"], ["--sort", "objects"]])
def test_each_host_is_told_of_alone_where_that_is_asked_for(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    collect("web-1", "web-2")

    assert " hosts" not in said(capsys, "analyze", *option)


def test_a_label_is_told_if_it_explains(capsys: pytest.CaptureFixture[str]) -> None:
    labels = [word for host in HOSTS for word in
              ("--label", f"{host}={'canary' if host == 'web-5' else 'stable'}")]  # fmt: skip

    out = said(capsys, "analyze", *HOSTS, *SYMBOLS, *labels)

    assert "    it grows only where the label is canary: web-5\n" in out
    assert "'web-1' labels no host; write web-1=canary" in refused(
        capsys, "analyze", *HOSTS, "--label", "web-1"
    )


def test_a_fleet_as_json_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "analyze", *HOSTS, "--json"))

    assert (found["kind"], [each["host"] for each in found["hosts"]]) == ("fleet", HOSTS)


@pytest.mark.parametrize("stored", [False, True])
def test_lives_are_compared_across_restarts(
    stored: bool,  # noqa: FBT001 - a case
    capsys: pytest.CaptureFixture[str],
) -> None:
    if stored:
        collect("web-1")

    out = said(capsys, "analyze", "--across-restarts", *SYMBOLS, *([] if stored else ["web-1"]))

    assert out.splitlines()[0] == ("shop on web-1: 3 lives" if stored else "web-1: 3 lives")
    assert "grew in every life before the last: +5.0 MiB, +5.0 MiB, +60.9 KiB an hour" in out


def test_files_alone_are_of_one_host(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    files = [str(path) for path in sorted((tmp_path / "web-2").iterdir())]

    assert said(capsys, "analyze", "--across-restarts", *files).startswith("one app: 2 lives\n")


@pytest.mark.parametrize("option", [["--pid", "7"], ["--folded"], ["--svg", "x.svg"], ["--tree"]])
def test_what_is_about_one_process_excludes_several_lives(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said_ = refused(capsys, "analyze", "--across-restarts", "web-1", *option)

    assert f"is about several lives, and {option[0]} about one" in said_


@pytest.mark.parametrize("stored", [False, True])
def test_the_remedy_is_checked(
    stored: bool,  # noqa: FBT001 - a case
    capsys: pytest.CaptureFixture[str],
) -> None:
    if stored:
        collect("web-1")
    files = [] if stored else ["web-1"]

    out = said(capsys, "compare", *files, "--before", NIGHT, "--after", LATER, *SYMBOLS)
    as_json = said(capsys, "compare", *files, "--before", NIGHT, "--after", "1h", "--json")

    assert out.splitlines()[0].endswith(
        "on web-1: growth fell: +5.1 MiB an hour before, +225.5 KiB after"
    )
    assert json.loads(as_json)["whole"]["verdict"] == "fell"


REFUSED = [
    (["--before", "x", "--after", "1h"], "--before: 'x' is neither a duration nor a time"),
    (["--before", "20h..18h", "--after", "1h"], "--before: none of 21 dumps was written then"),
    (["--before", "1h"], "Missing option '--after'"),
]


@pytest.mark.parametrize(("words", "says"), REFUSED, ids=["no window", "no dumps", "no after"])
def test_a_wrong_window_is_refused(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in refused(capsys, "compare", "web-1", *words)


def test_without_anything_collected_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    said_ = refused(capsys, "compare", "--before", "2h..1h", "--after", "1h")

    assert "nothing was collected yet; memops collect it" in said_
