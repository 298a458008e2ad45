"""What can be known of a JVM without asking it, and which questions follow."""

from __future__ import annotations

import mmap
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memops.facts import memory
from memops.facts.memory import COMMANDS, Sources
from memops.facts.process import Process
from memops.model.action import Output, Run
from memops.tasks import jvm as jvms
from tests.facts.shellcheck import complaints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHELLS = [["dash"], ["busybox", "sh"], ["bash"]]
JDK_8 = COMMANDS - {"VM.info", "System.map", "Compiler.perfmap"}
ASKED = ("nmt", "heap_info", "system_map", "vminfo", "perf-7.map")
JAVA = Process(7, 1, 0, uid=5, caught_signals=4, maps=("7f0-7f1 r-xp 0 0:0 0 /jdk/libjvm.so",))


@pytest.fixture(params=[JDK_8, COMMANDS], ids=["8", "25"])
def known(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[frozenset[str]]:
    """The commands whose names stand in the libjvm.so that this very process maps."""
    library = tmp_path / "lib jvm" / "libjvm.so"
    library.parent.mkdir()
    library.write_bytes(b"\x7fELF\0" + b"\0".join(map(str.encode, request.param)) + b"\0VM_info\0")
    with library.open("r+b") as file, mmap.mmap(file.fileno(), 0):
        yield request.param


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_its_library_tells_which_commands_a_jvm_knows(
    shell: list[str], known: frozenset[str]
) -> None:
    assert _sources(shell, os.getpid()).commands == known


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_a_perf_map_that_somebody_wrote_is_seen(shell: list[str]) -> None:
    path = Path(f"/tmp/perf-{os.getpid()}.map")
    assert not _sources(shell, os.getpid()).perf_map
    path.write_text("7f0000001000 40 Lcom/acme/Shop;::serve\n")
    try:
        assert _sources(shell, os.getpid()).perf_map
    finally:
        path.unlink()


def test_without_a_jvm_nothing_is_known_of_its_commands() -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        assert _sources(["dash"], sleeper.pid).commands is None
        sleeper.kill()


@pytest.mark.parametrize("script", [memory._SCRIPT, jvms._ASK], ids=["sources", "ask"])
def test_the_scripts_are_plain_sh(script: str) -> None:
    assert complaints(script) == ""


@pytest.mark.parametrize(
    ("commands", "asked"),
    [(JDK_8, ASKED[:2]), (COMMANDS - {"System.map"}, ASKED[:2] + ASKED[3:]),
     (COMMANDS, ASKED), (None, ASKED)],
)  # fmt: skip
def test_a_jvm_is_asked_only_what_it_knows(
    commands: frozenset[str] | None, asked: tuple[str, ...]
) -> None:
    found: list[str] = []

    list(jvms.steps(JAVA, Sources(5, jcmd="/jdk/bin/jcmd", commands=commands), _into(found)))

    assert tuple(found) == asked


def test_a_perf_map_of_an_agent_is_taken_from_an_old_jvm() -> None:
    sources = Sources(5, jcmd="/jdk/bin/jcmd", commands=JDK_8, perf_map=True)
    found: list[str] = []

    list(jvms.steps(JAVA, sources, _into(found)))

    assert found == ["nmt", "heap_info", "perf-7.map"]
    assert not any("perfmap" in each for each in jvms.untold(JAVA, sources))


def test_what_an_old_jvm_cannot_tell_is_said_with_the_way_round() -> None:
    told = list(jvms.untold(JAVA, Sources(5, jcmd="/jdk/bin/jcmd", commands=JDK_8)))

    assert [each.partition(" (")[0] for each in told] == [
        "the JVM 7 does not know VM.info", "the JVM 7 does not know Compiler.perfmap",
    ]  # fmt: skip
    assert "perf-map-agent writes /tmp/perf-PID.map" in told[1]


@pytest.mark.parametrize(
    ("java", "sources", "why"),
    [
        (Process(7, 1, 0, maps=JAVA.maps), Sources(0, jcmd="/j"), "does not catch SIGQUIT"),
        (JAVA, Sources(5), "no jattach, and no jcmd beside its java"),
        (JAVA, Sources(6, jcmd="/j"), "of uid 5; repeat with --become"),
    ],
)
def test_a_jvm_that_cannot_be_asked_is_told_of(java: Process, sources: Sources, why: str) -> None:
    assert [why in each for each in jvms.untold(java, sources)] == [True]
    assert not list(jvms.steps(java, sources, str))


def test_nothing_is_said_of_what_is_no_jvm() -> None:
    assert not list(jvms.untold(Process(7, 1, 0, caught_signals=4), Sources()))


def _into(found: list[str]) -> Callable[[str], str]:
    def into(name: str) -> str:
        found.append(name)
        return f"snapshots/a/b/1-2-/20261123T205600.123Z/{name}"

    return into


def _sources(shell: list[str], pid: int) -> Sources:
    query = memory.sources(pid, "/usr/bin/java")
    look = query.looks[0]
    assert isinstance(look, Run)
    done = subprocess.run([*shell, *look.argv[1:]], capture_output=True, check=True, timeout=60)
    return query.parse((Output(done.returncode, done.stdout, done.stderr),))
