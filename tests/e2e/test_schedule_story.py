"""A schedule on the controller: added, listed, run as cron would, and removed without a trace."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.operators import MEMOPS, operator
from tests.lab.listing import LISTING, difference, parse_listing
from tests.schedule.conftest import CRONTAB

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.api import Lab, LabHost

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]

# A controller of its own: without systemd, with an empty /var/lib, and a crontab in a file.
STORY = r"""
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
cd "$FAKE"
list() { sh -c "$LISTING" sh /etc/systemd /var/lib "$FAKE/crontab" >"$1"; }
echo "0 0 * * * mine" >crontab
list before
$MEMOPS schedule add --hosts edge-1 --every 30m --name edge
cp crontab added
$MEMOPS schedule list --json >listed
$MEMOPS schedule add --hosts edge-1 --every 30m --name edge >again
cmp crontab added
$MEMOPS schedule remove edge
list after
"""


def test_a_schedule_from_its_beginning_to_its_end(
    lab: Lab, lean_host: LabHost, tmp_path: Path
) -> None:
    app = {"pid_file": "/run/dropbear.pid", "process": "dropbear -E"}
    me = operator(lab, tmp_path / "me", {lean_host: {"memops_apps": {"ssh": app}}})
    crontab = tmp_path / "bin" / "crontab"
    crontab.parent.mkdir()
    crontab.write_text(CRONTAB)
    crontab.chmod(0o755)
    own = {
        "FAKE": str(tmp_path),
        "LISTING": LISTING,
        "MEMOPS": str(MEMOPS),
        "PATH": f"{crontab.parent}:{me.env['PATH']}",
    }
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-ec", STORY],
        env={**me.env, **own}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr

    (row,) = json.loads((tmp_path / "listed").read_text())
    assert row["name"] == "edge"
    assert " collect " in row["command"]
    assert (tmp_path / "again").read_text().startswith("edge: is there already")
    before, after = (parse_listing((tmp_path / name).read_bytes()) for name in ("before", "after"))
    assert difference(before, after) == []

    added = (tmp_path / "added").read_text()
    (line,) = [line for line in added.splitlines() if " collect " in line]
    minutes, command = line.split(" ", 1)[0], line.split(" ", 5)[5]
    assert minutes in ("*/30", "0,30")
    as_cron = {"HOME": str(me.home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
    subprocess.run(["/bin/sh", "-c", re.sub(r"\\%", "%", command)], env=as_cron, check=True)
    assert list(me.store.glob("snapshots/ssh/edge-1/*/*/status"))
