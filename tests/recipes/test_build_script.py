"""The build's script, as it runs for real on sources that go wrong, and how it is listened to."""

from __future__ import annotations

import os
import subprocess
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import StepFailed
from memops.model.event import Event, Progress
from memops.recipes.build import BuildFailed, brew, progress_of
from memops.recipes.scripts import APT_SOURCE, BUILD
from tests.facts.shellcheck import complaints
from tests.recipes.brewed import local_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from memops.model.action import Look


class Saying:
    """A session whose one command prints *pieces*, and ends as it is told."""

    host = "web-1"

    def __init__(self, pieces: list[bytes], failure: StepFailed | None = None) -> None:
        self.pieces = pieces
        self.failure = failure

    def stream(self, _look: Look) -> Iterator[bytes]:
        yield from self.pieces
        if self.failure:
            raise self.failure


def listen(session: Saying) -> tuple[bytes, list[str]]:
    heard: list[str] = []
    return brew(session, b"", (), heard.append), heard  # type: ignore[arg-type]  # streams only


@given(st.binary(min_size=1), st.lists(st.integers(0, 300)))
def test_the_library_is_taken_from_the_stream_however_it_is_cut(
    library: bytes, cuts: list[int]
) -> None:
    said = b"checking a\n\nmemops-phase compile 2\n\nmemops-library %d\n%s" % (
        len(library),
        library,
    )
    ends = sorted(min(cut, len(said)) for cut in [0, *cuts, len(said)])
    pieces = [said[start:end] for start, end in pairwise(ends)]
    assert listen(Saying(pieces)) == (library, ["checking a", "memops-phase compile 2"])


ENDED = StepFailed("web-1", "ended with 1")
FAILURES = {
    "space": ([b"\nmemops-failed space\n"], ENDED, "web-1: less than 64 MiB free"),
    "compiler": (
        [b"x.c:1: error: no such thing\nmake: *** [x] 1\n\nmemops-failed make\n"],
        ENDED,
        "web-1: the compiler failed (x.c:1: error: no such thing); look at the log",
    ),
    "unwinder": ([b"memops-failed unwinder\n"], ENDED, "web-1: configure found no unwinder"),
    "libunwind": ([b"memops-failed libunwind\n"], ENDED, "web-1: configure found no libunwind"),
    "cut short": ([b"memops-library 10\nabc"], None, "web-1: the build was cut short"),
    "a lie": ([b"memops-library ten\nabc"], None, "web-1: the build was cut short"),
    "silence": ([], ENDED, "web-1: the build was cut short; run it again"),
}


@pytest.mark.parametrize(("said", "ended", "expected"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failed_build_says_why(
    said: list[bytes], ended: StepFailed | None, expected: str
) -> None:
    with pytest.raises(BuildFailed) as failed:
        listen(Saying(said, ended))
    assert str(failed.value).startswith(expected)
    assert "\n" not in str(failed.value)


def script(*argv: str, stdin: bytes, env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    command = ("sh", "-c", BUILD, "memops-build", *argv)
    return subprocess.run(
        command, input=stdin, env=os.environ | env, capture_output=True, check=False
    )


@pytest.fixture
def packed(tmp_path: Path) -> Callable[[dict[str, str]], bytes]:
    def pack(files: dict[str, str]) -> bytes:
        top = tmp_path / "jemalloc-0"
        for name, text in files.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text)
        argv = ("tar", "-C", str(tmp_path), "-czf", "-", "jemalloc-0")
        return subprocess.run(argv, capture_output=True, check=True).stdout

    return pack


DEFS = "include/jemalloc/internal/jemalloc_internal_defs.h"
CONFIGURE = f"mkdir -p include/jemalloc/internal; echo '#define JEMALLOC_PROF_LIBGCC' >{DEFS}\n"
BUILDS = {
    "not a tarball": (None, b"memops-failed unpack"),
    "a git tag": ({"autogen.sh": ""}, b"memops-failed autoconf"),
    "configure fails": ({"configure": "exit 1"}, b"memops-failed configure"),
    "the unwinder that crashes": (
        {"configure": CONFIGURE.replace("LIBGCC", "GCC")},
        b"memops-failed unwinder",
    ),
    "the compiler fails": (
        {"configure": CONFIGURE, "Makefile": "build_lib_shared:\n\tfalse\n"},
        b"memops-failed make",
    ),
    "nothing is made": (
        {"configure": CONFIGURE, "Makefile": "build_lib_shared:\n\ttrue\n"},
        b"memops-failed make",
    ),
    "it is made": (
        {"configure": CONFIGURE, "Makefile": "build_lib_shared:\n\techo hi >lib/libjemalloc.so.2\n",
         "lib/x": ""},
        b"memops-library 3\nhi",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "said"), BUILDS.values(), ids=BUILDS.keys())
def test_the_script_says_what_failed_and_leaves_no_scratch(
    files: dict[str, str] | None,
    said: bytes,
    packed: Callable[[dict[str, str]], bytes],
    tmp_path: Path,
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    stdin = packed(files) if files else b"not a tarball"
    done = script("--enable-prof", stdin=stdin, env={"TMPDIR": str(scratch)})
    assert done.stdout.strip().splitlines()[-len(said.splitlines()) :] == said.splitlines()
    assert list(scratch.iterdir()) == []


def test_a_build_that_finds_no_libunwind_says_so_rather_than_take_another(
    packed: Callable[[dict[str, str]], bytes],
) -> None:
    stdin = packed({"configure": CONFIGURE})
    done = script("--enable-prof", "--enable-prof-libunwind", stdin=stdin, env={})
    assert done.stdout.strip().splitlines()[-1] == b"memops-failed libunwind"


def test_a_build_that_takes_too_long_is_killed_with_its_scratch(
    packed: Callable[[dict[str, str]], bytes], tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    source = packed({"configure": "sleep 600"})
    env = (("TMPDIR", str(scratch)),)
    with local_session() as session, pytest.raises(BuildFailed) as failed:
        brew(session, source, (), lambda _: None, env=env, deadline=2)
    assert str(failed.value).startswith("here: the build was stopped after 2.0 s; build elsewhere")
    limit = time.monotonic() + 10
    while list(scratch.iterdir()) and time.monotonic() < limit:
        time.sleep(0.1)
    assert list(scratch.iterdir()) == []


def test_progress_is_told_in_numbers() -> None:
    heard: list[Event] = []
    hear = progress_of(heard.append, "web-1", "jemalloc 5.3.0")
    lines = ["checking for cc", "memops-phase compile 2", "cc -c a.c", "cc -c b.c", "ln -s"]
    for line in lines:
        hear(line)
    compiling = "compiling jemalloc 5.3.0"
    assert heard == [
        Progress("web-1", "configuring jemalloc 5.3.0", 1, 0, "steps"),
        Progress("web-1", compiling, 1, 2, "steps"),
        Progress("web-1", compiling, 2, 2, "steps"),
    ]


@pytest.mark.parametrize("text", [BUILD, APT_SOURCE])
def test_the_scripts_are_clean(text: str) -> None:
    assert complaints(text) == ""
