"""`memops analyze` writes the stacks of several hosts together, and never those of one for all."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_several_lives import SYMBOLS, _elsewhere, collect, refused, said
from tests.report import decode

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["_elsewhere"]  # the fixture
HOSTS = ("web-1", "web-2", "web-5")


def folded(text: str) -> Counter[str]:
    """The bytes by the root of each stack."""
    found: Counter[str] = Counter()
    for line in text.splitlines():
        found[line.partition(";")[0]] += int(line.rpartition(" ")[2])
    return found


@pytest.mark.parametrize("stored", [False, True])
def test_folded_stacks_of_several_hosts_are_one(
    stored: bool,  # noqa: FBT001 - a case
    capsys: pytest.CaptureFixture[str],
) -> None:
    if stored:
        collect(*HOSTS)
    files = () if stored else HOSTS

    whole = folded(said(capsys, "analyze", *files, *SYMBOLS, "--folded"))
    by_host = folded(said(capsys, "analyze", *files, *SYMBOLS, "--folded", "--host-frames"))

    assert set(whole) == {"_start"}
    assert set(by_host) == set(HOSTS)
    assert by_host.total() == whole.total()


def test_files_are_written_of_all_hosts_beside_the_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    collect(*HOSTS)
    to = {name: tmp_path / name for name in ("pprof", "speedscope", "svg", "csv", "html")}
    written = [word for name, path in to.items() for word in (f"--{name}", str(path))]

    out = said(capsys, "analyze", *SYMBOLS, *written)

    assert out.startswith("shop on 3 hosts, 21 dumps: ")
    labels = [each.labels for each in decode.decode(to["pprof"].read_bytes()).samples]
    assert {each["host"] for each in labels} == set(HOSTS)
    assert {each["life"] for each in labels} == {
        f"{pid}-77-0f3a9c2e" for pid in (10903, 10905, 10911)
    }
    assert json.loads(to["speedscope"].read_text())["name"].startswith("shop on 3 hosts, process")
    assert "shop on 3 hosts, process (shop): 21 dumps" in to["svg"].read_text()
    assert to["csv"].read_text().count("\n") == 3
    assert '"place":"shop on 3 hosts"' in to["html"].read_text().replace('": ', '":')


@pytest.mark.parametrize("option", [["--tree"], ["--focus", "rent"]])
def test_what_is_of_one_process_is_not_that_of_the_largest_host_alone(
    option: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    to = tmp_path / "x.pb.gz"

    each = said(capsys, "analyze", *HOSTS, *option, *SYMBOLS)
    says = refused(capsys, "analyze", *HOSTS, *option, "--pprof", str(to))

    assert [each.count(f"{host}, pid ") for host in HOSTS] == [1, 1, 1]
    assert "memops: --pprof: one file cannot hold all of web-1, web-2, web-5; " in says
    assert not to.exists()


def test_two_apps_are_not_one_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    collect("web-1", "web-2")
    collect("web-1", app="till")

    says = refused(capsys, "analyze", "--svg", str(tmp_path / "x.svg"))

    assert "--svg: one file cannot hold all of shop, till; choose one by --app and --host" in says


@pytest.mark.parametrize("words", [["web-1", "web-2"], ["web-1", "--folded"]])
def test_host_frames_without_stacks_of_several_hosts_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--host-frames: there are no stacks of several hosts" in refused(
        capsys, "analyze", "--host-frames", *words
    )
