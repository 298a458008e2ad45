"""Units in a sandbox (man 5 systemd.exec): profiled where they can be, refused by name where not.

All run on one host at once, each a shop on a port of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import shops
from tests.e2e.operators import Operator, operator
from tests.lab import shop
from tests.lab.listing import difference
from tests.lab.world import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.lab.api import Lab, LabHost

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300), pytest.mark.usefixtures("library")]

DUMPS = "/var/lib/memops/dumps"
STRICT = """ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
NoNewPrivileges=yes
MemoryDenyWriteExecute=yes
SystemCallFilter=@system-service
CapabilityBoundingSet=
"""
PROFILED = {
    "strict": STRICT,
    "dynamic": "User=shop-dynamic\nDynamicUser=yes\n",
    "readonly": "ReadOnlyPaths=/\n",
    "covered": "TemporaryFileSystem=/var /opt:ro\nProtectHome=tmpfs\n",
    "noexec": "NoExecPaths=/\nExecPaths=/usr /srv\n",
    "private": "ProtectSystem=full\nPrivateTmp=yes\nPrivateMounts=yes\n",
}
OTHERS = {
    "root": """RootDirectory=/srv/root
BindReadOnlyPaths=/usr /lib /lib64 /etc /srv/shop
MountAPIVFS=yes
""",
    "envfile": STRICT,
    "nodumps": "InaccessiblePaths=/var/lib\n",
    "nolibrary": "InaccessiblePaths=/opt\n",
    "late": "InaccessiblePaths=-/var/lib/memops\n",  # which is not there yet
}
UNITS = PROFILED | OTHERS
PORTS = {kind: 9000 + number for number, kind in enumerate(UNITS)}
# Arguments: units. How many lines of their processes' environments and maps speak of memops.
TRACES = r"""
for unit; do
    pid=$(systemctl show -p MainPID --value "$unit")
    cat "/proc/$pid/environ" "/proc/$pid/maps" || echo memops
done | grep -ac memops
"""


def unit(kind: str) -> str:
    return f"sandbox-{kind}.service"


@pytest.fixture(scope="module")
def host(full_lab: Lab) -> Iterator[LabHost]:
    spec = shop.spec("c", "unit")
    text = spec.files["/etc/systemd/system/shop.service"][1].decode()
    files = dict(spec.files)
    for kind, sandbox in UNITS.items():
        own = f"/srv/shop/etc/{kind}.env"
        files[own] = (0o644, f"SHOP_PORT={PORTS[kind]}\n".encode())
        whole = text.replace("ExecStart=", f"EnvironmentFile={own}\n{sandbox}ExecStart=")
        files[f"/etc/systemd/system/{unit(kind)}"] = (0o644, whole.encode())
    found = full_lab.start("hardened", files=files, hook=f"{spec.hook}\nmkdir -p srv/root\n")
    shops.wait_for_answer(found)
    found.sh(f"systemctl start {' '.join(map(unit, UNITS))}")
    wait_for(lambda: well(found, UNITS), 30, "the shops in their sandboxes")
    yield found
    full_lab.stop(found)


def well(host: LabHost, kinds: Iterable[str]) -> bool:
    urls = " ".join(f"127.0.0.1:{PORTS[kind]}/health" for kind in kinds)
    script = f"for url in {urls}; do wget -q -T 2 -O /dev/null $url || exit; done; echo ok"
    return host.sh(script, check=False) == "ok\n"


def pids(host: LabHost) -> list[str]:
    return host.sh(f"systemctl show -p MainPID --value {' '.join(map(unit, UNITS))}").split()


def traces(host: LabHost) -> int:
    done = host.exec(["/bin/sh", "-s", "--", *map(unit, UNITS)], TRACES.encode(), check=False)
    return int(done.stdout)


def with_dumps(host: LabHost) -> set[str]:
    """The apps with a heap profile that is one."""
    found = host.sh(f"grep -l heap_v2 {DUMPS}/*/*.heap", check=False).splitlines()
    return {path.removeprefix(DUMPS).split("/")[1] for path in found}


def me(lab: Lab, home: Path, host: LabHost, *kinds: str, **control: Any) -> Operator:
    """An operator of the shops of *kinds*."""
    apps = {
        kind: {
            "unit": unit(kind),
            "health": [{"http": f"http://127.0.0.1:{PORTS[kind]}/health"}],
            "deadline": 30,
            **control,
        }
        for kind in kinds
    }
    return operator(lab, home, {host: {"memops_apps": apps}})


def test_apps_in_a_sandbox_write_their_profiles_and_are_left_as_they_were(
    full_lab: Lab, host: LabHost, tmp_path: Path
) -> None:
    before, operator = shops.listing(host), me(full_lab, tmp_path, host, *PROFILED)

    operator.well("enable-profiling")
    opened = host.sh("grep -lE '^(Bind|Exec)' /etc/systemd/system/*/50-memops.conf").splitlines()
    wait_for(lambda: with_dumps(host) == set(PROFILED), 60, "a heap profile of each app")
    again = operator.well("enable-profiling", "--check", "--json")
    operator.well("rollback", "--discard")

    wanted = [f"/etc/systemd/system/{unit(kind)}.d/50-memops.conf" for kind in sorted(PROFILED)]
    assert opened == [path for path in wanted if "private" not in path]
    assert again.recap(host.name)["changed"] == 0
    assert well(host, PROFILED)
    assert difference(before, shops.listing(host)) == []
    assert traces(host) == 0


@pytest.mark.parametrize(
    ("kind", "control", "said"),
    [
        ("root", {}, "root: it has a root directory of its own"),
        (
            "envfile",
            {"shape": "envfile", "launch_file": "/srv/shop/etc/shop.env"},
            f"add BindPaths=-{DUMPS}/envfile to the unit",
        ),
        ("nodumps", {}, "its unit hides /var/lib from it"),
        ("nolibrary", {}, "its unit hides /opt from it"),
    ],
)
def test_an_app_that_could_not_be_profiled_is_refused_before_anything_changes(
    full_lab: Lab, host: LabHost, tmp_path: Path, kind: str, control: dict[str, Any], said: str
) -> None:
    before, lives, times = shops.listing(host), pids(host), shops.times(host)

    done = me(full_lab, tmp_path, host, kind, **control)("enable-profiling")

    assert done.rc == 2
    assert said in done.said, done.said
    assert pids(host) == lives
    assert difference(before, shops.listing(host)) == []
    assert shops.times(host) == times  # not even a file that came and went


def test_an_app_that_proves_unable_to_write_is_taken_back_at_once(
    full_lab: Lab, host: LabHost, tmp_path: Path
) -> None:
    before = shops.listing(host)

    done = me(full_lab, tmp_path, host, "late")("enable-profiling")

    assert done.rc == 2
    assert f"late does not see {DUMPS}/late" in done.said, done.said
    assert f"systemctl cat {unit('late')}" in done.said
    assert "after 30 s" not in done.said
    assert difference(before, shops.listing(host)) == []
    assert traces(host) == 0
