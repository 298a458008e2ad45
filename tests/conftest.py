"""Fixtures that every part of the tests shares: the lab and its hosts.

Tests that ask for the lab run inside ``python -m tests.lab run -- pytest ...`` (``make test`` does that).
When pytest was started by hand outside of it, it starts itself again inside, once it knows that a
collected test needs the lab.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab, LabHost


# A busy machine is slow, not wrong. Where a run decides, it decides the same way twice; a bug that
# hypothesis finds elsewhere becomes a test of its own.
settings.register_profile(
    "memops",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("memops")


class StartHost(Protocol):
    """Starts a disposable host; the options are those of `tests.lab.boot.Spec`."""

    def __call__(self, name: str | None = None, *, wait: bool = True, **spec: Any) -> LabHost: ...


def of_the_lab(nodeid: str) -> bool:
    """Whether a test shares the lab's hosts, as the place and name of its file say."""
    path = Path(nodeid.partition("::")[0])
    return "e2e" in path.parts or "lab" in path.stem or path.stem == "test_readme"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """With -n, tests that share the lab's hosts take turns in one process, the others run beside.

    The groups of xdist 3.8 do nothing under pytest 9.2: it sets a node's id where nobody looks.
    """
    from xdist.scheduler import LoadScopeScheduling

    class InTurns(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            return "lab" if of_the_lab(nodeid) else nodeid

    return InTurns(config, log)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start again inside the lab when a test needs it and this process is outside."""
    if os.environ.get("MEMOPS_LAB") or session.config.option.collectonly or not _needs_lab(session):
        return
    if hasattr(session.config, "workerinput") or session.config.getoption("numprocesses", None):
        raise pytest.UsageError("with -n, type: python -m tests.lab run -- pytest -n ...")
    again = [sys.executable, "-m", "tests.lab", "run", "--"]
    again += [sys.executable, "-m", "pytest", *session.config.invocation_params.args]
    capture = session.config.pluginmanager.getplugin("capturemanager")
    if capture:
        capture.suspend_global_capture(in_=True)
    print(f"\nthese tests need the lab; starting again inside: {shlex.join(again)}", flush=True)
    os.chdir(session.config.invocation_params.dir)
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(session.config.rootpath), *sys.path])}
    os.execve(sys.executable, again, env)


def _needs_lab(session: pytest.Session) -> bool:
    return any("lab" in getattr(item, "fixturenames", ()) for item in session.items)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Where only plain sshd processes are possible, skip what they cannot show, unless that is forbidden."""
    if "lab" in getattr(item, "fixturenames", ()) and not of_the_lab(item.nodeid):
        pytest.fail(
            "a test of the lab stands in a file test_*_lab.py or in tests/e2e", pytrace=False
        )
    if item.get_closest_marker("jdk") and not _has_jdk():
        _missing("no JDK on this machine for the lab's hosts; type: make test")


def _has_jdk() -> bool:
    from tests.lab.boot import java_home

    return java_home() is not None


def _missing(reason: str) -> None:
    if os.environ.get("CI") == "true" or os.environ.get("MEMOPS_LAB_REQUIRED"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The running lab."""
    from tests.lab.api import Lab

    return Lab.attach()


@pytest.fixture(scope="session")
def full_lab(lab: Lab) -> Lab:
    """The lab, where its hosts are real: own namespaces, own root, own processes."""
    if lab.tier != "full":
        _missing(f"needs real hosts, and there are none: {lab.obstacle}")
    return lab


@pytest.fixture(scope="session")
def systemd_host(full_lab: Lab) -> LabHost:
    """shop-1: systemd, the shop as shop.service."""
    return full_lab.host("shop-1")


@pytest.fixture(scope="session")
def script_host(full_lab: Lab) -> LabHost:
    """shop-2: systemd, but the shop under /srv/shop/bin/appctl with a pid file."""
    return full_lab.host("shop-2")


@pytest.fixture(scope="session")
def lean_host(full_lab: Lab) -> LabHost:
    """edge-1: busybox and dropbear alone."""
    return full_lab.host("edge-1")


@pytest.fixture
def fresh_host(full_lab: Lab) -> Iterator[StartHost]:
    """Starts hosts of this test alone; they are gone after it."""
    started: list[LabHost] = []

    def start(name: str | None = None, *, wait: bool = True, **spec: Any) -> LabHost:
        host = full_lab.start(name, wait=wait, **spec)
        started.append(host)
        return host

    yield start
    for host in started:
        full_lab.stop(host)
