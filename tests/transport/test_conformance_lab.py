"""The conformance suite once more, on the lab's own hosts: systemd with OpenSSH, busybox with dropbear."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from memops.model.host import Become, ConnectOptions, Host
from memops.transport import connect
from tests.transport.targets import Target
from tests.transport.test_conformance import *  # noqa: F403 - every test of it, with the place below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab

_COUNT = itertools.count()
PLACES = {
    "systemd": ("shop-1", "root", None),
    "systemd, sudo": ("shop-1", "deploy", Become()),
    "lean": ("edge-1", "root", None),
}


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest, full_lab: Lab) -> Iterator[Target]:
    """A directory of ours on each host, which is gone afterwards."""
    name, user, become = PLACES[request.param]
    there = full_lab.host(name)
    root = f"/var/tmp/conformance-{next(_COUNT)}"
    there.exec(["mkdir", "-p", "-m", "755", root])
    host = Host(name, there.address, there.port, user, str(full_lab.client_key))
    options = ConnectOptions(known_hosts=(full_lab.known_hosts,))
    try:
        with connect(host, options) as connection:
            session = connection.session(become, run_dir=f"{root}/run")
            yield Target(f"{user}@{name}", connection, session, root)
    finally:
        there.exec(["rm", "-rf", root])
