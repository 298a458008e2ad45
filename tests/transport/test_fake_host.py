"""A fake host, as users write it in the tests of their playbooks."""

from __future__ import annotations

import doctest

import pytest

from memops.errors import UsageError
from memops.model.action import File, Output, Put, Read, Run
from memops.model.host import Become, ConnectOptions, Host
from memops.transport import connect, fake
from memops.transport.fake import FakeEntry, FakeHost


def test_its_documentation_is_true() -> None:
    names = {"FakeHost": FakeHost, "FakeEntry": FakeEntry, "Read": Read}
    assert doctest.testmod(fake, extraglobs=names).failed == 0


def test_programs_may_keep_state() -> None:
    def service(host: FakeHost, run: Run) -> Output:
        if run.argv[1] == "start":
            host.files["/run/app.pid"] = FakeEntry(b"42\n")
        return Output(0 if host.read("/run/app.pid") else 3, run.argv[1].encode())

    host = FakeHost("web1", programs={"service": service})
    session = host.connection().session()
    assert session.look([Run(("service", "status"))])[0].rc == 3
    start = Run(("/usr/sbin/service", "start"))
    assert session.act([start, Put("/no/x", File(b"")), start])[0].rc == 0
    assert (
        session.look(
            [Read("/run/app.pid"), Run(("service", "status"), ok=(0, 3)), Run(("nosuch",))]
        )[2].rc
        == 127
    )
    assert host.log == [start, Put("/no/x", File(b""))]


def test_owners_are_those_who_act() -> None:
    host = FakeHost(
        files={"/a": FakeEntry(kind="dir")},
        users={"root": 0, "app": 7},
        groups={"root": 0, "app": 7},
    )
    host.connection().session(Become("app")).act([Put("/a/f", File(b""))])
    host.connection().session().act([Put("/a/g", File(b"", owner="7"))])
    made = [host.entry(path) for path in ("/a/f", "/a/g")]
    assert [(entry.owner, entry.uid) for entry in made if entry] == [("app", 7), ("app", 7)]


def test_the_inventory_cannot_reach_a_fake_host() -> None:
    with pytest.raises(UsageError):
        connect(Host("x", connection="fake"), ConnectOptions())
