"""The default fleet, and the files through which memops and OpenSSH know the lab's hosts."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

from tests.lab import boot
from tests.lab.world import World, sh

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.lab.host import LabHost

FLEET = {"shop-1": "systemd", "shop-2": "systemd", "shop-3": "systemd", "edge-1": "lean"}

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


def raise_fleet(world: World, names: Sequence[str]) -> list[LabHost]:
    """Boot the named hosts of the default fleet at once and wait for all of them."""
    hosts = [boot.start(world, name, _spec(name)) for name in names]
    for host in hosts:
        host.wait_ready()
    introduce(world.home, hosts)
    return hosts


def _spec(name: str) -> boot.Spec:
    if FLEET[name] == "lean":
        return boot.Spec(kind="lean", jdk=False)
    return boot.Spec()


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
        kept = [x for x in lines if x.split()[0] not in {host.address, f"[{host.address}]:{host.port}"}]
        (home / "known_hosts").write_text("".join(kept))
