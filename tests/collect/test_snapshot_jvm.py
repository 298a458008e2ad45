import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from memops.cli.main import cli
from memops.engine.collect import bring
from memops.engine.probe import Reader
from memops.errors import StepFailed
from memops.model.action import Fetch, Run
from memops.model.app import App
from memops.model.host import ConnectOptions, Host
from memops.profile.memory.javaheap import parse_heap_info
from memops.store import Store
from memops.tasks import jvm as jvms
from memops.tasks.snapshot import snapshot
from memops.transport.local import connect

SLEEPER = "class Sleeper { public static void main(String[] a) throws Exception { Thread.sleep(99999); } }"


@pytest.fixture(scope="module")
def pid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("jvm")
    (folder / "Sleeper.java").write_text(SLEEPER)
    argv = ["java", "-XX:NativeMemoryTracking=summary", "-Xmx64m", str(folder / "Sleeper.java")]
    process = subprocess.Popen(argv)
    status = Path(f"/proc/{process.pid}/status")
    while not int(status.read_text().partition("SigCgt:")[2].split()[0], 16) & 4:
        time.sleep(0.05)
    yield process.pid
    process.kill()
    process.wait()


@pytest.mark.jdk
def test_a_jvm_is_asked_for_what_only_it_knows(pid: int, tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(str(pid))
    app = App("sleeper", pid_file=str(tmp_path / "pid"))
    with (
        Store.open(tmp_path / "store") as store,
        connect(Host("web1", connection="local"), ConnectOptions()) as connection,
    ):
        session = connection.session()
        steps = snapshot(
            Reader(session), app=app, host="web1", store=store, jvm=True, binaries=False
        )
        bring(session, [step.do for step in steps if isinstance(step.do, Fetch)], store, print)
        text = {
            each.kind: store.path(each).read_text("utf-8", "replace") for each in store.artifacts()
        }

    assert text["nmt"].lstrip().startswith("Native Memory Tracking:")
    assert text["vminfo"].startswith("C-Heap outstanding allocations:")
    assert parse_heap_info(text["heap_info"].encode(), "heap_info").total > 0
    assert "system_map" not in text  # this JVM does not know it
    assert "Interpreter" in text["perfmap"]
    assert not os.path.lexists(f"/tmp/perf-{pid}.map")
    assert os.path.lexists(f"/proc/{pid}")


def test_what_is_no_jvm_is_never_asked(tmp_path: Path) -> None:
    victim = subprocess.Popen(["sleep", "100"])
    argv = (str(victim.pid), "0", "0", "", "jattach", "nmt")
    ask = Fetch(
        Run(("sh", "-c", jvms._ASK, "memops-jvm", *argv)), f"snapshots/a/b/1-2-/{TAKEN}/nmt"
    )
    try:
        with (
            Store.open(tmp_path / "store") as store,
            connect(Host("web1", connection="local"), ConnectOptions()) as connection,
            pytest.raises(StepFailed, match="is no JVM"),
        ):
            bring(connection.session(), [ask], store, print)
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


TAKEN = "20261123T205600.123Z"


@pytest.mark.jdk
def test_a_jvm_that_cannot_be_asked_is_collected_from_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Deaf.java").write_text(SLEEPER.replace("Sleeper", "Deaf"))
    process = subprocess.Popen(["java", "-Xrs", "-Xmx64m", str(tmp_path / "Deaf.java")])
    maps = Path(f"/proc/{process.pid}/maps")
    while "/libjvm.so" not in maps.read_text():
        time.sleep(0.05)
    (tmp_path / "inventory.yml").write_text(
        "all: {hosts: {here: {ansible_connection: local, memops_apps: {deaf: {"
        f"process: {tmp_path}/Deaf.java, shape: envfile, launch_file: /x}}}}}}}}}}\n"
    )
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    argv = ["collect", "-i", str(tmp_path / "inventory.yml"), "--jvm"]
    try:
        done = CliRunner().invoke(cli, [*argv, "-e", "ansible_become=false"])
    finally:
        process.kill()
        process.wait()

    assert done.exit_code == 0, done.output
    assert f"the JVM {process.pid} cannot be asked: it does not catch SIGQUIT" in done.stderr
