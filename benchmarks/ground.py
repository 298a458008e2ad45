"""The hosts that benchmarks run against, and the files by which both clients know them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from memops.model.host import ConnectOptions, Host
from tests.lab.api import Lab
from tests.lab.world import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.lab.host import LabHost

OPENSSL = "/usr/bin/openssl"
# What a fast OpenSSH client uses; the lab's ssh_config already asks for curve25519.
CIPHER = ("-c", "aes128-gcm@openssh.com")


class NoHosts(Exception):
    """The lab has plain sshd processes only."""


@dataclass(frozen=True)
class Place:
    """A door to a host: its name, where its sshd listens, and its public key."""

    name: str
    address: str
    port: int
    key: str


@dataclass(frozen=True)
class Ground:
    """The lab with disposable hosts in it, and *scratch*, a directory of ours on this side."""

    lab: Lab
    scratch: Path
    hosts: Sequence[LabHost]

    def places(self) -> list[Place]:
        return [_place(host) for host in self.hosts]

    def doors(self, count: int) -> list[Place]:
        """*count* doors: as many more sshd on the first host, each with a port of its own.

        What a client does for a host it does for each door; fifty hosts with all that runs on them
        would be more than this measures.
        """
        first = self.hosts[0]
        key = _place(first).key
        ports = range(2201, 2201 + count)
        first.sh(
            f"for port in $(seq {ports[0]} {ports[-1]}); do"
            ' /usr/sbin/sshd -o "PidFile=/run/door-$port.pid" -p "$port" || exit; done'
        )
        for port in ports:  # an sshd leaves its parent before it listens
            wait_for(replace(first, port=port).answers, 10, f"port {port}")
        return [Place(f"door-{port}", first.address, port, key) for port in ports]

    def shut_doors(self) -> None:
        self.hosts[0].sh("cat /run/door-*.pid | xargs kill")

    def host(self, place: Place, user: str) -> Host:
        key = str(self.lab.client_key)
        return Host(place.name, place.address, place.port, user, key)

    def options(self) -> ConnectOptions:
        return ConnectOptions(known_hosts=(self.scratch / "known_hosts",))

    def ssh(self, place: Place, user: str, *command: str) -> list[str]:
        known = f"UserKnownHostsFile={self.scratch / 'known_hosts'}"
        named = ("-o", known, "-p", str(place.port), "-l", user, place.address)
        return ["ssh", "-F", str(self.lab.ssh_config), *CIPHER, *named, *command]

    def know(self, places: Sequence[Place], user: str) -> dict[str, str]:
        """Write known hosts and an inventory of *places*; the environment of a memops that uses them."""
        hosts = {
            place.name: {"ansible_host": place.address, "ansible_port": place.port}
            for place in places
        }
        login = {"ansible_user": user, "ansible_ssh_private_key_file": str(self.lab.client_key)}
        (self.scratch / "inventory.yml").write_text(
            json.dumps({"all": {"vars": login, "hosts": hosts}})
        )
        known = [_known(place) for place in places]
        (self.scratch / "known_hosts").write_text("".join(known))
        return {
            "MEMOPS_INVENTORY": str(self.scratch / "inventory.yml"),
            "MEMOPS_KNOWN_HOSTS": str(self.scratch / "known_hosts"),
            "MEMOPS_SSH_CONFIG": str(self.lab.ssh_config),
            "XDG_DATA_HOME": str(self.scratch / "share"),
            "XDG_STATE_HOME": str(self.scratch / "state"),
        }


def _place(host: LabHost) -> Place:
    key = " ".join((host.home / "hostkey.pub").read_text().split()[:2])
    return Place(host.name, host.address, host.port, key)


def _known(place: Place) -> str:
    name = place.address if place.port == 22 else f"[{place.address}]:{place.port}"
    return f"{name} {place.key}\n"


@contextmanager
def ground(count: int) -> Iterator[Ground]:
    """*count* fresh systemd hosts, gone when it ends; `NoHosts` where the lab is not full."""
    lab = Lab.attach()
    if lab.world is None:
        raise NoHosts(f"no hosts of their own here ({lab.obstacle}); --only analyze needs none")
    hosts = [lab.start(jdk=False, files=_usual(), wait=False) for _ in range(count)]
    try:
        for host in hosts:
            host.wait_ready(120)
        with tempfile.TemporaryDirectory(prefix="memops-bench-") as scratch:
            yield Ground(lab, Path(scratch), hosts)
    finally:
        for host in hosts:
            lab.stop(host)


def _usual() -> dict[str, tuple[int, bytes]]:
    """What nearly every server has and the lab's minimal ones lack: openssl, of this machine."""
    program = shutil.which("openssl")
    return {OPENSSL: (0o755, Path(program).read_bytes())} if program else {}


@contextmanager
def environment(changes: dict[str, str]) -> Iterator[None]:
    """The process's environment with *changes*, as it was before when this ends."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
