"""What may go wrong between two commands: other operators, other hands, and controllers that die."""

from __future__ import annotations

import hashlib
import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.e2e import shops
from tests.e2e.operators import Operator, operator
from tests.e2e.shops import apps
from tests.lab import shop
from tests.lab.listing import difference
from tests.lab.world import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import Popen

    from tests.lab.api import Lab, LabHost

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("library", "before"),
]

DUMPS = "/var/lib/memops/dumps/shop"
ENV_FILE = "/etc/systemd/system/shop.service.d/50-memops.env"
# Beside a profile of this size a kill in the middle is no matter of luck.
BIG = 128 << 20


@pytest.fixture(scope="module")
def host(full_lab: Lab) -> Iterator[LabHost]:
    """A host that each test finds and leaves as it was made."""
    spec = shop.spec("c", "unit", SHOP_REQUESTS=100)
    found = full_lab.start("trusted", files=spec.files, hook=spec.hook, disk="2g")
    shops.wait_for_answer(found)
    yield found
    full_lab.stop(found)


@pytest.fixture
def me(lab: Lab, host: LabHost, tmp_path: Path) -> Operator:
    return operator(lab, tmp_path / "me", {host: apps(**shop.description("unit"))})


@pytest.fixture
def somebody(lab: Lab, host: LabHost, tmp_path: Path) -> Operator:
    return operator(lab, tmp_path / "somebody", {host: apps(**shop.description("unit"))})


@pytest.fixture(name="before")
def like_before(host: LabHost, me: Operator) -> Iterator[None]:
    """After the test the host must be as it was before it."""
    found = shops.look(host)
    yield
    try:
        shops.same(found, host)
    except BaseException:  # one failure is enough
        me("rollback", "--force", "--discard", "--break-lock")
        raise


def test_what_somebody_edited_is_not_undone_unless_told(host: LabHost, me: Operator) -> None:
    me.well("enable-profiling")
    host.sh(f"echo EXTRA=1 >>{ENV_FILE}")
    ours = shops.look(host)
    done = me("rollback", "--json")
    (error,) = [event for event in done.events("Note") if event["level"] == "error"]
    assert done.rc == 2
    assert error["text"].startswith(f"trusted: {ENV_FILE} was changed since: it is file ")
    assert error["text"].endswith("compare it yourself, then put it right or repeat with --force")
    now = shops.look(host)
    changed = difference(ours.files, now.files)
    assert [line for line in changed if f" {DUMPS}" not in line] == []
    assert now.pid == ours.pid
    by_hand = host.exec(["sh", "-c", "sh /var/lib/memops/runs/*/undo.sh"], check=False)
    assert by_hand.returncode == 3
    assert f"{ENV_FILE}: was changed since".encode() in by_hand.stderr
    assert shops.shop_pid(host) == ours.pid
    me.well("rollback", "--force")


def test_discarded_profiles_stay_where_they_were(host: LabHost, me: Operator) -> None:
    me.well("enable-profiling")
    host.write(f"{DUMPS}/shop.trusted.1.0.i0.heap", profile(4096))
    me.well("rollback", "--discard")
    assert list(me.store.glob("snapshots/*/*/*/*/*.heap")) == []


def profile(size: int) -> bytes:
    """A heap profile of at least *size* bytes, which compresses badly enough to take its time."""
    line = b"  t*: 1: 4096 [0: 0]\n"
    body = b"heap_v2/524288\n" + line * (size // len(line))
    return body + b"\nMAPPED_LIBRARIES:\n00400000-00401000 r-xp 00000000 00:00 0 /bin/true\n"


def test_a_collection_that_was_killed_goes_on_where_it_stopped(host: LabHost, me: Operator) -> None:
    me.well("enable-profiling")
    name = "shop.trusted.99999.0.i0.heap"
    make = (
        f"dd if=/dev/urandom bs=1M count={BIG >> 20} 2>/dev/null | base64 -w 100 >{DUMPS}/body; "
        f'{{ echo heap_v2/524288; cat {DUMPS}/body; printf "\\nMAPPED_LIBRARIES:\\n%s\\n" '
        f'"00400000-00401000 r-xp 00000000 00:00 0 /bin/true"; }} >{DUMPS}/{name}; rm {DUMPS}/body'
    )
    host.sh(make)
    incoming = me.store / "incoming"

    def arrived() -> int:
        return max((path.stat().st_size for path in incoming.glob("*")), default=0)

    with me.started("collect"):
        wait_for(lambda: arrived() > 8 << 20, 30, "the first bytes of the profile")
    before_death = arrived()
    assert 8 << 20 < before_death < BIG
    (partial,) = [path for path in incoming.glob("*") if path.stat().st_size == before_death]
    inode = partial.stat().st_ino
    assert list(me.store.glob(f"snapshots/*/*/*/*/{name}")) == []
    me.well("collect")
    (kept,) = me.store.glob(f"snapshots/*/*/*/*/{name}")
    wanted = host.sh(f"sha256sum <{DUMPS}/{name}").split()[0]
    with kept.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == wanted
    assert kept.stat().st_ino == inode
    assert not partial.exists()
    me.well("rollback", "--discard")


# When the controller dies: after the event of this kind, whose text has this in it.
MOMENTS = [
    ("Planned", "jemalloc with profiling"),
    ("TaskEnded", "jemalloc with profiling"),
    ("Planned", "launch settings"),
    ("TaskEnded", "launch settings"),
    ("Planned", "app runs with them"),
    ("Progress", "waiting for shop"),
]


def until(running: Popen[str], kind: str, text: str) -> None:
    """Read the events of *running* up to the first of *kind* with *text*."""
    assert running.stdout
    told = []
    for line in running.stdout:
        told.append(line)
        event = json.loads(line)
        if event["event"] == kind and text in line:
            return
    pytest.fail(f"never said {kind} {text}: {''.join(told)}")


@pytest.mark.parametrize(("kind", "text"), MOMENTS)
def test_a_controller_that_was_killed_leaves_what_can_be_undone(
    me: Operator, kind: str, text: str
) -> None:
    with me.started("enable-profiling", "--jsonl") as enabling:
        until(enabling, kind, text)
    me.well("rollback", "--discard")


def test_an_interrupted_run_says_how_it_is_undone(host: LabHost, me: Operator) -> None:
    with me.started("enable-profiling", "--jsonl") as enabling:
        until(enabling, "TaskEnded", "launch settings")
        enabling.send_signal(signal.SIGINT)
        rest, _ = enabling.communicate(timeout=60)
    assert enabling.returncode == 130
    (run,) = host.sh("ls /var/lib/memops/runs").split()
    assert rest.splitlines()[-1].startswith("memops: interrupted; ")
    assert rest.splitlines()[-1].endswith(f"; memops rollback --run {run}")
    me.well("rollback", "--run", run, "--discard")


def test_after_a_death_the_next_run_goes_on(host: LabHost, me: Operator) -> None:
    with me.started("enable-profiling", "--jsonl") as enabling:
        until(enabling, "Planned", "launch settings")
    me.well("enable-profiling")
    assert "libjemalloc" in shops.look(host).maps
    me.well("rollback", "--discard")


def test_two_operators_at_once(me: Operator, somebody: Operator) -> None:
    with me.started("enable-profiling", "--jsonl") as mine:
        until(mine, "TaskEnded", "launch settings")
        mine.send_signal(signal.SIGSTOP)
        refused = (
            somebody("enable-profiling", "--sample", "1MiB"),
            somebody("rollback", "--discard"),
        )
        mine.send_signal(signal.SIGCONT)
        rest, _ = mine.communicate(timeout=60)
        assert mine.returncode == 0, rest
    for done in refused:
        assert done.rc == 2
        assert "trusted: is being worked on by root on " in done.said
        assert "wait, or ask them; memops rollback --break-lock if they are gone" in done.said
    somebody.well("enable-profiling")
    somebody.well("rollback", "--discard")
