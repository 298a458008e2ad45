import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memops.engine.probe import Reader
from memops.errors import MemopsError
from memops.model.action import Run
from memops.model.app import App
from memops.model.host import ConnectOptions, Host
from memops.model.step import NoUndo, Step
from memops.tasks.heap_dump import heap_dump
from memops.transport.base import Session
from memops.transport.local import connect

TEXT = "heap_v2/1\n\nMAPPED_LIBRARIES:\n00400000-00401000 r-xp 00000000 08:01 123 /srv/shop\n"


@pytest.fixture
def session() -> Iterator[Session]:
    with connect(Host("web1", connection="local"), ConnectOptions()) as connection:
        yield connection.session()


@pytest.fixture
def pid(tmp_path: Path) -> Iterator[int]:
    process = subprocess.Popen(["sleep", "100"])
    (tmp_path / "pid").write_text(str(process.pid))
    (tmp_path / "dumps").mkdir()
    yield process.pid
    process.kill()
    process.wait()


def plan(session: Session, tmp_path: Path, **params: Any) -> tuple[list[Step], Any]:
    app = App("shop", pid_file=str(tmp_path / "pid"))
    generator = heap_dump(Reader(session), app=app, dump_dir=str(tmp_path / "dumps"), **params)
    steps = []
    while True:
        try:
            steps.append(next(generator))
        except StopIteration as end:
            return steps, end.value


def test_the_newest_whole_profile_and_its_age_are_told(
    session: Session, tmp_path: Path, pid: int
) -> None:
    for name, text in (("0.i0", TEXT), ("1.i1", TEXT), ("2.i2", "heap_v2/1\n"), ("0.f", TEXT)):
        (tmp_path / "dumps" / f"shop.{pid}.{name}.heap").write_text(text)
    (tmp_path / "dumps" / "shop.1.9.f.heap").write_text(TEXT)

    steps, told = plan(session, tmp_path)

    assert steps == []
    assert told["newest"] == str(tmp_path / "dumps" / f"shop.{pid}.1.i1.heap")
    assert 0 <= told["age"] < 30
    assert "old" in told["notes"][0]


def test_without_any_profile_it_says_so(session: Session, tmp_path: Path, pid: int) -> None:
    assert pid
    _, told = plan(session, tmp_path)
    assert (told["newest"], told["age"]) == ("", -1)


def test_it_waits_for_the_next_profile(session: Session, tmp_path: Path, pid: int) -> None:
    (step,), _ = plan(session, tmp_path, wait="20s")
    path = tmp_path / "dumps" / f"shop.{pid}.0.i0.heap"
    threading.Timer(0.3, path.write_text, (TEXT,)).start()
    began = time.monotonic()

    (output,) = session.act((step.do,))

    assert output.rc == 0
    assert time.monotonic() - began < 10
    assert isinstance(step.undo, NoUndo)


def test_it_does_not_wait_for_ever(session: Session, tmp_path: Path, pid: int) -> None:
    assert pid
    (step,), _ = plan(session, tmp_path, wait=1)

    (output,) = session.act((step.do,))

    assert output.rc == 1
    assert b"no new profile within 1 s" in output.stderr


def test_a_process_that_ended_writes_no_more(session: Session, tmp_path: Path, pid: int) -> None:
    (step,), _ = plan(session, tmp_path, wait=50)
    (tmp_path / "dumps" / "ended").touch()
    assert isinstance(step.do, Run)
    ended = replace(
        step.do, argv=tuple("99999999" if each == str(pid) else each for each in step.do.argv)
    )

    (output,) = session.act((ended,))

    assert output.rc == 1
    assert b"process 99999999 ended" in output.stderr


def test_gdb_is_refused_where_jemalloc_is_not(session: Session, tmp_path: Path, pid: int) -> None:
    assert pid
    with pytest.raises(MemopsError, match="runs without jemalloc"):
        plan(session, tmp_path, method="gdb")


def test_an_app_that_does_not_run_is_refused(session: Session, tmp_path: Path) -> None:
    (tmp_path / "pid").write_text("999999999")
    with pytest.raises(MemopsError, match="does not run"):
        plan(session, tmp_path)
