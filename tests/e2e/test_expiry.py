"""The dead-man's switch where systemd keeps the time, for a unit and for a control script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.lab.api import Lab, LabHost

PATHS = ("/etc", "/opt", "/srv/shop", "/var/lib")


def memops(home: Path, *argv: str) -> Any:
    """What ``memops ARGV --json`` says; it must succeed."""
    tool = Path(sys.executable).parent / "memops"
    env = os.environ | {"XDG_DATA_HOME": str(home)}
    done = subprocess.run(
        [tool, *argv, "--json"], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def status(home: Path, host: LabHost) -> Any:
    return memops(home, "status", "--hosts", host.name)[0]


@pytest.mark.lab
@pytest.mark.parametrize("name", ["shop-3", "shop-2"], ids=["unit", "script"])
def test_a_host_undoes_by_itself_and_its_app_lives_on(
    full_lab: Lab, tmp_path: Path, name: str
) -> None:
    host = full_lab.host(name)
    before = host.listing(PATHS)
    memops(tmp_path, "enable-profiling", "--hosts", name, "--for", "1h")
    shown = status(tmp_path, host)
    memops(tmp_path, "extend", "--hosts", name, "--for", "2s")
    until = time.monotonic() + 45
    while status(tmp_path, host)["runs"] and time.monotonic() < until:
        time.sleep(0.5)
    time.sleep(3)  # the timer's unit has ended by now, and must not take the app along
    after = status(tmp_path, host)

    assert shown["apps"][0]["profiling"] == "on"
    assert 3500 < shown["undo_in"] <= 3600
    assert (after["runs"], after["undo_in"]) == ([], None)
    assert after["apps"][0]["profiling"] == "off"
    assert after["apps"][0]["problem"] == ""
    assert host.listing(PATHS) == before
