"""The shell text itself: any bytes through dash, bash and busybox, and nothing for shellcheck to say."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memops.errors import StepFailed
from memops.model.action import (
    Dir,
    Fetch,
    File,
    Glob,
    Link,
    Local,
    Put,
    Read,
    Recipe,
    Remove,
    Run,
    Saved,
    Stat,
)  # fmt: skip
from memops.transport import functions, script
from memops.transport.batch import LOOP
from tests.facts.shellcheck import complaints

if TYPE_CHECKING:
    from pathlib import Path

    from memops.model.action import Action

SHELLS = (["dash"], ["bash"], ["busybox", "sh"])
_text = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30)
_odd = st.lists(
    st.sampled_from(["'", '"', "\\", "$", "`", "\n", "-", "*", "[", "]", "!", "~", "%", " ", "é"])
)
_word = st.one_of(_text, _odd.map("".join))


def _ran(shell: list[str], text: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(text)
        file.flush()
        return subprocess.run(
            [*shell, file.name],
            capture_output=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", **env},
        )


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@settings(deadline=None, max_examples=40)
@given(words=st.lists(_word, min_size=1, max_size=5))
def test_a_word_stays_a_word(shell: list[str], words: list[str]) -> None:
    text = "printf '%s\\0' " + " ".join(map(script.quote, words))
    assert _ran(shell, text).stdout == b"".join(word.encode() + b"\0" for word in words)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@settings(deadline=None, max_examples=40)
@given(content=st.one_of(st.binary(max_size=300), _word.map(str.encode)))
def test_printf_prints_any_bytes(shell: list[str], content: bytes) -> None:
    assert _ran(shell, script.printf(content)).stdout == content


ACTIONS: tuple[Action, ...] = (
    Put("/tmp/a'b\n-*", File(b"\0%s'\n", 0o600, "root", "root")),
    Put("/tmp/f", File(Saved("ab" * 32, 3), 0o755)),
    Put("/tmp/f", File(b"x" * 20_000)),
    Put("/tmp/d", Dir(0o700, "root")),
    Put("/tmp/l", Link("-n", group="0")),
    Remove("/tmp/-x"),
    Remove("/tmp/x", tree=True),
    Run(
        ("sh", "-c", "echo 'it''s' $0"), env=(("A", "b c"),), cwd="/tmp", stdin=b"in\0", timeout=1.5
    ),
    Run(("-odd=program",)),
)
LOOKS = (Stat("-x", digest=True), Read("/etc/passwd"), Glob("/e'tc/", "a*[?"), Run(("true",)))


def _shellcheck(text: str, *without: str) -> None:
    assert complaints(f"#!/bin/sh\n{text}\n", without) == ""


def test_shellcheck_likes_the_functions() -> None:
    # SC2317: shellcheck does not see who calls a function; SC3043 and others stay on
    text = functions.ALL + functions.FRAMES + functions.FETCH
    _shellcheck(text, "SC2317", "SC2329", "SC2034", "SC2154")
    _shellcheck(f"set -- path dir sha\n{script.SAVE}")
    _shellcheck(LOOP.replace("HELLO", "hello"), "SC2086")


@pytest.mark.parametrize("action", ACTIONS, ids=range(len(ACTIONS)))
def test_shellcheck_likes_what_is_rendered(action: Action) -> None:
    text = script.render_action(action)
    # SC2016: nothing is meant to expand in our quotes; the rest: variables set by the caller
    rest = ("SC2016", "SC2154", "SC2317", "SC2329", "SC2031", "SC2030", "SC2182")
    _shellcheck(text, *rest)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("alone", [True, False])
def test_a_script_of_the_host_does_it_all(shell: list[str], *, alone: bool, tmp_path: Path) -> None:
    run, there = tmp_path / "r un", tmp_path / "the re"
    (run / "originals").mkdir(parents=True)
    saved = b"saved\0"
    sha256 = hashlib.sha256(saved).hexdigest()
    (run / "originals" / sha256).write_bytes(saved)
    actions: tuple[Action, ...] = (
        Put(str(there), Dir(0o750)),
        Put(f"{there}/s", File(Saved(sha256, 6), 0o640)),
        Put(f"{there}/b", File(b"-%\0'\n" * 9000, 0o600)),
        Put(f"{there}/l", Link("s\n")),
        Put(f"{there}/gone", File(b"")),
        Remove(f"{there}/gone"),
        Run(("sh", "-c", 'cat >"$0"; echo "$A" >>"$0"; pwd >>"$0"', f"{there}/run"),
            env=(("A", "b'c"),), cwd="/usr", stdin=b"in\n"),
    )  # fmt: skip
    text = "" if alone else functions.ALL
    text += "\n".join(script.render_action(each, alone=alone) + " || exit 9" for each in actions)
    ended = _ran(shell, text, MEMOPS_RUN=str(run))
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (there / "s").read_bytes() == saved
    assert (there / "b").read_bytes() == b"-%\0'\n" * 9000
    assert (there / "l").readlink().name == "s\n"
    assert (there / "run").read_text() == "in\nb'c\n/usr\n"
    assert {each.name for each in there.iterdir()} == {"s", "b", "l", "run"}
    assert (there.stat().st_mode & 0o777, (there / "s").stat().st_mode & 0o777) == (0o750, 0o640)


def test_a_saved_original_that_rotted_is_not_put_back(tmp_path: Path) -> None:
    (tmp_path / "originals").mkdir()
    (tmp_path / "originals" / ("0" * 64)).write_bytes(b"rotten")
    action = Put(f"{tmp_path}/f", File(Saved("0" * 64, 6)))
    ended = _ran(["dash"], script.render_action(action, shlex.quote(str(tmp_path))))
    assert ended.returncode == 1
    assert {each.name for each in tmp_path.iterdir()} == {"originals"}


@pytest.mark.parametrize(
    "action",
    [
        Fetch("/x", "y"),
        Put("/x", File(Local("/y", "0" * 64, 1))),
        Put("/x", File(Recipe("jemalloc", ()))),
        Put("/x\0", File(b"")),
        Put("relative", File(b"")),
        Run(()),
        Run(("a\0",)),
    ],
)
def test_what_no_script_can_say_is_refused(action: Action) -> None:
    with pytest.raises(StepFailed):
        script.render_action(action)
