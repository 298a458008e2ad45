"""Where a machine allows no namespaces: plain sshd processes of one's own user on loopback addresses.

They show logins, keys, transfers and ordinary commands. They share this machine's processes, files and
services, so whatever needs systemd, root, another user or a host of its own cannot be shown with them.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import base, fleet
from tests.lab.host import LabHost
from tests.lab.world import sh

if TYPE_CHECKING:
    from collections.abc import Sequence

PORT = 2222
CONFIG = """
Port {port}
ListenAddress {address}
HostKey {home}/hostkey
PidFile none
AuthorizedKeysFile {key}
SetEnv HOME={home}/home
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
MaxStartups 100:30:300
MaxSessions 64
PrintMotd no
Subsystem sftp internal-sftp
"""


def run(names: Sequence[str], command: Sequence[str], obstacle: str) -> int:
    """Run *command* with one sshd for each name; *obstacle* is why there are no better hosts."""
    home = Path(tempfile.mkdtemp(prefix="memops-lab-"))
    try:
        fleet.prepare(home)
        (home / "obstacle").write_text(obstacle)
        daemons = [_start(home, name, number) for number, name in enumerate(names, 1)]
        hosts = [_host(home, name, number) for number, name in enumerate(names, 1)]
        for host in hosts:
            host.wait_ready()
        fleet.introduce(home, hosts)
        (home / "inventory.yml").write_text(_inventory(home, hosts))
        print(f"lab: {len(hosts)} sshd on loopback ({obstacle})", file=sys.stderr)
        code = subprocess.run(
            command, env=os.environ | fleet.environment(home), check=False
        ).returncode
        for daemon in daemons:
            daemon.kill()
            daemon.wait()
        return code if code >= 0 else 128 - code
    finally:
        shutil.rmtree(home)


def _address(number: int) -> str:
    """Any address of 127.0.0.0/8 can be bound without any setup; the user's id keeps users apart."""
    return f"127.{2 + os.getuid() % 200}.{os.getpid() % 250}.{number}"


def _host(home: Path, name: str, number: int) -> LabHost:
    place = home / "hosts" / name
    facts = {"address": _address(number), "kind": "sshd", "port": PORT, "user": getpass.getuser()}
    (place / "host.json").write_text(json.dumps(facts))
    return LabHost(name, _address(number), "sshd", place, None, PORT, getpass.getuser())


def _start(home: Path, name: str, number: int) -> subprocess.Popen[bytes]:
    place = home / "hosts" / name
    (place / "home").mkdir(parents=True)
    sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", place / "hostkey")
    config = CONFIG.format(port=PORT, address=_address(number), home=place, key=home / "client.pub")
    (place / "sshd_config").write_text(config)
    daemon, libraries = base.sshd()
    argv = [
        "setpriv",
        "--pdeathsig",
        "KILL",
        str(daemon),
        "-D",
        "-e",
        "-f",
        str(place / "sshd_config"),
    ]
    with (place / "console").open("wb") as console:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env=os.environ | {"LD_LIBRARY_PATH": str(libraries)},
        )


def _inventory(home: Path, hosts: Sequence[LabHost]) -> str:
    """The same groups as those of the full lab, without apps."""
    entries = {
        host.name: {"ansible_host": host.address, "ansible_port": PORT, "ansible_user": host.user}
        for host in hosts
    }
    canary = {name: entries.pop(name) for name in list(entries) if name == "shop-1"}
    edge = {name: entries.pop(name) for name in list(entries) if name.startswith("edge")}
    prod = {"children": {"prod-canary": {"hosts": canary}}, "hosts": entries}
    top = {
        "vars": {"ansible_ssh_private_key_file": str(home / "client")},
        "children": {"prod": prod, "edge": {"hosts": edge}},
    }
    return json.dumps({"all": top}, indent=2) + "\n"
