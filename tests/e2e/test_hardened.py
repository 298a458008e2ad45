"""Units in a sandbox (man 5 systemd.exec): profiled where they can be, refused by name where not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e import shops
from tests.e2e.operators import Operator, operator
from tests.e2e.shops import apps
from tests.lab import shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.api import Lab, LabHost

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300), pytest.mark.usefixtures("library")]

DROPIN = "/etc/systemd/system/shop.service.d/10-sandbox.conf"
OURS = "/etc/systemd/system/shop.service.d/50-memops.conf"
DUMPS = "/var/lib/memops/dumps/shop"
PROFILED = {
    "strict": """ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
MemoryDenyWriteExecute=yes
SystemCallFilter=@system-service
CapabilityBoundingSet=
""",
    "dynamic": "User=shop-dynamic\nDynamicUser=yes\n",
    "read-only": "ReadOnlyPaths=/\n",
    "covered": "TemporaryFileSystem=/var /opt:ro\nProtectHome=tmpfs\n",
    "private": "ProtectSystem=full\nPrivateTmp=yes\nPrivateMounts=yes\n",
}
ROOT = """RootDirectory=/srv/root
BindReadOnlyPaths=/usr /lib /lib64 /etc /srv/shop
MountAPIVFS=yes
"""


@pytest.fixture(scope="module")
def host(full_lab: Lab) -> Iterator[LabHost]:
    spec = shop.spec("c", "unit")
    found = full_lab.start("hardened", files=spec.files, hook=spec.hook)
    shops.wait_for_answer(found)
    found.sh("mkdir -p /srv/root")
    yield found
    full_lab.stop(found)


@pytest.fixture
def me(full_lab: Lab, host: LabHost, request: pytest.FixtureRequest, tmp_path: Path) -> Operator:
    control = getattr(request, "param", {})
    return operator(full_lab, tmp_path, {host: apps(**shop.description("unit") | control)})


def harden(host: LabHost, settings: str) -> shops.Look:
    """The shop restarted in the sandbox of *settings*, as it looks then."""
    host.write(DROPIN, f"[Service]\n{settings}".encode(), 0o644)
    host.sh("systemctl daemon-reload && systemctl restart shop.service")
    shops.wait_for_answer(host)
    return shops.look(host)


@pytest.mark.parametrize("kind", PROFILED)
def test_an_app_in_a_sandbox_writes_its_profiles_and_is_left_as_it_was(
    host: LabHost, me: Operator, kind: str
) -> None:
    before = harden(host, PROFILED[kind])

    me.well("enable-profiling")
    opened = "BindPaths" in host.read(OURS).decode()
    shops.wait_for_dumps(host, 2)
    again = me.well("enable-profiling", "--check", "--json")
    me.well("rollback", "--discard")

    assert opened == (kind != "private")
    assert again.recap(host.name)["changed"] == 0
    shops.same(before, host)


@pytest.mark.parametrize(
    ("settings", "me", "said"),
    [
        (ROOT, {}, "shop: it has a root directory of its own"),
        (
            PROFILED["strict"],
            {"shape": "envfile", "launch_file": "/srv/shop/etc/shop.env"},
            f"add BindPaths=-{DUMPS} to the unit",
        ),
        ("InaccessiblePaths=/var/lib\n", {}, "its unit hides /var/lib from it"),
        ("InaccessiblePaths=/opt\n", {}, "its unit hides /opt from it"),
    ],
    ids=["root", "envfile", "hidden-dumps", "hidden-library"],
    indirect=["me"],
)
def test_an_app_that_could_not_be_profiled_is_refused_before_anything_changes(
    host: LabHost, me: Operator, settings: str, said: str
) -> None:
    before = harden(host, settings)

    done = me("enable-profiling")

    assert done.rc == 2
    assert said in done.said, done.said
    assert shops.same(before, host).pid == before.pid


def test_an_app_that_proves_unable_to_write_is_taken_back_at_once(
    host: LabHost, me: Operator
) -> None:
    before = harden(host, "InaccessiblePaths=-/var/lib/memops\n")  # which is not there yet

    done = me("enable-profiling")

    assert done.rc == 2
    assert f"shop does not see {DUMPS}" in done.said
    assert "systemctl cat shop.service" in done.said
    assert "after 30 s" not in done.said
    shops.same(before, host)
