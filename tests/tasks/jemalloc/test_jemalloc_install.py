"""The real library, installed on this machine below a directory of the test's own, and removed."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memops.errors import HostError
from memops.facts import jemalloc as facts
from memops.model.action import File, Put, Recipe, Run
from memops.model.step import NoUndo, Step
from memops.recipes import make
from memops.tasks.jemalloc import jemalloc
from memops.transport.local import connect
from tests.recipes.brewed import kitchen, quiet, real_library, tiny_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeVar

    from memops.model.action import Action, Output
    from memops.model.step import Query
    from memops.transport.base import Session

    T = TypeVar("T")

pytestmark = pytest.mark.timeout(900)  # the first of them may have to build the library

CONF = "prof:true,prof_active:true,lg_prof_sample:19,prof_prefix:/nowhere/x,prof_final:true"


class Probe:
    """Reads this machine."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __call__(self, query: Query[T], /) -> T:
        return query.parse(self.session.look(query.looks))

    def prefetch(self, *queries: Query[Any]) -> None:
        """Each fact is read when it is asked for."""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    from memops.model.host import ConnectOptions, Host

    with connect(Host("here", connection="local"), ConnectOptions()) as connection:
        yield connection.session(run_dir=str(tmp_path / "run"))


def plan(session: Session, prefix: Path, **params: str) -> list[Step]:
    return list(jemalloc(Probe(session), prefix=str(prefix), **params))


def made(action: Action, session: Session) -> Action:
    match action:
        case Put(path, File(Recipe() as recipe) as file):
            return Put(path, replace(file, content=make(recipe, session, kitchen(), quiet)))
        case _:
            return action


def apply(session: Session, steps: list[Step]) -> tuple[Output, ...]:
    return session.act([made(step.do, session) for step in steps])


def roll_back(session: Session, steps: list[Step]) -> None:
    for step in reversed(steps):
        assert not isinstance(step.undo, NoUndo)
        (output,) = session.act([step.undo])
        assert output.rc == 0, output.stderr


def listing(root: Path) -> dict[str, tuple[int, str]]:
    paths = [path for path in sorted(root.rglob("*")) if "run" not in path.relative_to(root).parts]
    return {
        str(path): (
            path.lstat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in paths
    }


def test_installed_verified_converged_and_gone(session: Session, tmp_path: Path) -> None:
    (tmp_path / "opt").mkdir()
    before, prefix = listing(tmp_path), tmp_path / "opt" / "memops"
    steps = plan(session, prefix, malloc_conf=CONF)
    assert [output.rc for output in apply(session, steps)] == [0] * len(steps)
    library = Path(facts.path_of("5.3.0", prefix=str(prefix)))
    assert hashlib.sha256(library.read_bytes()).hexdigest() == real_library().sha256
    assert stat.S_IMODE(library.stat().st_mode) == 0o755
    assert plan(session, prefix, malloc_conf=CONF) == []
    found = facts.installed(str(library))
    loaded = found.parse(session.look(found.looks))
    assert loaded == facts.Jemalloc(str(library), "5.3.0", prof=True, unwinder="libgcc")
    roll_back(session, steps)
    assert listing(tmp_path) == before
    roll_back(session, steps)  # an undo that was done, or never needed, does no harm
    assert listing(tmp_path) == before


def test_a_planned_directory_that_was_there_before_stays(session: Session, tmp_path: Path) -> None:
    prefix = tmp_path / "opt" / "memops"
    (prefix / "jemalloc-5.3.0-libgcc").mkdir(parents=True)
    (prefix / "kept").write_text("by somebody")
    before = listing(tmp_path)
    steps = plan(session, prefix)
    apply(session, steps)
    roll_back(session, steps)
    assert listing(tmp_path) == before


def test_a_library_that_cannot_profile_is_found_out_on_the_host(
    session: Session, tmp_path: Path
) -> None:
    tiny = tiny_library(tmp_path / "tiny.so")
    verify = plan(session, tmp_path / "opt")[-1].do
    assert isinstance(verify, Run)
    (output,) = session.act([replace(verify, argv=(*verify.argv[:-2], str(tiny), ""))])
    assert output.rc == 1
    assert output.stderr.decode().startswith(f"{tiny} cannot be loaded: ")


def test_options_that_jemalloc_does_not_know_fail_the_step(
    session: Session, tmp_path: Path
) -> None:
    steps = plan(session, tmp_path / "opt", malloc_conf="prof:true,lg_prof_smaple:19")
    last = apply(session, steps)[-1]
    assert last.rc == 1
    said = last.stderr.decode().strip()
    assert said.endswith(": <jemalloc>: Invalid conf pair: lg_prof_smaple:19")
    roll_back(session, steps)


def test_options_are_checked_on_a_library_that_is_there(session: Session, tmp_path: Path) -> None:
    apply(session, plan(session, tmp_path / "opt"))
    with pytest.raises(
        HostError, match="refuses the options: <jemalloc>: Invalid conf value: prof:x"
    ):
        plan(session, tmp_path / "opt", malloc_conf="prof:x")


def test_checking_options_writes_no_dump(session: Session, tmp_path: Path) -> None:
    library, dumps = real_library().path, tmp_path / "dumps"
    dumps.mkdir()
    conf = f"prof:true,prof_final:true,prof_leak:true,lg_prof_sample:0,prof_prefix:{dumps}/x"
    assert (
        facts.complaint(library, conf).parse(session.look(facts.complaint(library, conf).looks))
        == ""
    )
    assert list(dumps.iterdir()) == []


def test_a_spoilt_library_is_replaced(session: Session, tmp_path: Path) -> None:
    prefix = tmp_path / "opt"
    apply(session, plan(session, prefix))
    library = Path(facts.path_of("5.3.0", prefix=str(prefix)))
    library.write_bytes(library.read_bytes()[:1000])
    steps = plan(session, prefix)
    assert [output.rc for output in apply(session, steps)] == [0] * len(steps)
    assert hashlib.sha256(library.read_bytes()).hexdigest() == real_library().sha256
    assert plan(session, prefix) == []
