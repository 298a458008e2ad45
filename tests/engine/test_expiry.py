"""The dead-man's switch on a host without systemd; with it, see the tests of the lab."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest

from memops.engine.expiry import arm, due
from memops.engine.probe import Reader
from memops.engine.rollback import roll_back
from memops.tasks.template import copy
from tests.engine.host import applier, connection, grow, ignore, listing

systemd = pytest.mark.skipif(
    Path("/run/systemd/system").exists(), reason="here systemd would be asked to undo"
)


def waiting(root: Path) -> list[str]:
    """The processes that wait for the time to undo something below *root*."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if "memops-expiry" in words and f"{root}/state/memops" in words:
            found.append(path.parent.name)
    return found


def eventually(root: Path, before: list[tuple[object, ...]], seconds: float = 15) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(FileNotFoundError):  # what is being undone goes while it is listed
            if listing(root) == before:
                return True
        time.sleep(0.1)
    return False


def still_waiting(root: Path) -> list[str]:
    """Those that a signal did not end within two seconds."""
    until = time.monotonic() + 2
    while waiting(root) and time.monotonic() < until:
        time.sleep(0.05)
    return waiting(root)


@systemd
def test_when_the_time_is_up_the_host_undoes_by_itself(tmp_path: Path) -> None:
    grow(tmp_path, {"f": "old\n"})
    before = listing(tmp_path)
    with connection() as opened:
        to = applier(opened, tmp_path)
        to.apply("copy", copy, {"dest": f"{tmp_path}/f", "content": "new\n"})
        assert arm(to.session, to.journal.place, 1) == (to.journal.header.run,)
        left = Reader(to.session)(due(to.journal.place))
        to.close()

    assert left is not None
    assert left <= 1
    assert eventually(tmp_path, before)


@systemd
def test_it_waits_for_a_run_that_holds_the_lock(tmp_path: Path) -> None:
    grow(tmp_path, {"f": "old\n"})
    before = listing(tmp_path)
    with connection() as opened:
        to = applier(opened, tmp_path)
        to.apply("copy", copy, {"dest": f"{tmp_path}/f", "content": "new\n"})
        owner = Path(f"{to.journal.place.root}/lock/owner")
        owner.write_text(f"{time.time() + 3600:.0f} {owner.read_text().partition(' ')[2]}")
        arm(to.session, to.journal.place, 1)
        time.sleep(2.5)
        held = (tmp_path / "f").read_text()
        to.close()

    assert held == "new\n"
    assert eventually(tmp_path, before)


@systemd
def test_rolling_back_takes_the_timer_away(tmp_path: Path) -> None:
    grow(tmp_path, {"f": "old\n"})
    before = listing(tmp_path)
    with connection() as opened:
        to = applier(opened, tmp_path)
        to.apply("copy", copy, {"dest": f"{tmp_path}/f", "content": "new\n"})
        place = to.journal.place
        arm(to.session, place, 1000)
        assert len(waiting(tmp_path)) == 1
        again = arm(to.session, place)
        assert len(waiting(tmp_path)) == 1
        to.close()
        roll_back(opened, None, place, to.journal.record(), to.journal.header, ignore)

    assert again == (to.journal.header.run,)
    assert listing(tmp_path) == before
    assert not still_waiting(tmp_path)


def test_a_run_without_a_time_of_its_own_is_not_moved(tmp_path: Path) -> None:
    with connection() as opened:
        to = applier(opened, tmp_path)
        to.apply("copy", copy, {"dest": f"{tmp_path}/f", "content": "new\n"})
        moved = arm(to.session, to.journal.place)
        left = Reader(to.session)(due(to.journal.place))
        to.close()

    assert (moved, left) == ((), None)
