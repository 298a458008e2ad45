"""Bad input and bad hosts: a line that names the place and the remedy, a documented exit code, and no change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import shops
from tests.e2e.bad_input import CASES, ENABLE, FILES, PLAIN, Case
from tests.e2e.operators import Done, operator
from tests.e2e.shops import Look, apps
from tests.lab import shop
from tests.lab.listing import difference
from tests.lab.world import sh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.api import Lab, LabHost

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, host: LabHost) -> Path:
    """The files that the cases name."""
    found = tmp_path_factory.mktemp("bad")
    for name, text in FILES.items():
        (found / name).write_text(text)
        (found / name).chmod(0o600)
    (found / "bin").mkdir()
    sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", found / "other")
    (found / "changed").write_text(f"{host.address} {(found / 'other.pub').read_text()}")
    return found


@pytest.fixture(scope="module")
def hosts(full_lab: Lab) -> Iterator[tuple[LabHost, LabHost]]:
    spec = shop.spec("c", "unit", SHOP_REQUESTS=20)
    names = ("bad", "next")
    started = [full_lab.start(name, wait=False, files=spec.files, hook=spec.hook) for name in names]
    for each in started:
        each.wait_ready()
        shops.wait_for_answer(each)
    first, second = started
    build = ("gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", "/run/plain.so")
    first.exec(build, PLAIN.encode())
    yield first, second
    for each in started:
        full_lab.stop(each)


@pytest.fixture(scope="module")
def host(hosts: tuple[LabHost, LabHost]) -> LabHost:
    return hosts[0]


@pytest.fixture(scope="module")
def before(host: LabHost) -> Look:
    return shops.look(host)


@pytest.fixture
def unchanged(host: LabHost, before: Look, tmp_path: Path, lab: Lab) -> Iterator[None]:
    """After the test the host has the same files and the same process as before all tests."""
    yield
    now = shops.look(host)
    if difference(before.files, now.files):  # one failure is enough
        operator(lab, tmp_path / "healer", {host: {}})("rollback", "--force", "--discard")
    assert difference(before.files, now.files) == []
    assert shops.traceless(now)


def errors(done: Done) -> list[str]:
    """The lines that say what is wrong."""
    lines = (line for line in done.said.splitlines() if not line.startswith("PLAY"))
    return [
        line for line in lines if line.startswith(("memops: ", "failed ", "unreachable ", "Trace"))
    ]


def is_said(says: str, line: str) -> bool:
    return re.search(re.escape(says).replace(re.escape("..."), ".*"), line) is not None


@pytest.mark.usefixtures("library", "unchanged")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_bad_is_refused_in_one_line(
    lab: Lab, host: LabHost, before: Look, home: Path, tmp_path: Path, case: Case
) -> None:
    def placed(text: str) -> str:
        return text.replace("{home}", str(home))

    extra = {
        name: placed(value) if isinstance(value, str) else value
        for name, value in case.host.items()
    }
    me = operator(lab, tmp_path, {host: apps(**shop.description("unit")) | extra})
    host.sh(case.arrange)
    try:
        env = {name: placed(value) for name, value in case.env.items()}
        done = me(*map(placed, case.argv), stdin=case.stdin, **env)
    finally:
        host.sh(case.restore)
    assert done.rc == case.rc, done.said
    (line,) = errors(done)
    assert is_said(placed(case.says), line)
    if "systemctl" not in case.arrange:
        assert shops.shop_pid(host) == before.pid


@pytest.mark.usefixtures("unchanged")
def test_a_host_without_a_cable(lab: Lab, host: LabHost, tmp_path: Path) -> None:
    me = operator(lab, tmp_path, {host: apps(**shop.description("unit"))})
    host.cut()
    try:
        done = me(*ENABLE, "--timeout", "1")
    finally:
        host.mend()
    assert done.rc == 4
    (line,) = errors(done)
    assert is_said("bad: ...; check", line), line


BROKEN = {
    # A start that refuses to be preloaded.
    "start": (
        """mkdir -p /etc/systemd/system/shop.service.d
printf '[Service]\\nRestart=no\\nExecStartPre=/bin/sh -c "[ -z \\\\"$LD_PRELOAD\\\\" ]"\\n' \\
    >/etc/systemd/system/shop.service.d/10-picky.conf
systemctl daemon-reload""",
        {},
    ),
    # It runs, but is not well with the profiler on.
    "health": ("true", {"health": [{"command": "! grep -q libjemalloc /proc/$(pidof shop)/maps"}]}),
}


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(("arrange", "app"), BROKEN.values(), ids=BROKEN)
def test_an_app_that_does_not_come_up_is_rolled_back_and_the_wave_stops(
    lab: Lab, hosts: tuple[LabHost, LabHost], tmp_path: Path, arrange: str, app: dict[str, Any]
) -> None:
    described = apps(**shop.description("unit") | {"deadline": 2} | app)
    me = operator(lab, tmp_path, dict.fromkeys(hosts, described))
    hosts[0].sh(arrange)
    before = [shops.look(host) for host in hosts]
    done = me("enable-profiling", "--serial", "1", "--json")
    now = [shops.look(host) for host in hosts]
    hosts[0].sh("rm -rf /etc/systemd/system/shop.service.d; systemctl daemon-reload")
    assert done.rc == 2
    (failed,) = [event for event in done.events("TaskEnded") if event["outcome"] == "failed"]
    assert (failed["host"], failed["task"]) == ("bad", "app runs with them")
    assert done.recap("bad")["rolledback"] == 1
    assert "next" not in [event["host"] for event in done.events("HostEnded")]
    notes = [event["text"] for event in done.events("Note") if event["level"] == "error"]
    assert notes == [
        "Enable heap profiling: the failure budget is spent, later waves are not begun"
    ]
    for was, seen in zip(before, now, strict=True):
        assert difference(was.files, seen.files) == []
        assert seen.pid
        assert shops.traceless(seen)
    assert now[1].pid == before[1].pid


@pytest.mark.usefixtures("library", "unchanged")
def test_the_jemalloc_of_the_distribution(lab: Lab, host: LabHost, tmp_path: Path) -> None:
    me = operator(lab, tmp_path, {host: apps(**shop.description("unit"))})
    me.well(*ENABLE, "--jemalloc", "distro")
    now = shops.look(host)
    assert re.search(r" /usr/lib/\S+/libjemalloc.so.2$", now.maps, re.MULTILINE)
    me.well(*ENABLE, "--jemalloc", "distro")
    assert shops.shop_pid(host) == now.pid
    me.well("rollback", "--discard")
