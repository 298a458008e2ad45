from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memops.engine.collect import bring
from memops.engine.probe import Reader
from memops.model.action import Fetch, Run
from memops.model.app import App
from memops.model.host import ConnectOptions, Host
from memops.store import Store
from memops.tasks.snapshot import snapshot
from memops.transport.base import Session
from memops.transport.open import connect
from tests.lab.api import Lab, LabHost

pytestmark = pytest.mark.lab

# A process that sleeps, its pid file, and a profile with its own maps; prints its pid.
START = r"""
mkdir -p "$1" && cd "$1" || exit
sleep 1000 >/dev/null 2>&1 &
echo $! | tee pid
{ printf 'heap_v2/524288\n\nMAPPED_LIBRARIES:\n'; cat /proc/$!/maps; } >"dump.$!.0.i0.heap"
touch -d '2026-01-01 00:00:00' "dump.$!.0.i0.heap" 2>/dev/null
:
"""
PLACE = "/tmp/snapshot-lab"


@contextmanager
def on(lab: Lab, host: LabHost) -> Iterator[Session]:
    options = ConnectOptions(ssh_config=lab.ssh_config, known_hosts=(lab.known_hosts,))
    with connect(Host(host.name), options) as connection:
        yield connection.session()


@pytest.fixture(params=["lean_host", "systemd_host"])
def host(request: pytest.FixtureRequest) -> LabHost:
    found: LabHost = request.getfixturevalue(request.param)
    return found


def test_a_snapshot_of_a_real_host(lab: Lab, host: LabHost, tmp_path: Path) -> None:
    app = App("sleeper", pid_file=f"{PLACE}/pid")
    with on(lab, host) as session, Store.open(tmp_path / "store") as store:
        (started,) = session.act([Run(("sh", "-c", START, "start", PLACE))])
        assert started.rc == 0, started
        pid = int(started.text)
        try:
            steps = list(
                snapshot(Reader(session), app=app, host=host.name, store=store, dump_dir=PLACE)
            )
            fetches = [step.do for step in steps if isinstance(step.do, Fetch)]
            bring(session, fetches, store, lambda _: None)
        finally:
            session.act([Run(("sh", "-c", f"kill {pid}; rm -r {PLACE}"))])

        kinds = {each.kind for each in store.artifacts()}
        assert {"heap", "elf", "status", "maps", "smaps", "limits", "build-ids"} <= kinds
        (status,) = store.artifacts(kind="status")
        assert (
            b"sleep" in store.path(status).read_bytes()
            or b"busybox" in store.path(status).read_bytes()
        )
        for each in store.artifacts(kind="elf"):
            assert store.path(each).read_bytes()[:4] == b"\x7fELF"
