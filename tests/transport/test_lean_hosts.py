"""Hosts that lack even what busybox brings."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from memops.model.action import Run
from memops.transport import script
from tests.transport.servers import busybox_path


def test_the_time_is_up_without_setsid(tmp_path: Path) -> None:
    path = busybox_path(tmp_path / "bin")
    (tmp_path / "bin" / "setsid").unlink()
    text = "command -v setsid; " + script.render_action(
        Run(("sh", "-c", "sleep 7777 & sleep 7777; echo no"), timeout=1)
    )
    (tmp_path / "script").write_text(text)
    started = time.monotonic()
    command = ["/bin/dash", str(tmp_path / "script")]
    ended = subprocess.run(command, env={"PATH": path}, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (124, b"")
    assert time.monotonic() - started < 60
    assert not [each for each in Path("/proc").glob("[0-9]*/cmdline") if b"7777" in _read(each)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
