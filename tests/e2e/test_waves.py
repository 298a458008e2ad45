"""What a failure in a later wave takes along, as ``--on-failure`` says; unreachable hosts count."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.shops import listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab, LabHost

pytestmark = [pytest.mark.lab, pytest.mark.timeout(200)]
GOOD = ("shop-2", "shop-3")  # before shop-1, in the order of the inventory


@pytest.fixture
def last(full_lab: Lab) -> Iterator[LabHost]:
    """shop-1, whose cable is cut while the test runs."""
    host = full_lab.host("shop-1")
    host.cut()
    yield host
    host.mend()


def memops(home: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).parent / "memops"
    env = os.environ | {"XDG_DATA_HOME": str(home)}
    return subprocess.run([tool, *argv], capture_output=True, text=True, env=env, check=False)


@pytest.mark.parametrize(("chosen", "undone"), [("run", GOOD), ("wave", GOOD[1:])])
def test_a_lost_host_in_a_later_wave(
    full_lab: Lab, last: LabHost, tmp_path: Path, chosen: str, undone: tuple[str, ...]
) -> None:
    hosts = [full_lab.host(name) for name in GOOD]
    before = [listing(host) for host in hosts]
    argv = ("enable-profiling", "--hosts", "prod", "--serial", "1,2", "-T", "3")

    done = memops(tmp_path, *argv, "--on-failure", chosen)
    equal = [listing(host) == was for host, was in zip(hosts, before, strict=True)]
    cleaned = memops(tmp_path, "rollback", "--hosts", ",".join(GOOD))

    assert done.returncode == 4, done.stdout + done.stderr
    assert f"unreachable {last.name}" in done.stdout
    assert equal == [name in undone for name in GOOD], done.stdout + done.stderr
    assert cleaned.returncode == 0, cleaned.stdout + cleaned.stderr
    assert [listing(host) for host in hosts] == before
