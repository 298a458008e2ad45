"""One build for all like hosts, kept whole, and shipped only to where it starts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memops.errors import HostError, UsageError
from memops.facts import jemalloc as facts
from memops.model.event import Event, Note
from memops.recipes import Kitchen, make
from memops.recipes.build import BuildFailed
from memops.recipes.elf import needs
from memops.recipes.jemalloc import LIBRARY, MANIFEST, Wanted, built, wanted
from memops.recipes.lock import alone
from memops.recipes.places import Target
from tests.recipes.brewed import (
    kitchen,
    local_session,
    quiet,
    real_library,
    recipe,
    tiny_library,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memops.recipes.places import Chosen
    from memops.transport.base import Session


pytestmark = pytest.mark.timeout(900)  # the first of them may have to build the library


class Counting:
    """A builder that counts how often it builds, slowly, and hands over the real library."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.count = 0
        self.pause = 0.3
        self.failure = failure
        self.built = Path(real_library().path).read_bytes()

    def __call__(self, _w: Wanted, _c: Chosen, _s: Session, _k: Kitchen, _e: object) -> bytes:
        self.count += 1
        time.sleep(self.pause)
        if self.failure:
            raise self.failure
        return self.built


class Named:
    """A session of which only the name matters."""

    def __init__(self, name: str) -> None:
        self.host = name


def this_machine(session: Session) -> Wanted:
    return wanted(recipe("jemalloc", session, compiler="yes"))


@pytest.fixture(scope="module")
def asked() -> Iterator[Wanted]:
    with local_session() as session:
        yield this_machine(session)


def crowd(asked: Wanted, tmp_path: Path, builder: Counting) -> list[Path | Exception]:
    barrier = threading.Barrier(50)

    def ask(number: int) -> Path | Exception:
        barrier.wait()
        try:
            return built(asked, Named(f"web-{number}"), Kitchen(tmp_path), quiet, builder)  # type: ignore[arg-type]  # only its name is used
        except Exception as error:  # noqa: BLE001  # what each one hears is the question
            return error

    with ThreadPoolExecutor(50) as pool:
        return list(pool.map(ask, range(50)))


def test_fifty_hosts_cost_one_build(asked: Wanted, tmp_path: Path) -> None:
    builder = Counting()
    found = crowd(asked, tmp_path, builder)
    assert builder.count == 1
    assert len(set(found)) == 1
    assert crowd(asked, tmp_path, builder) == found
    assert builder.count == 1


def test_a_failure_of_the_source_is_told_to_all_who_wait(asked: Wanted, tmp_path: Path) -> None:
    builder = Counting(BuildFailed("web-7", "the compiler failed", "look", contagious=True))
    errors = crowd(asked, tmp_path, builder)
    assert builder.count == 1
    assert {str(error) for error in errors} == {"web-7: the compiler failed; look"}
    crowd(asked, tmp_path, builder)  # asked again later, it is tried again
    assert builder.count == 2


def test_a_host_without_compiler_takes_what_a_like_host_has_built(
    asked: Wanted, tmp_path: Path
) -> None:
    builder, bare = Counting(), replace(asked, compiler=False)
    builder.pause = 2.0
    on_hosts = Kitchen(tmp_path, place="host")
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(built, each, Named("web"), on_hosts, quiet, builder)  # type: ignore[arg-type]  # only its name is used
            for each in (bare, asked)
        ]
        assert both[0].result() == both[1].result()
    assert builder.count == 1


def test_a_failure_of_one_host_leaves_the_others_their_turn(asked: Wanted, tmp_path: Path) -> None:
    builder = Counting(BuildFailed("web-7", "no room", "make room"))
    host: Session = Named("web-1")  # type: ignore[assignment]  # only its name is used
    for _ in range(2):
        with pytest.raises(BuildFailed):
            built(asked, host, Kitchen(tmp_path), quiet, builder)
    builder.failure = None
    assert built(asked, host, Kitchen(tmp_path), quiet, builder).is_dir()
    assert builder.count == 3


def test_two_processes_keep_each_other_out(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    text = (
        "import sys, time; from pathlib import Path; from memops.recipes.lock import alone\n"
        "with alone(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-c", text, str(lock)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path.cwd())])}
    waited = []
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as other:
        assert other.stdout
        assert other.stdin
        assert other.stdout.readline() == b"held\n"

        def let_go() -> None:
            waited.append("waiting")
            other.communicate()

        with alone(lock, let_go):
            assert waited == ["waiting"]


def spoil_library(directory: Path) -> None:
    (directory / LIBRARY).write_bytes((directory / LIBRARY).read_bytes()[:400_000])


def spoil_manifest(directory: Path) -> None:
    (directory / MANIFEST).write_text("[]")


@pytest.mark.parametrize("spoil", [spoil_library, spoil_manifest, shutil.rmtree])
def test_a_spoilt_build_is_made_again(
    asked: Wanted, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    builder = Counting()
    host: Session = Named("web-1")  # type: ignore[assignment]  # only its name is used
    spoil(built(asked, host, Kitchen(tmp_path), quiet, builder))
    whole = built(asked, host, Kitchen(tmp_path), quiet, builder)
    assert builder.count == 2
    assert needs(whole / LIBRARY).profiling
    assert not list((tmp_path / "builds").glob(".new-*"))


def test_a_library_that_needs_a_newer_glibc_is_not_shipped(asked: Wanted, tmp_path: Path) -> None:
    old = replace(asked, target=replace(asked.target, libc_version="2.17"))
    host: Session = Named("old-1")  # type: ignore[assignment]  # only its name is used
    with pytest.raises(
        HostError, match=r"^old-1: the library needs glibc 2\.\d+, the host has 2.17"
    ):
        built(old, host, Kitchen(tmp_path, place="host"), quiet, Counting())


WRONG = {
    "without profiling": ("int memops_tiny;", "came out without profiling"),
    "for nobody": (None, "not a whole 64-bit ELF library"),
}


@pytest.mark.parametrize(("source", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_library_never_reaches_the_cache(
    asked: Wanted, tmp_path: Path, source: str | None, said: str
) -> None:
    builder = Counting()
    library = tiny_library(tmp_path / "tiny.so", source).read_bytes() if source else b"\x7fELF"
    builder.built = library
    host: Session = Named("web-1")  # type: ignore[assignment]  # only its name is used
    with pytest.raises((HostError, UsageError), match=said):
        built(asked, host, Kitchen(tmp_path), quiet, builder)
    assert [path.suffix for path in (tmp_path / "builds").iterdir() if path.is_dir()] == []


def test_a_library_for_another_processor_is_refused(asked: Wanted, tmp_path: Path) -> None:
    arm = replace(asked, target=Target("riscv64", "2.99", 4096), compiler=True)
    host: Session = Named("arm-1")  # type: ignore[assignment]  # only its name is used
    with pytest.raises(HostError, match=r"a library for .* came out"):
        built(arm, host, Kitchen(tmp_path), quiet, Counting())


def test_like_hosts_share_a_build_and_others_do_not(asked: Wanted) -> None:
    like = replace(asked, compiler=not asked.compiler)
    other = replace(asked, target=replace(asked.target, page_size=65536))
    pinned = replace(asked, sha256="0" * 64)
    keys = {each.key(portable=False) for each in (asked, like, other, pinned)}
    assert len(keys) == 3


def test_the_real_library_is_stripped_and_says_how_it_was_made() -> None:
    library, manifest = real_library(), real_library("jemalloc-manifest")
    said = json.loads(Path(manifest.path).read_text())
    assert said["sha256"] == library.sha256
    assert said["size"] == library.size < 1_000_000
    assert said["version"] == "5.3.0"
    assert needs(Path(library.path)).glibc == said["needs_glibc"]


def test_a_library_with_libunwind_says_so_when_it_is_loaded() -> None:
    library = Path(real_library(variant="libunwind").path)
    with local_session() as session:
        look, there = facts.installed(str(library)), facts.libunwind()
        said = look.parse(session.look(look.looks))
        assert there.parse(session.look(there.looks))

    assert said is not None
    assert (said.prof, said.unwinder, said.refusal) == (True, "libunwind", "")
    assert "libunwind.so.8" in needs(library).libraries
    assert library != Path(real_library().path)


def test_a_library_that_came_out_without_libunwind_is_refused(
    asked: Wanted, tmp_path: Path
) -> None:
    wants = replace(asked, variant="libunwind")
    with local_session() as session, pytest.raises(BuildFailed, match="without libunwind"):
        built(wants, session, Kitchen(tmp_path), quiet, Counting())


def test_a_cache_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with local_session() as session, pytest.raises(UsageError) as refused:
        make(recipe("jemalloc", session), session, Kitchen(tmp_path / "cache"), quiet)
    assert str(refused.value) == (
        f"{tmp_path}/cache/builds: Not a directory; make room, or set XDG_CACHE_HOME"
    )


def test_a_second_asking_makes_nothing_and_is_quick() -> None:
    real_library()
    heard: list[Event] = []
    with local_session() as session:
        asked, begun = recipe("jemalloc", session, compiler="no"), time.monotonic()
        make(asked, session, kitchen(), heard.append)
    assert heard == []
    assert time.monotonic() - begun < 2


def test_no_compiler_and_nothing_in_the_cache(tmp_path: Path) -> None:
    with local_session() as session:
        asked = recipe("jemalloc", session, compiler="no")
        with pytest.raises(
            HostError, match="here: --build host is not possible: it has no compiler"
        ):
            make(asked, session, Kitchen(tmp_path, place="host"), quiet)
    assert not (tmp_path / "builds").exists()


def test_waiting_is_said(asked: Wanted, tmp_path: Path) -> None:
    heard: list[Event] = []
    host: Session = Named("web-1")  # type: ignore[assignment]  # only its name is used
    builder = Counting()
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(built, asked, host, Kitchen(tmp_path), heard.append, builder)
            for _ in range(2)
        ]
        assert len({each.result() for each in both}) == 1
    assert [event.text for event in heard if isinstance(event, Note)] == [
        "waits for jemalloc 5.3.0, which is being built"
    ]
