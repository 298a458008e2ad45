"""How often a task asks its host: once, however much it wants to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from memops.engine.plan import plan
from memops.engine.probe import Remembering
from memops.model.action import Stat
from memops.model.entry import parse_stat
from memops.tasks import named
from memops.transport.fake import FakeEntry, FakeHost
from memops.transport.overlay import Overlay

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from memops.model.action import Look, Output
    from memops.transport.base import Session

TREE = {
    "/srv": FakeEntry(kind="dir", mode=0o755),
    "/srv/old": FakeEntry(kind="file", content=b"old\n", mode=0o600),
}


class _Counted:
    """A session that keeps what it was asked in each round trip."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.asked: list[Sequence[Look]] = []

    def look(self, looks: Sequence[Look]) -> tuple[Output, ...]:
        self.asked.append(looks)
        return self._session.look(looks)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


@pytest.fixture
def session() -> Iterator[_Counted]:
    with FakeHost("fake", TREE).connection() as connection:
        yield _Counted(connection.session(run_dir="/srv/run"))


@pytest.mark.parametrize(
    ("task", "params", "steps"),
    [
        ("copy", {"dest": "/srv/new", "content": "x"}, 1),
        ("copy", {"dest": "/srv/old", "content": "x", "owner": "root"}, 1),
        ("copy", {"dest": "/srv/old", "content": "old\n"}, 0),
        ("file", {"path": "/srv/old", "state": "absent"}, 1),
        ("file", {"path": "/srv/link", "state": "link", "src": "old"}, 1),
        ("command", {"argv": ["true"]}, 1),
    ],
)
def test_a_task_asks_once(
    session: _Counted, task: str, params: Mapping[str, Any], steps: int
) -> None:
    planned, _ = plan(named(task), Overlay(Remembering(session)), params)
    assert len(planned) == steps
    assert len(session.asked) == (0 if task == "command" else 1), session.asked


def test_a_digest_answers_for_the_entry_without(session: _Counted) -> None:
    known = Remembering(session)
    digested = parse_stat(known.look([Stat("/srv/old", digest=True)])[0])
    assert digested is not None
    assert digested.sha256
    plain, absent = known.look([Stat("/srv/old"), Stat("/srv/gone")])
    assert len(session.asked) == 2
    assert plain == session.look([Stat("/srv/old")])[0]
    assert absent.rc == 1
    known.look([Stat("/srv/gone2", digest=True)])
    assert known.look([Stat("/srv/gone2")])[0].rc == 1
    assert len(session.asked) == 4
