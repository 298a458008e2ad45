import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memops.engine.collect import bring
from memops.engine.probe import Reader
from memops.errors import MemopsError, StepFailed
from memops.model.action import Fetch, Run
from memops.model.app import App
from memops.model.event import Event, Progress
from memops.model.host import ConnectOptions, Host
from memops.model.step import NoUndo, Step
from memops.store import Store
from memops.tasks.snapshot import snapshot
from memops.transport.base import Session
from memops.transport.local import connect


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture
def session() -> Iterator[Session]:
    with connect(Host("web1", connection="local"), ConnectOptions()) as connection:
        yield connection.session()


class Running:
    """A process that sleeps, its pid file, and a directory for its dumps."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
        self.pid_file = folder / "pid"
        self.pid_file.write_text(f"{self.process.pid}\n")
        self.dumps = folder / "dumps"
        self.dumps.mkdir()
        self.app = App("shop", pid_file=str(self.pid_file))
        while not (maps := self.maps()):
            time.sleep(0.01)
        self.text = f"heap_v2/524288\n  t*: 1: 2 [0: 0]\n@ 0x1\n  t*: 1: 2 [0: 0]\n\nMAPPED_LIBRARIES:\n{maps}"

    def maps(self) -> str:
        maps = Path(f"/proc/{self.process.pid}/maps").read_text()
        return maps if "/libc" in maps and "python" in maps else ""

    def dump(self, name: str, text: str = "", age: float = 10) -> Path:
        path = self.dumps / name
        path.write_text(text or self.text)
        os.utime(path, (time.time() - age,) * 2)
        return path


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    app = Running(tmp_path)
    try:
        yield app
    finally:
        app.process.kill()
        app.process.wait()


def planned(
    session: Session, running: Running, store: Store, **params: Any
) -> tuple[list[Step], Any]:
    steps = []
    generator = snapshot(
        Reader(session), app=running.app, host="web1", store=store,
        dump_dir=str(running.dumps), **params,
    )  # fmt: skip
    while True:
        try:
            steps.append(next(generator))
        except StopIteration as end:
            return steps, end.value


def collect(session: Session, running: Running, store: Store, **params: Any) -> Any:
    steps, registered = planned(session, running, store, **params)
    fetches = [step.do for step in steps if isinstance(step.do, Fetch)]
    bring(session, fetches, store, lambda _: None)
    return registered


def test_a_snapshot_brings_all_that_tells_the_memory(
    session: Session, running: Running, store: Store
) -> None:
    running.dump(f"shop.web1.r1.{running.process.pid}.0.i0.heap", running.text[:-9])

    steps, _ = planned(session, running, store)
    registered = collect(session, running, store)

    assert all(isinstance(step.do, Fetch) and isinstance(step.undo, NoUndo) for step in steps)
    kinds = {each.kind for each in store.artifacts()}
    assert {"smaps", "smaps_rollup", "maps", "status", "limits", "elf"} <= kinds
    assert registered["waiting"] == 1
    (status,) = store.artifacts("shop", "web1", registered["life"], "status")
    assert f"Pid:\t{running.process.pid}\n".encode() in store.path(status).read_bytes()


def test_nothing_is_collected_twice(session: Session, running: Running, store: Store) -> None:
    pid = running.process.pid
    running.dump(f"shop.{pid}.0.i0.heap", age=0)
    running.dump(f"shop.{pid}.1.i1.heap", running.text[:-1], age=0)

    first = collect(session, running, store, memory_files=False)
    again = collect(session, running, store, memory_files=False)

    assert (first["heaps"], first["waiting"]) == (1, 1)
    assert (again["heaps"], again["waiting"]) == (0, 1)
    (heap,) = store.artifacts(kind="heap")
    assert heap.life == first["life"]
    assert store.path(heap).read_text() == running.text
    steps, _ = planned(session, running, store, memory_files=False)
    assert steps == []


def test_each_binary_comes_once_for_all_hosts(
    session: Session, running: Running, store: Store
) -> None:
    collect(session, running, store)
    binaries = store.artifacts(kind="elf")
    with connect(Host("web2", connection="local"), ConnectOptions()) as connection:
        steps, _ = planned(connection.session(), running, store)

    assert any(each.source.endswith("libc.so.6") for each in binaries)
    for each in binaries:
        assert store.path(each).read_bytes() == Path(each.source).read_bytes()
    assert not any("binary" in step.change.what for step in steps)


def test_childrens_profiles_are_told_apart(
    session: Session, running: Running, store: Store
) -> None:
    pid = running.process.pid
    program = os.path.realpath(sys.executable)
    shell = running.text.replace(program, "/usr/bin/dash")
    running.dump("shop.999999.0.f.heap", shell)
    running.dump("shop.999998.0.f.heap")
    running.dump(f"shop.{pid}.9.f.heap", age=100_000_000)
    running.dump("evil.999997.0.f.heap", running.text.replace(program, '/../../x/evil~"'))

    collect(session, running, store, memory_files=False, binaries=False)

    assert sorted((each.app, each.life.split("-")[1]) for each in store.artifacts()) == [
        ("shop", "0"), ("shop", "0"), ("shop+dash", "0"), ("shop+evil%7E%22", "0"),
    ]  # fmt: skip


def test_a_profile_found_after_a_restart_joins_the_life_that_wrote_it(
    session: Session, running: Running, store: Store
) -> None:
    life = collect(session, running, store, binaries=False)["life"]
    name = f"shop.{running.process.pid}.0.f.heap"
    running.process.kill()
    running.process.wait()
    running.dump(name)

    registered = collect(session, running, store)

    assert registered["life"] == ""
    assert "does not run" in registered["notes"][0]
    assert [each.name for each in store.artifacts("shop", "web1", life, "heap")] == [name]


def test_a_hostile_name_is_kept_inside(session: Session, running: Running, store: Store) -> None:
    name = f"x\n'$(touch pwned)' ..%2f.{running.process.pid}.0.f.heap"
    path = running.dump(name)

    collect(session, running, store, memory_files=False, binaries=False)

    (heap,) = store.artifacts(kind="heap")
    assert heap.source == str(path)
    assert store.path(heap).read_text() == running.text


def test_what_vanished_is_told_and_the_rest_is_kept(
    session: Session, running: Running, store: Store
) -> None:
    pid = running.process.pid
    gone = running.dump(f"shop.{pid}.0.i0.heap")
    running.dump(f"shop.{pid}.1.i1.heap")
    steps, _ = planned(session, running, store, binaries=False)
    gone.unlink()

    with pytest.raises(StepFailed, match=r"is gone \(1 of"):
        bring(session, _fetches(steps), store, lambda _: None)

    assert [each.name for each in store.artifacts(kind="heap")] == [f"shop.{pid}.1.i1.heap"]
    assert store.artifacts(kind="status")


def test_a_profile_that_became_a_link_is_not_followed(
    session: Session, running: Running, store: Store
) -> None:
    path = running.dump(f"shop.{running.process.pid}.0.i0.heap")
    steps, _ = planned(session, running, store, binaries=False, memory_files=False)
    path.unlink()
    path.symlink_to("/etc/passwd")

    with pytest.raises(StepFailed, match="is a link, not a file"):
        bring(session, _fetches(steps), store, lambda _: None)
    assert store.artifacts() == ()


def test_a_binary_that_lies_about_its_build_id_is_refused(session: Session, store: Store) -> None:
    libc = next(Path("/usr/lib").glob("*/libc.so.6"))
    fetch = Fetch(str(libc), f"elf/{'ab' * 20}")

    with pytest.raises(StepFailed, match="another build id"):
        bring(session, [fetch], store, lambda _: None)
    assert store.elf("ab" * 20) is None
    assert not list((store.root / "incoming").iterdir())


def test_a_command_that_fails_is_told(session: Session, store: Store) -> None:
    into = "snapshots/shop/web1/1-2-0f3a9c2e/20261123T205600.123Z/pmap"
    fetch = Fetch(Run(("sh", "-c", "echo no such pid >&2; exit 3")), into)

    with pytest.raises(StepFailed, match="no such pid"):
        bring(session, [fetch], store, lambda _: None)


def test_a_full_disk_here_is_told_in_one_line(
    session: Session, running: Running, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    steps, _ = planned(session, running, store, binaries=False)
    monkeypatch.setattr(store, "adopt", full)
    with pytest.raises(MemopsError, match=r"No space left on device.*make room"):
        bring(session, _fetches(steps), store, lambda _: None)


def test_killed_half_way_it_goes_on_where_it_stopped(
    session: Session, running: Running, store: Store, tmp_path: Path
) -> None:
    pid = running.process.pid
    for number in range(40):
        running.dump(f"shop.{pid}.{number}.i{number}.heap", running.text + running.text * 200)
    steps, _ = planned(session, running, store, memory_files=False, binaries=False)
    child = os.fork()
    if child == 0:
        try:
            _collect_until_killed(tmp_path, _fetches(steps), after=10 << 20)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    lying = sum(each.stat().st_size for each in (store.root / "incoming").iterdir())

    events: list[Event] = []
    bring(session, _fetches(steps), store, events.append)

    told = [event for event in events if isinstance(event, Progress)]
    total = 40 * len(running.text) * 201
    assert lying > 8 << 20
    assert told[-1].done <= total - lying + (1 << 20)
    assert len(store.artifacts(kind="heap")) == 40
    assert not list((store.root / "incoming").iterdir())


def _collect_until_killed(tmp_path: Path, fetches: list[Fetch], after: int) -> None:
    def sink(event: Event) -> None:
        if isinstance(event, Progress) and event.done > after:
            os.kill(os.getpid(), signal.SIGKILL)

    store = Store.open(tmp_path / "store")
    with connect(Host("web1", connection="local"), ConnectOptions()) as connection:
        bring(connection.session(), fetches, store, sink)


def _fetches(steps: list[Step]) -> list[Fetch]:
    return [step.do for step in steps if isinstance(step.do, Fetch)]
