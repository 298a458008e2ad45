"""The default fleet, and the files through which memops and OpenSSH know the lab's hosts."""

from __future__ import annotations

import fcntl
import json
from typing import TYPE_CHECKING, Any

from tests.lab import boot, shop
from tests.lab.world import World, sh

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.lab.host import LabHost

# The canary runs the shop as a unit, its sibling under appctl; one is always the C program.
FLEET = ("shop-1", "shop-2", "shop-3", "edge-1")

# The usual sntrup761 key exchange costs 115 ms of CPU on each side of every connection.
SSH_DEFAULTS = """
Host *
    IdentityFile {home}/client
    IdentitiesOnly yes
    UserKnownHostsFile {home}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org
    BatchMode yes
    ConnectTimeout 10
"""


def prepare(home: Path) -> None:
    """The client's key and empty files, before any host starts."""
    (home / "hosts").mkdir()
    sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "memops-lab", "-f", home / "client")
    (home / "known_hosts").touch()
    (home / "ssh_config").write_text(SSH_DEFAULTS.format(home=home))


def environment(home: Path) -> dict[str, str]:
    """How a command in the lab finds it."""
    return {
        "MEMOPS_LAB": str(home),
        "MEMOPS_INVENTORY": str(home / "inventory.yml"),
        "MEMOPS_SSH_CONFIG": str(home / "ssh_config"),
        "MEMOPS_KNOWN_HOSTS": str(home / "known_hosts"),
    }


def raise_fleet(world: World, names: Sequence[str]) -> list[LabHost]:
    """Boot the named hosts of the default fleet at once and wait for all of them."""
    hosts = [boot.start(world, name, _spec(name)) for name in names]
    for host in hosts:
        host.wait_ready()
    introduce(world.home, hosts)
    (world.home / "inventory.yml").write_text(inventory_text(world.home, hosts))
    for host in hosts:
        if control_of(host.name) == "script":
            start_by_script(world.home, host)
    return hosts


def _spec(name: str) -> boot.Spec:
    match name:
        case "shop-1":
            return shop.spec(shop.best_language(), "unit")
        case "shop-2":
            return shop.spec(shop.best_language(), "script")
        case "shop-3":
            return shop.spec("c", "unit")
        case "edge-1":
            return boot.Spec(kind="lean")
        case _:
            raise SystemExit(
                f"lab: no host {name} in the default fleet; there are {', '.join(FLEET)}"
            )


def control_of(name: str) -> shop.Control:
    """How the shop is started and stopped on a host of the default fleet."""
    return "script" if name == "shop-2" else "unit"


def start_by_script(home: Path, host: LabHost) -> None:
    """Start the shop as an operator does: over ssh, so that it belongs to the host's own sessions."""
    sh(
        "ssh",
        "-F",
        home / "ssh_config",
        "-n",
        "-l",
        "root",
        host.name,
        "/srv/shop/bin/appctl start",
    )


def inventory_text(home: Path, hosts: Sequence[LabHost]) -> str:
    """The default fleet as an inventory; JSON is YAML, but people read this one."""
    present = {host.name: host for host in hosts}
    lines = [
        "all:",
        "  vars:",
        f"    ansible_ssh_private_key_file: {home}/client",
        "  children:",
        "    prod:",
        "      vars:",
        "        ansible_user: deploy",
        "        ansible_become: true",
        "        memops_sample: 64KiB    # many samples from a short run",
        "        memops_interval: 32MiB  # a dump every few seconds at the shop's rate",
        "      children:",
        "        prod-canary:",
        "          hosts:",
        *_entries(present, ["shop-1"], " " * 12),
        "      hosts:",
        *_entries(present, ["shop-2", "shop-3"], " " * 8),
        "    edge:",
        "      vars:",
        "        ansible_user: root",
        "      hosts:",
        *_entries(present, ["edge-1"], " " * 8),
    ]
    return "\n".join(lines) + "\n"


def _entries(present: dict[str, LabHost], names: Sequence[str], indent: str) -> list[str]:
    lines: list[str] = []
    for name in names:
        if name in present:
            lines += [f"{indent}{name}:", f"{indent}  ansible_host: {present[name].address}"]
            if name.startswith("shop"):
                app = shop.description(control_of(name))
                lines += [f"{indent}  memops_apps:", f"{indent}    shop:"]
                lines += [f"{indent}      {key}: {_flow(value)}" for key, value in app.items()]
    return lines


def introduce(home: Path, hosts: Sequence[LabHost]) -> None:
    """Write the hosts into ssh_config and known_hosts."""
    with (home / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        known = (home / "known_hosts").read_text()
        names = (home / "ssh_config").read_text()
        for host in hosts:
            key = " ".join((host.home / "hostkey.pub").read_text().split()[:2])
            place = host.address if host.port == 22 else f"[{host.address}]:{host.port}"
            known += f"{place} {key}\n"
            names = f"Host {host.name}\n    HostName {host.address}\n    Port {host.port}\n{names}"
        (home / "known_hosts").write_text(known)
        (home / "ssh_config").write_text(names)


def forget(home: Path, host: LabHost) -> None:
    """Take a host out of ssh_config and known_hosts: its address may be given to another."""
    entry = f"Host {host.name}\n    HostName {host.address}\n    Port {host.port}\n"
    with (home / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        names = (home / "ssh_config").read_text().replace(entry, "")
        (home / "ssh_config").write_text(names)
        lines = (home / "known_hosts").read_text().splitlines(keepends=True)
        kept = [
            x for x in lines if x.split()[0] not in {host.address, f"[{host.address}]:{host.port}"}
        ]
        (home / "known_hosts").write_text("".join(kept))


def _flow(value: Any) -> str:
    """A value on one line: JSON is YAML, and plain words need no quotes."""
    return value if isinstance(value, str) else json.dumps(value)
