"""Small files of one batch are written together: what must hold all the same."""

from __future__ import annotations

import os
import re
import stat
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memops.model.action import Dir, File, Glob, Link, Put, Read, Stat
from memops.model.entry import parse_glob, parse_stat
from memops.transport import batch, functions, script
from tests.facts.shellcheck import complaints
from tests.transport.servers import bash_path, busybox_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from memops.model.action import Action
    from tests.transport.targets import Target


def _plain(directory: Path) -> str:
    directory.mkdir()
    return f"{directory}:{os.environ['PATH']}"


def _old(path: Callable[[Path], str]) -> Callable[[Path], str]:
    """The same PATH with a ``sync`` that takes no files, as coreutils had it before 8.24."""

    def made(directory: Path) -> str:
        found = path(directory)
        (directory / "sync").unlink(missing_ok=True)
        (directory / "sync").write_text(
            '#!/bin/sh\n[ "$1" = --help ] && echo "Usage: sync [OPTION]" && exit\nexit 9\n'
        )
        (directory / "sync").chmod(0o755)
        return found

    return made


HOSTS = {
    "dash": _plain, "bash": bash_path, "busybox": busybox_path,
    "dash-old": _old(_plain), "bash-old": _old(bash_path), "busybox-old": _old(busybox_path),
}  # fmt: skip


def _calls(actions: Sequence[Action]) -> list[script.Call]:
    return [script.action(action, "/nonexistent") for action in actions]


def _script(actions: Sequence[Action]) -> bytes:
    return batch.SETUP + batch.render("n0nce", _calls(actions), until_failure=True, feed="")


def _sent(actions: Sequence[Action], path: str, *before: str) -> subprocess.CompletedProcess[bytes]:
    """A shell with this PATH that is sent *actions* as one batch."""
    argv = [*before, "sh", "-c", batch.LOOP.replace("HELLO", "hello")]
    env = {"PATH": path}
    return subprocess.run(argv, input=_script(actions), capture_output=True, check=True, env=env)


def _codes(ended: subprocess.CompletedProcess[bytes]) -> list[bytes]:
    return re.findall(rb"\nn0nce (\d+)\n", ended.stdout)


def _three(root: Path) -> list[Action]:
    return [
        Put(f"{root}/a", File(b"first\n", 0o600)),
        Put(f"{root}/b", File(b"", 0o644)),
        Put(f"{root}/c", File(b"\0%s'\n", 0o755)),
    ]


@pytest.mark.parametrize("host", HOSTS)
def test_no_file_has_its_name_before_all_are_on_the_disk(host: str, tmp_path: Path) -> None:
    path, root, log = HOSTS[host](tmp_path / "bin"), tmp_path / "root", tmp_path / "log"
    root.mkdir()
    calls = "trace=fsync,rename,renameat,renameat2"
    ended = _sent(_three(root), path, "/usr/bin/strace", "-f", "-y", "-o", str(log), "-e", calls)
    assert _codes(ended) == [b"0", b"0", b"0"]
    done = [line for line in log.read_text().splitlines() if line.endswith("= 0")]
    names = [re.sub(r".* (fsync|rename)\w*\(.*", r"\1", line) for line in done]
    assert names == ["fsync"] * 3 + ["rename"] * 3, done
    synced = [re.findall(r"<(.*?)>", line)[0] for line in done[:3]]
    renamed = [re.findall(r'"(.*?)"', line) for line in done[3:]]
    assert [pair[0] for pair in renamed] == synced
    assert [pair[1] for pair in renamed] == [f"{root}/{name}" for name in "abc"]
    assert {each.name: stat.S_IMODE(each.stat().st_mode) for each in root.iterdir()} == {
        "a": 0o600, "b": 0o644, "c": 0o755}  # fmt: skip
    assert [(root / name).read_bytes() for name in "abc"] == [b"first\n", b"", b"\0%s'\n"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_full_disk_keeps_what_was_whole(host: str, tmp_path: Path) -> None:
    path, root = HOSTS[host](tmp_path / "bin"), tmp_path / "root"
    root.mkdir()
    many = [Put(f"{root}/{n}", File(b"x" * 20_000)) for n in range(5)]
    script = 'mount -t tmpfs -o size=64k tmpfs "$0" && "$@" && ls -A "$0" >&2'
    ended = _sent(many, path, "/usr/bin/unshare", "-m", "/bin/sh", "-c", script, str(root))
    assert _codes(ended)[:3] == [b"0", b"0", b"0"]
    assert [code != b"0" for code in _codes(ended)[3:]] == [True]
    assert b"No space left on device" in ended.stderr
    assert ended.stderr.split(b" end\n")[-1].split() == [b"0", b"1", b"2"]


@pytest.mark.parametrize("count", [1, 2, 6, 7, 15])
def test_one_that_fails_stops_the_rest(place: Target, count: int) -> None:
    root = f"{place.root}/small{count}"
    good = [Put(f"{root}/{n}", File(b"%d" % n)) for n in range(count)]
    well = place.session.act([Put(root, Dir()), *good])
    assert [each.rc for each in well] == [0] * (count + 1)
    for at in {0, count // 2, count - 1}:
        there = f"{root}/at{at}"
        bad = [Put(f"{there}/{n}", File(b"%d" % n)) for n in range(count)]
        before = [Put(there, Dir()), Put(f"{there}/{at}", Link("elsewhere"))]
        outputs = place.session.act([*before, *bad])
        assert [each.rc == 0 for each in outputs] == [True] * (2 + at) + [False]
        assert b"link stands there" in outputs[-1].stderr
        assert _names(place, there) == {str(n) for n in range(at + 1)}


def _names(place: Target, path: str) -> set[str]:
    looks = [Glob(path), Glob(path, ".memops*")]
    return {name for output in place.session.look(looks) for name in parse_glob(output)}


def test_a_file_may_be_written_twice(place: Target) -> None:
    path = f"{place.root}/twice"
    outputs = place.session.act([Put(path, File(b"one", 0o600)), Put(path, File(b"two", 0o640))])
    assert [each.rc for each in outputs] == [0, 0]
    read, told = place.session.look([Read(path), Stat(path)])
    assert read.stdout == b"two"
    assert (entry := parse_stat(told)) is not None
    assert entry.mode == 0o640


@pytest.mark.parametrize("host", HOSTS)
def test_a_directory_that_opens_files_to_others_does_not(host: str, tmp_path: Path) -> None:
    path, root = HOSTS[host](tmp_path / "bin"), tmp_path / "root"
    root.mkdir()
    # version 2; user, group, mask and others may read and write what is made here (acl(5))
    entries = [(tag, 6, 0xFFFFFFFF) for tag in (0x01, 0x04, 0x10, 0x20)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(root, "system.posix_acl_default", acl)
    assert _codes(_sent(_three(root), path)) == [b"0"] * 3
    modes = [stat.S_IMODE((root / name).stat().st_mode) for name in "abc"]
    assert modes == [0o600, 0o644, 0o755]


@pytest.mark.parametrize("host", ["dash", "bash", "busybox"])
@pytest.mark.parametrize("kind", ["file", "link", "dangling", "device"])
def test_a_name_that_somebody_foresaw_is_not_used(host: str, kind: str, tmp_path: Path) -> None:
    path, victim = HOSTS[host](tmp_path / "bin"), tmp_path / "victim"
    temp = tmp_path / ".memops.known"
    match kind:
        case "file":
            temp.write_text("theirs")
        case "link":
            victim.write_text("theirs")
            temp.symlink_to(victim)
        case "dangling":
            temp.symlink_to(victim)
        case _:
            temp.symlink_to("/dev/null")
    before = _state(victim), _state(Path("/dev/null"))
    text = f"memops_random=known; printf secret | memops_file {tmp_path}/f 0666 : ''"
    ended = subprocess.run(
        ["sh", "-c", f"{functions.ALL}\n({text})"], env={"PATH": path}, capture_output=True, check=False
    )  # fmt: skip
    assert ended.returncode != 0
    assert (_state(victim), _state(Path("/dev/null"))) == before
    assert not (tmp_path / "f").exists()


def _state(path: Path) -> tuple[int, bytes] | None:
    if not path.exists():
        return None
    return path.stat().st_mode, path.read_bytes()


def test_shellcheck_likes_a_batch() -> None:
    calls = _calls([Put("/a b", Dir()), *_three(Path("/tmp/d 'x'")), Put("/l", Link("a"))])
    sent = batch.render("n0nce", calls, until_failure=True, feed="")
    text = sent.split(b"\n", 1)[1].decode()
    # SC2154, SC2034: variables of the functions, which are not here
    assert complaints(f"#!/bin/sh\n{text}\n", ("SC2154", "SC2034", "SC2317", "SC2329")) == ""


def test_a_long_batch_holds_any_bytes(place: Target) -> None:
    """A script of more than some KB is read in another way, by other eyes for special bytes."""
    root = f"{place.root}/long"
    name = os.fsdecode(bytes(n for n in range(1, 256) if n != ord("/")))[:250]
    content = bytes(range(256)) * 40 + b"\n\n"
    actions = [Put(f"{root}/{n}{name}"[:-3], File(content)) for n in range(3)]
    outputs = place.session.act([Put(root, Dir()), *actions])
    assert [each.rc for each in outputs] == [0] * 4, outputs
    for output in place.session.look([Read(each.path) for each in actions]):
        assert (output.rc, output.stdout) == (0, content)


@pytest.mark.parametrize("host", HOSTS)
def test_an_ordinary_user_writes_what_it_may(host: str) -> None:
    modes = (0o600, 0o444, 0o200, 0o000, 0o400, 0o4755)
    with tempfile.TemporaryDirectory() as directory:  # where others than root get to
        path, root = HOSTS[host](Path(directory) / "bin"), Path(directory) / "root"
        root.mkdir()
        for each, mode in ((directory, 0o755), (root, 0o777)):
            os.chmod(each, mode)  # noqa: PTH101
        files = [Put(f"{root}/{n}", File(b"x", mode)) for n, mode in enumerate(modes)]
        actions = [*files, Put(f"{directory}/refused", File(b"x"))]
        become = ("--reuid=65534", "--regid=65534", "--clear-groups")
        ended = _sent(actions, path, "/usr/bin/setpriv", *become)
        *well, refused = _codes(ended)
        assert well == [b"0"] * len(modes)
        assert refused != b"0"
        said = [line for line in ended.stderr.splitlines() if line and b"n0nce" not in line]
        assert len(said) == 1
        assert said[0].endswith(b"ermission denied")
        found = [stat.S_IMODE((root / str(n)).stat().st_mode) for n in range(len(modes))]
        assert tuple(found) == modes
        assert {each.name for each in Path(directory).iterdir()} == {"bin", "root"}
