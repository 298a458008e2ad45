"""``memops analyze`` of files beside heap profiles, and of those files alone."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from memops.cli.analyze import command
from memops.errors import UsageError
from memops.store import Arrival, Place, Store
from tests.corpus import read
from tests.corpus.read import verdict_case

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(read.HERE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)


def case(name: str) -> list[Path]:
    return [path for stop in verdict_case(name).values() for path in stop]


def test_memory_files_alone_make_a_report() -> None:
    output = run(*case("c-retain")).output

    assert output.splitlines()[2].startswith("glibc retention: glibc keeps 129.9 MiB")
    assert "RSS, of which are" in output


def test_memory_files_beside_heap_profiles_make_a_verdict() -> None:
    result = run("leak", *case("c-leak"))
    told = json.loads(run("leak", "--json", *case("c-leak")).output)

    assert "\nleak+0x1172 called from leak+0x126c: +" in result.output
    assert "\nnative leak (" in result.output
    assert "note: findings on process " in result.output
    assert told["verdict"]["findings"][0]["kind"] == "native leak"
    assert json.loads(run("leak", "--json").output)["verdict"] is None


def test_json_without_heap_profiles_is_one_object() -> None:
    told = json.loads(run("--json", *case("java-direct")).output)

    assert told["verdict"]["findings"][0]["kind"] == "JVM-internal"


@pytest.mark.parametrize("option", ["--folded", "--jeprof"])
def test_a_format_of_stacks_needs_heap_profiles(option: str) -> None:
    with pytest.raises(UsageError, match=f"{option}: needs heap profiles, and there are none"):
        run(option, *case("c-leak"))


def test_a_file_for_stacks_needs_heap_profiles(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--svg: needs heap profiles"):
        run("--svg", tmp_path / "x.svg", *case("c-leak"))
    assert not (tmp_path / "x.svg").exists()


def keep(store: Store, place: Place, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    file = store.incoming("web-1", place.path, digest)
    file.write_bytes(content)
    store.adopt([Arrival(file, place, "web-1", place.name, len(content), 0, digest)])


def collect(name: str, app: str, heaps: str = "", life: str = "4711-77-0f3a9c2e") -> None:
    """Put the snapshots of the case *name* into the store, under the names that collecting gives."""
    known = {"smaps": "smaps", "status": "status", "smaps_rollup": "smaps_rollup", "nmt": "nmt",
             "vminfo": "vminfo", "memory.stat": "cgroup.memory.stat",
             "memory.usage_in_bytes": "cgroup.memory.usage_in_bytes"}  # fmt: skip
    with Store.open() as store:
        for stop, paths in verdict_case(name).items():
            place = Place(app, "web-1", life, f"20261123T20{stop}000.000Z", "x")
            for path in paths:
                if path.name in known:
                    text = path.read_bytes()
                    keep(
                        store,
                        Place(place.app, place.host, place.life, place.taken, known[path.name]),
                        text,
                    )
        for dump in read.dumps(heaps) if heaps else ():
            keep(store, Place(app, "web-1", life, "20261123T202000.000Z",
                              dump.name.removesuffix(".gz")), gunzip(dump))  # fmt: skip


def gunzip(path: Path) -> bytes:
    import gzip

    return gzip.decompress(path.read_bytes())


def test_what_was_collected_is_judged_by_all_its_snapshots() -> None:
    collect("java-retain", "orders")
    collect("c-shared", "site")
    output = run().output

    assert "orders on web-1, pid " in output
    assert "2 snapshots over 10 min 00 s" in output
    assert "\nglibc retention: glibc keeps" in output
    assert "\nshared memory: " in output


def test_what_was_collected_with_heap_profiles_is_one_report() -> None:
    collect("c-leak", "orders", heaps="leak")
    output = run().output

    assert "orders on web-1, pid 2696 (leak): 5 dumps" in output
    assert "RSS, of which are" in output


def test_two_lives_are_not_compared() -> None:
    """The app was started anew: profiles of its former life came home with files of the new one."""
    collect("c-steady", "orders", life="12-3-0f3a9c2e")
    collect("c-leak", "orders", heaps="leak")
    collect("c-leak", "orders", heaps="leak", life="12-3-0f3a9c2e")
    output = run().output

    assert "note: findings on process " in output
    assert " alone; the heap profiles are of process 2696" in output
