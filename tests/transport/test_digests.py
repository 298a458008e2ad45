"""Whatever makes digests on a host, what came is what was there."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from memops.model.host import ConnectOptions, Host
from memops.transport import become as becoming
from memops.transport.local import LocalConnection, _Pipes
from memops.transport.script import Call
from memops.transport.shell import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from memops.model.host import Become
    from memops.transport.shell import Stream

LACKING = {
    "openssl": (),
    "b2sum": ("openssl",),
    "sha256sum": ("openssl", "b2sum"),
}
# In a namespace of its own, where some programs are no programs.
WITHOUT = """
for each in $0; do
    for path in /usr/bin/$each /bin/$each /usr/local/bin/$each; do
        [ ! -e "$path" ] || mount --bind /dev/null "$path" || exit
    done
done
exec "$@"
"""


class _Lean(LocalConnection):
    """This machine without some programs."""

    def __init__(self, lacking: tuple[str, ...]) -> None:
        super().__init__(Host("here", connection="local"), ConnectOptions())
        self._lacking = lacking

    def _greet(self, become: Become | None) -> tuple[Stream, int]:
        def start(argv: tuple[str, ...]) -> Stream:
            words = ("unshare", "-m", "sh", "-c", WITHOUT, " ".join(self._lacking))
            return _Pipes((*words, *argv))

        return becoming.greet("here", start, become, 15.0)


@pytest.fixture(params=LACKING)
def lean(request: pytest.FixtureRequest) -> Iterator[_Lean]:
    with _Lean(LACKING[request.param]) as connection:
        shell = connection.session()._shell
        told = list(shell.converse([Call('memops_hasher; printf %s "$memops_hasher"')]))
        said = b"".join(each.content for each in told if isinstance(each, Piece))
        assert said.decode() == request.param
        yield connection


def _files(root: Path) -> dict[str, bytes]:
    contents = {
        "small": b"abc", "empty": b"", "odd\n\\ name": os.urandom(70_000), "-": b"-",
        "large": os.urandom(40 << 20),
    }  # fmt: skip
    for name, content in contents.items():
        (root / name).write_bytes(content)
    return contents


def test_many_files_come_as_they_are(lean: _Lean, tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    contents = _files(there)
    pairs = [(f"{there}/{name}", here / str(n)) for n, name in enumerate([*contents, "gone"])]
    *outputs, gone = lean.session().fetch(pairs)
    assert gone.rc != 0
    assert b"no such file" in gone.stderr
    for n, (output, content) in enumerate(zip(outputs, contents.values(), strict=True)):
        assert (output.rc, output.stdout) == (0, hashlib.sha256(content).hexdigest().encode())
        assert (here / str(n)).read_bytes() == content
    assert sorted(each.name for each in here.iterdir()) == [str(n) for n in range(len(contents))]


@pytest.mark.parametrize("size", [1, 30 << 20])
def test_a_partial_file_is_resumed(lean: _Lean, size: int, tmp_path: Path) -> None:
    content = os.urandom(40 << 20)
    (tmp_path / "there").write_bytes(content)
    (tmp_path / "here.part").write_bytes(content[:size])
    heard: list[int] = []
    (output,) = lean.session().fetch([(f"{tmp_path}/there", tmp_path / "here")], heard.append)
    assert (output.rc, output.stdout) == (0, hashlib.sha256(content).hexdigest().encode())
    assert heard[-1] == len(content) - size
    assert (tmp_path / "here").read_bytes() == content


@pytest.mark.parametrize("hasher", LACKING)
def test_bytes_that_changed_on_the_way_are_not_kept(hasher: str, tmp_path: Path) -> None:
    tools, path = tmp_path / "bin", "/usr/bin:/bin"
    tools.mkdir()
    changed = f'PATH={path}; echo >>{tmp_path}/used; cat "$@" | tr a b'
    (tools / "cat").write_text(f"#!/bin/sh\n{changed}\n")
    (tools / "cat").chmod(0o755)
    (tmp_path / "there").write_bytes(b"banana")
    with (
        mock.patch.dict("os.environ", PATH=f"{tools}:{path}"),
        _Lean(LACKING[hasher]) as connection,
    ):
        (output,) = connection.session().fetch([(f"{tmp_path}/there", tmp_path / "here")])
    assert (tmp_path / "used").exists()
    assert (output.rc, output.stderr) == (75, b"changed while it was being read")
    assert not list(tmp_path.glob("here*"))
