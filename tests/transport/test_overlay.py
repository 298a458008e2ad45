"""A check changes nothing and yet sees what it would have changed, over a fake and a real host."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

import pytest

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
from memops.model.entry import parse_glob, parse_stat
from memops.transport.overlay import Overlay
from tests.transport.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from memops.model.action import Action, Look
    from tests.transport.targets import Target

_COUNT = itertools.count()


@pytest.fixture(scope="module", params=["fake", "local"])
def there(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    opened: AbstractContextManager[Target] = TARGETS[request.param](tmp_path_factory.mktemp("t"))  # type: ignore[assignment]
    with opened as target:
        yield target


@pytest.fixture
def root(there: Target) -> str:
    path = f"{there.root}/{next(_COUNT)}"
    before = [
        Put(path, Dir()), Put(f"{path}/file", File(b"old", 0o600)), Put(f"{path}/link", Link("file")),
        Put(f"{path}/dir", Dir(0o700)), Put(f"{path}/dir/in", File(b"in")), Put(f"{path}/dir/.h", File(b"h")),
    ]  # fmt: skip
    assert {output.rc for output in there.session.act(before)} == {0}
    return path


def _seen(target: Target, root: str) -> object:
    looks: list[Look] = [
        Glob(root),
        Glob(f"{root}/dir"),
        Read(f"{root}/file"),
        Stat(f"{root}/dir/.h"),
    ]
    return target.session.look(looks)


# what is done, and what is seen of it: names to kinds or contents
def _cases(root: str) -> list[tuple[list[Action], dict[str, str | bytes | None]]]:
    return [
        ([Put(f"{root}/file", File(b"new", 0o644))], {"file": b"new", "link": "link"}),
        ([Put(f"{root}/file", File(b"new"))], {"dir": "dir", "dir/.h": b"h"}),
        ([Remove(f"{root}/file")], {"file": None, "link": "link"}),
        ([Put(f"{root}/d", Dir()), Put(f"{root}/d/f", File(b"x"))], {"d": "dir", "d/f": b"x"}),
        ([Remove(f"{root}/dir", tree=True)], {"dir": None, "dir/in": None, "dir/.h": None}),
        (
            [Remove(f"{root}/dir", tree=True), Put(f"{root}/dir", Dir())],
            {"dir": "dir", "dir/in": None},
        ),
        ([Put(f"{root}/link", Link("dir/in"))], {"link": "link"}),
        ([Put(f"{root}/n", Link("file"))], {"n": "link"}),
        ([Put(f"{root}/dir", Dir(0o755))], {"dir": "dir", "dir/in": b"in"}),
        (
            [Remove(f"{root}/dir/in"), Remove(f"{root}/dir/.h"), Remove(f"{root}/dir")],
            {"dir": None},
        ),
        ([Put(f"{root}/f", File(b"a")), Remove(f"{root}/f")], {"f": None}),
    ]


@pytest.mark.parametrize("number", range(11))
def test_what_is_pretended_is_seen_alone(there: Target, root: str, number: int) -> None:
    actions, seen = _cases(root)[number]
    before, overlay = _seen(there, root), Overlay(there.session)
    assert {output.rc for output in overlay.act(actions)} == {0}
    assert overlay.recorded == actions
    for name, wanted in seen.items():
        stat, read = overlay.look([Stat(f"{root}/{name}", digest=True), Read(f"{root}/{name}")])
        entry = parse_stat(stat)
        names = parse_glob(overlay.look([Glob(f"{root}/{name}".rpartition("/")[0])])[0])
        assert (entry is None) == (wanted is None)
        if not name.rpartition("/")[2].startswith("."):
            assert (name.rpartition("/")[2] in names) == (wanted is not None)
        if isinstance(wanted, bytes):
            assert read.stdout == wanted
            assert entry is not None
            assert entry.sha256 == hashlib.sha256(wanted).hexdigest()
        elif entry is not None:
            assert entry.kind == wanted
    assert _seen(there, root) == before


def test_the_same_actions_done_are_seen_alike(there: Target, root: str) -> None:
    """The overlay is right when the host, changed for real, gives the same answers (but the time)."""
    for actions, _ in _cases(root)[:5]:
        overlay = Overlay(there.session)
        looks = [
            Stat(f"{root}/{name}", digest=True)
            for name in ("file", "link", "dir", "d", "d/f", "dir/in")
        ]
        overlay.act(actions)
        pretended = [parse_stat(output) for output in overlay.look(looks)]
        there.session.act(actions)
        real = [parse_stat(output) for output in there.session.look(looks)]
        for mine, theirs in zip(pretended, real, strict=True):
            assert (mine is None) == (theirs is None)
            if mine and theirs:
                for field in ("kind", "mode", "uid", "gid", "owner", "group", "target", "sha256"):
                    assert getattr(mine, field) == getattr(theirs, field)


def test_what_a_host_would_refuse_is_refused(there: Target, root: str) -> None:
    for action in (
        Put(f"{root}/no/x", File(b"")), Put(f"{root}/link", File(b"")), Put(f"{root}/file", Dir()),
        Put(f"{root}/dir", File(b"")), Remove(f"{root}/dir"), Put(f"{root}/dir", Link("x")),
    ):  # fmt: skip
        assert Overlay(there.session).act([action])[0].rc == 1
        assert there.session.act([action])[0].rc != 0
    with pytest.raises(StepFailed):
        Overlay(there.session).act([Remove("/", tree=True)])


def test_links_lead_to_what_is_pretended(there: Target, root: str) -> None:
    overlay = Overlay(there.session)
    overlay.act(
        [
            Put(f"{root}/l", Link("file")),
            Put(f"{root}/m", Link("new")),
            Put(f"{root}/new", File(b"n")),
        ]
    )
    reads = overlay.look([Read(f"{root}/l"), Read(f"{root}/m"), Read(f"{root}/m", 0)])
    assert [read.stdout for read in reads] == [b"old", b"n", b""]
    assert b"".join(overlay.stream(Read(f"{root}/m"))) == b"n"
    assert b"".join(overlay.stream(Read(f"{root}/l"))) == b"old"


def test_nothing_is_run_or_brought(there: Target, root: str, tmp_path: Path) -> None:
    overlay = Overlay(there.session)
    actions: list[Action] = [Run(("rm", "-rf", root)), Fetch(f"{root}/file", str(tmp_path / "f"))]
    assert [output.rc for output in overlay.act(actions)] == [0, 0]
    assert overlay.fetch([(f"{root}/file", tmp_path / "g")])[0].rc == 0
    assert not list(tmp_path.iterdir())
    assert there.session.look([Stat(f"{root}/file")])[0].rc == 0
    assert len(overlay.recorded) == 3


def test_bytes_that_lie_elsewhere(there: Target, root: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"local")
    sha256 = hashlib.sha256(b"local").hexdigest()
    overlay = Overlay(there.session)
    overlay.act(
        [
            Put(f"{root}/l", File(Local(str(tmp_path / "f"), sha256, 5))),
            Put(f"{root}/r", File(Recipe("jemalloc", ()))),
        ]
    )
    read, stat, made = overlay.look(
        [Read(f"{root}/l"), Stat(f"{root}/l", digest=True), Stat(f"{root}/r")]
    )
    assert read.stdout == b"local"
    entry = parse_stat(stat)
    assert entry is not None
    assert (entry.sha256, entry.size, made.rc) == (sha256, 5, 0)
    saved = hashlib.sha256(b"old").hexdigest()
    assert there.session.act([there.session.save(f"{root}/file", saved)])[0].rc == 0
    overlay.act([overlay.save(f"{root}/file", saved), Put(f"{root}/s", File(Saved(saved, 3)))])
    assert overlay.look([Read(f"{root}/s")])[0].stdout == b"old"
