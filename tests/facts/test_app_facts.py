"""What is asked about an app, asked of real processes, sockets and files through each shell."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from memops.facts import health, launch, process
from memops.facts.health import well
from memops.facts.launch import Settings
from memops.facts.process import Process, Processes, processes
from memops.model.action import Output
from memops.model.app import App, Health
from tests.facts.shellcheck import complaints

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = f"1234.{os.getpid()}"  # tests beside these have sleepers of their own
ODD = 'it\'s "odd"\n=$(x)'


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with an odd environment, its pid in the file ``pid``."""
    env = {"PATH": os.environ["PATH"], "ODD": ODD}
    with subprocess.Popen(["sleep", SECONDS], env=env) as started:
        (tmp_path / "pid").write_text(f"{started.pid}\n")
        yield started
        started.kill()


def test_a_process_is_found_by_its_pid_file(
    ask: Any, sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    found = ask(processes(App("a", script="/x", pid_file=f"{tmp_path}/pid"))).main

    assert found.pid == sleeper.pid
    assert found.environ["ODD"] == ODD
    assert found.cmdline[1:] == (SECONDS,)
    assert found.uid == os.getuid()
    assert found.rss > 0
    assert any(line.endswith("/ld-linux-x86-64.so.2") or "libc" in line for line in found.maps)


def test_a_process_is_found_by_its_command_line(ask: Any, sleeper: subprocess.Popen[bytes]) -> None:
    assert ask(processes(App("a", process=f"sleep {SECONDS}"))).main.pid == sleeper.pid


@pytest.mark.parametrize("pattern", ["^sleep {}$", "{}$", "^sleep {}"])
def test_a_pattern_is_held_to_both_ends_of_the_command_line(
    ask: Any, sleeper: subprocess.Popen[bytes], pattern: str
) -> None:
    assert ask(processes(App("a", process=pattern.format(SECONDS)))).main.pid == sleeper.pid
    assert ask(processes(App("a", process=f"^leep {SECONDS}$"))).main is None


def test_a_look_for_a_process_does_not_find_itself(ask: Any) -> None:
    assert ask(processes(App("a", process="no-process-is-called-so"))).main is None


@pytest.mark.parametrize("text", ["", "0\n", "-1\n", "1 2\n", "$(reboot)\n", "99999999\n"])
def test_a_pid_file_that_names_no_process_finds_none(ask: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text.replace("1 2", "x"))

    assert ask(processes(App("a", script="/x", pid_file=f"{tmp_path}/pid"))).main is None


def test_the_child_of_a_shell_wrapper_does_the_work(ask: Any, tmp_path: Path) -> None:
    with subprocess.Popen(["sh", "-c", "sleep 77 & echo; wait"], stdout=subprocess.PIPE) as shell:
        assert shell.stdout
        shell.stdout.readline()
        (tmp_path / "pid").write_text(str(shell.pid))
        found = ask(processes(App("a", script="/x", pid_file=f"{tmp_path}/pid")))
        os.kill(found.main.pid, 9)

    assert found.all[0].pid == shell.pid
    assert found.main.cmdline == ("sleep", "77")


def test_only_a_jvm_that_catches_sigquit_may_be_asked() -> None:
    jvm = ("7f00-7f01 r-xp 00000000 00:01 1 /usr/lib/jvm/x/lib/server/libjvm.so",)

    assert Process(1, 0, 0, maps=jvm, caught_signals=4).is_hotspot
    assert not Process(1, 0, 0, maps=jvm, caught_signals=0).is_hotspot  # -Xrs
    assert not Process(1, 0, 0, caught_signals=4).is_hotspot


def test_two_lives_of_a_pid_differ() -> None:
    lives = [Processes("boot", (Process(7, 1, start),)).life("h") for start in (100, 200)]

    assert lives[0] != lives[1]


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/well" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a web server that is well at ``/well`` only."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_health_is_what_the_app_answers(ask: Any, port: int) -> None:
    url = f"http://127.0.0.1:{port}"

    assert ask(well(Health("http", f"{url}/well"))) is None
    assert url in ask(well(Health("http", f"{url}/ill")))
    assert ask(well(Health("tcp", str(port)))) is None
    assert ask(well(Health("command", "true"))) is None
    assert ask(well(Health("command", "echo no >&2; exit 3"))) == "no"


def test_nothing_listens_on_a_port_that_is_free(ask: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

        assert str(port) in ask(well(Health("tcp", str(port))))


def test_only_lines_after_the_restart_count(ask: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ready on 8080\n")
    check = Health("log", str(log), "ready on [0-9]+")
    size = log.stat().st_size

    assert ask(well(check, size)) is not None
    log.write_text("ready on 8080\nagain\nready on 1\n")
    assert ask(well(check, size)) is None
    log.write_text("ready on 9\n")  # the log was rotated
    assert ask(well(check, size)) is None


@pytest.mark.parametrize(
    "script", [process.SCRIPT, *health.SCRIPTS.values()], ids=["processes", *health.SCRIPTS]
)
def test_shellcheck_has_nothing_to_say(script: str) -> None:
    assert complaints(f"#!/bin/sh\n{script}", ["SC2016"]) == ""


def test_settings_are_read_back_from_the_line_they_write() -> None:
    given = Settings("shop", "r", "/opt/memops/x.so", "prof:true", "-X", "/d", (("A", ODD),))
    text = f"# a\n{given.line()}\nLD_PRELOAD=x\n{launch.END}\n"
    query = launch.settings(App("shop", unit="shop.service"))

    assert query.parse((Output(0, text.encode()),)) == given
    assert query.parse((Output(1),)) is None
    assert query.parse((Output(0, f"{launch.MARK}{{broken\n".encode()),)) is None
