"""What commands and hosts may do to us, on every target that runs programs."""

from __future__ import annotations

import itertools
import re
import time
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from memops.errors import StepFailed
from memops.model.action import Dir, File, Link, Output, Put, Read, Run, Stat
from memops.transport import session as sessions

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from memops.model.action import Look
    from tests.transport.targets import Target

_COUNT = itertools.count()


def sh(text: str, *args: str, stdin: bytes = b"", timeout: float = 20.0) -> Run:
    return Run(("sh", "-c", text, "sh", *args), stdin=stdin, timeout=timeout)


@pytest.fixture
def root(real: Target) -> str:
    path = f"{real.root}/{next(_COUNT)}"
    assert real.session.act([Put(path, Dir())])[0].rc == 0
    return path


@pytest.fixture(autouse=True)
def in_step(real: Target) -> Iterator[None]:
    """Whatever happened, the session goes on."""
    yield
    assert real.session.look([sh("echo fine; echo well >&2; exit 3")]) == (
        Output(3, b"fine\n", b"well\n"),
    )


ANSWERS = (
    (sh("printf 'no newline'"), Output(0, b"no newline")),
    (sh("printf '\\000\\000'; printf '\\000' >&2"), Output(0, b"\0\0", b"\0")),
    (sh("printf '\\n0123456789abcdef0123456789abcdef 0\\n'"), Output(0, b"\n0123456789abcdef0123456789abcdef 0\n")),
    (sh("cat; echo end"), Output(0, b"end\n")),
    (sh("cat", stdin=b"a\0b\n"), Output(0, b"a\0b\n")),
    (sh("head -c 1 >/dev/null; exit 0", stdin=b"x" * 500_000), Output(0)),
    (sh("wc -c", stdin=b"x" * 500_000), Output(0, b"500000\n")),
    (sh("exit 255"), Output(255)),
    (sh('echo "$#:$1:$2"', "-n", "a  b"), Output(0, b"2:-n:a  b\n")),
    (Run(("printf", "%s,", "", "*", "$HOME", "'")), Output(0, b",*,$HOME,',")),
    (Run(("pwd",), cwd="/usr/bin"), Output(0, b"/usr/bin\n")),
    (Run(("sh", "-c", 'echo "$A;$B"'), env=(("A", "x'y z"), ("B", "a\nb"))), Output(0, b"x'y z;a\nb\n")),
    (sh("exec </dev/null >/dev/null 2>&1"), Output(0)),
    (sh("exec 7<&- 8>&- 9>&-; echo x"), Output(0, b"x\n")),
    (sh("umask; cd /; umask 0"), Output(0, b"0022\n")),
)  # fmt: skip


def test_answers(real: Target) -> None:
    looks, wanted = zip(*ANSWERS, strict=True)
    assert real.session.look(looks) == wanted
    assert real.session.act(looks[:7]) == wanted[:7]


def test_a_command_that_is_not_there(real: Target) -> None:
    output = real.session.look([Run(("no-such-program",))])[0]
    assert output.rc == 127
    assert b"no-such-program" in output.stderr
    assert real.session.look([Run(("true",), cwd="/no/such/directory")])[0].rc == 126


@pytest.mark.parametrize("name", ["KILL", "TERM", "SEGV", "HUP", "INT", "PIPE"])
def test_a_command_that_dies_of_a_signal(real: Target, name: str) -> None:
    assert real.session.look([sh(f"kill -{name} $$")])[0].rc > 128


def test_commands_may_be_interrupted(real: Target) -> None:
    """What a shell starts with & ignores SIGINT and SIGQUIT, and so would the app restarted with it."""
    for run in (real.session.look, real.session.act):
        status = run([Run(("cat", "/proc/self/status"))])[0].text
        found = re.search(r"^SigIgn:\s*([0-9a-f]+)", status, re.MULTILINE)
        assert found
        assert int(found[1], 16) & 0b110 == 0


def test_much_on_both_streams_at_once(real: Target) -> None:
    text = "head -c 10000000 /dev/zero & head -c 10000000 /dev/zero >&2; wait"
    output = real.session.look([sh(text)])[0]
    assert (output.rc, len(output.stdout), len(output.stderr)) == (0, 10_000_000, 10_000_000)


def test_much_in_and_much_out_at_once(real: Target) -> None:
    content = bytes(range(256)) * 20_000
    output = real.session.look([sh("tee /dev/stderr", stdin=content)])[0]
    assert (output.stdout, output.stderr) == (content, content)


def test_output_without_end_is_stopped(real: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "LIMIT", 4 << 20)
    marker = f"marker{next(_COUNT)}x"
    before, endless, after = real.session.look([sh("echo a"), sh("yes", marker), sh("echo b")])
    assert (before.stdout, after.stdout) == (b"a\n", b"b\n")
    assert endless.rc == 137
    assert b"stopped" in endless.stderr
    assert not _running(marker)


def test_a_stream_is_left_early_and_its_command_is_gone(real: Target) -> None:
    marker = f"marker{next(_COUNT)}y"
    text = 'sleep 1000 & while :; do echo "$1"; done'
    stream = cast("Generator[bytes]", real.session.stream(sh(text, marker, timeout=1000)))
    with closing(stream) as pieces:
        assert next(pieces).startswith(b"marker")
    assert not _running(marker)


def test_a_stream_takes_constant_memory(real: Target) -> None:
    tracemalloc.start()
    try:
        size = sum(map(len, real.session.stream(Run(("head", "-c", "60000000", "/dev/zero")))))
        assert size == 60_000_000
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_a_stream_tells_how_it_ended(real: Target) -> None:
    with pytest.raises(StepFailed, match="ended with 3: oh no"):
        list(real.session.stream(sh("echo x; echo oh no >&2; exit 3")))
    assert list(real.session.stream(Run(("sh", "-c", "exit 3"), ok=(3,)))) == []


def test_the_time_is_up(real: Target) -> None:
    marker = f"marker{next(_COUNT)}z"
    text = f'trap "" TERM; (exec -a x sleep 1000 2>/dev/null || sleep 1000) & sleep 1000; echo {marker}'
    started = time.monotonic()
    output = real.session.look([sh(text, marker, timeout=1)])[0]
    assert output.rc == 124
    assert time.monotonic() - started < 8
    assert not _running(marker)


def test_a_child_that_stays_does_not_hold_us(real: Target) -> None:
    started = time.monotonic()
    output = real.session.act([sh("sleep 3 & echo started")])[0]
    assert output == Output(0, b"started\n")
    assert time.monotonic() - started < 2.5


def test_late_words_of_a_child_are_nobodys(real: Target) -> None:
    real.session.act([sh("(sleep 0.3; echo late; echo late >&2) & exit 0")])
    time.sleep(0.6)
    assert real.session.look([sh("echo now")]) == (Output(0, b"now\n"),)


def test_a_full_disk_leaves_the_old_file(real: Target, root: str) -> None:
    mount, session = "mount -t tmpfs -o size=200k tmpfs", real.session
    assert session.act([sh(f'{mount} "$1"', root)])[0].rc == 0
    try:
        assert session.act([Put(f"{root}/f", File(b"old"))])[0].rc == 0
        outputs = session.act([Put(f"{root}/f", File(b"x" * 400_000)), Put(f"{root}/g", File(b""))])
        assert [output.rc for output in outputs] == [1]
        assert b"o space left" in outputs[0].stderr
        assert session.look([Read(f"{root}/f"), Run(("ls", "-A", root))])[1].stdout == b"f\n"
    finally:
        session.act([sh('umount "$1"', root)])


def test_looking_writes_nothing(real: Target, root: str) -> None:
    looks: list[Look] = [
        Stat(root, digest=True),
        Read("/etc/passwd"),
        Run(("true",), stdin=b"x" * 50_000),
    ]
    real.session.look(looks)
    count = [sh('ls -A /tmp | wc -l; find "$1" | wc -l', root)]

    def wrote() -> bool:
        before = real.session.look(count)
        real.session.look(looks * 3)
        return real.session.look(count) != before

    # other tests use /tmp too, now and then; a look that wrote would do so every time
    assert not all(wrote() for _ in range(5))


def test_what_proc_says_comes_home(real: Target, tmp_path: Path) -> None:
    files: list[tuple[str | Run, Path]] = [
        ("/proc/self/maps", tmp_path / "maps"), ("/proc/meminfo", tmp_path / "meminfo"),
        (sh("echo one; exit 4"), tmp_path / "fails"), (sh("printf two"), tmp_path / "two"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", tmp_path / "thp"),
    ]  # fmt: skip
    outputs = real.session.fetch(files)
    assert [output.rc for output in outputs] == [0, 0, 4, 0, 0]
    assert b"[stack]" in (tmp_path / "maps").read_bytes()
    assert (tmp_path / "two").read_bytes() == b"two"
    assert not (tmp_path / "fails").exists()


def test_a_partial_file_is_gone_on_with(real: Target, root: str, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4000
    for name in ("good", "bad", "long"):
        assert real.session.act([Put(f"{root}/{name}", File(content))])[0].rc == 0
    (tmp_path / "good.part").write_bytes(content[:300_001])
    (tmp_path / "bad.part").write_bytes(b"?" * 300_001)
    (tmp_path / "long.part").write_bytes(content + b"more")
    heard: list[int] = []
    names = ("good", "bad", "long")
    outputs = real.session.fetch([(f"{root}/{n}", tmp_path / n) for n in names], heard.append)
    assert [output.rc for output in outputs] == [0, 0, 0]
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    assert all((tmp_path / name).read_bytes() == content for name in names)
    assert heard[-1] == 3 * len(content) - 300_001


def test_a_growing_log_comes_as_it_was(real: Target, root: str, tmp_path: Path) -> None:
    path = f"{root}/log"
    assert (
        real.session.act(
            [
                sh(
                    '(i=0; while [ $i -lt 300000 ]; do echo line $i; i=$((i+1)); done) >"$1" 2>/dev/null &',
                    path,
                )
            ]
        )[0].rc
        == 0
    )
    time.sleep(0.2)
    output = real.session.fetch([(path, tmp_path / "log")])[0]
    assert output.rc == 0
    assert (tmp_path / "log").read_bytes().startswith(b"line 0\nline 1\n")


def test_no_local_link_is_followed(real: Target, root: str, tmp_path: Path) -> None:
    assert real.session.act([Put(f"{root}/f", File(b"new"))])[0].rc == 0
    (tmp_path / "victim").write_bytes(b"old")
    (tmp_path / "f").symlink_to("victim")
    assert real.session.fetch([(f"{root}/f", tmp_path / "f")])[0].rc == 0
    assert (tmp_path / "victim").read_bytes() == b"old"
    assert (tmp_path / "f").read_bytes() == b"new"


def test_a_link_to_a_file_is_fetched_as_the_file(real: Target, root: str, tmp_path: Path) -> None:
    real.session.act([Put(f"{root}/f", File(b"x")), Put(f"{root}/l", Link("f"))])
    assert real.session.fetch([(f"{root}/l", tmp_path / "l")])[0].rc == 0


def _running(marker: str) -> bool:
    """Whether a process of that command line is still there (every target shares this kernel)."""
    for _ in range(20):
        if not any(marker.encode() in _command_line(each) for each in Path("/proc").glob("[0-9]*")):
            return False
        time.sleep(0.1)
    return True


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
