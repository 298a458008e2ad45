"""SSH servers of the tests' own, as root, on addresses of 127/8: OpenSSH and dropbear.

The OpenSSH server lives in a mount namespace of its own, where /etc/passwd and its like are ours,
so users, passwords and sudoers can be anything without touching the machine.
"""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memops.model.host import ConnectOptions, Host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.secret import Secret

PASSWORD = "s3cr3t-pässword '\\$x"
_NUMBERS = itertools.count(1)
_USERS = ("deploy", "ops", "plain", "needstty", "odd")
_SUDOERS = r"""
Defaults lecture=never
Defaults:needstty requiretty
deploy ALL=(ALL:ALL) NOPASSWD: ALL
needstty ALL=(ALL:ALL) NOPASSWD: ALL
ops ALL=(ALL:ALL) ALL
"""


@dataclass(frozen=True)
class Server:
    """A server that listens, and the files a client needs."""

    address: str
    port: int
    key: Path
    known_hosts: Path
    host_key: Path
    home: Path
    log: Path

    def host(self, user: str = "root", *, password: Secret | None = None) -> Host:
        return Host("h1", self.address, self.port, user, str(self.key), password)

    def options(self, **changed: object) -> ConnectOptions:
        return ConnectOptions(**{"known_hosts": (self.known_hosts,), "timeout": 5.0, **changed})  # type: ignore[arg-type]

    def ssh(self, *command: str) -> list[str]:
        """The command line of OpenSSH to the same place."""
        return [
            *("ssh", "-F", "none", "-i", str(self.key), "-p", str(self.port)),
            *("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "BatchMode=yes"),
            *("-o", "KexAlgorithms=curve25519-sha256", "-c", "aes128-gcm@openssh.com"),
            *(f"root@{self.address}", *command),
        ]


def _prepared(directory: Path) -> Server:
    directory.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("host_key", "client_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", directory / name],
            check=True,
        )
    home = directory / "home"
    home.mkdir()
    address = f"127.7.{os.getpid() % 250 + 1}.{next(_NUMBERS)}"
    known = directory / "known_hosts"
    kind, key = (directory / "host_key.pub").read_text().split()[:2]
    known.write_text(f"[{address}]:{port} {kind} {key}\n")
    return Server(
        address,
        port,
        directory / "client_key",
        known,
        directory / "host_key",
        home,
        directory / "log",
    )


@contextmanager
def openssh(directory: Path, extra: str = "") -> Iterator[Server]:
    server = _prepared(directory)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    (directory / "authorized_keys").write_text((directory / "client_key.pub").read_text())
    (directory / "sshd_config").write_text(
        f"ListenAddress {server.address}:{server.port}\nHostKey {server.host_key}\n"
        f"AuthorizedKeysFile {directory}/authorized_keys\nStrictModes no\nUsePAM no\nPidFile none\n"
        f"UseDNS no\nMaxStartups 100:30:300\nPermitRootLogin yes\nSetEnv HOME={server.home}\n{extra}"
    )
    _accounts(directory)
    script = (
        f'cd {directory}; for f in passwd shadow group sudoers; do mount --bind "$f" "/etc/$f" || exit; done; '
        f"exec /usr/sbin/sshd -D -e -f {directory}/sshd_config"
    )
    argv = ["unshare", "--mount", "--kill-child", "sh", "-c", script]
    with _running(server, argv):
        yield server


@contextmanager
def dropbear(directory: Path) -> Iterator[Server]:
    """A dropbear unpacked beside the tests' caches; its users are the machine's."""
    tree = _dropbear_tree()
    server = _prepared(directory)
    (server.home / ".ssh").mkdir(mode=0o700)
    (server.home / ".ssh" / "authorized_keys").write_text(
        (directory / "client_key.pub").read_text()
    )
    env = {**os.environ, "LD_LIBRARY_PATH": str(tree / "usr/lib/x86_64-linux-gnu")}
    (directory / "passwd").write_text(f"root:x:0:0:root:{server.home}:/bin/sh\n")
    subprocess.run(
        [tree / "usr/bin/dropbearconvert", "openssh", "dropbear", server.host_key, directory / "db"],
        check=True, capture_output=True, env=env,
    )  # fmt: skip
    command = f"{tree}/usr/sbin/dropbear -F -E -r {directory}/db -p {server.address}:{server.port} -P {directory}/pid"
    script = f"mount --bind {directory}/passwd /etc/passwd && exec {command}"
    argv = ["unshare", "--mount", "--kill-child", "sh", "-c", script]
    with _running(server, argv, env):
        yield server


def busybox_path(directory: Path) -> str:
    """A PATH on which there is busybox and nothing else."""
    directory.mkdir(parents=True, exist_ok=True)
    program = shutil.which("busybox")
    assert program, "install busybox-static"
    subprocess.run([program, "--install", "-s", directory], check=True)
    return str(directory)


def bash_path(directory: Path) -> str:
    """A PATH on which sh is bash."""
    directory.mkdir(parents=True, exist_ok=True)
    bash = shutil.which("bash")
    assert bash
    (directory / "sh").symlink_to(bash)
    return f"{directory}:{os.environ['PATH']}"


def _accounts(directory: Path) -> None:
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD.encode(), capture_output=True, check=True
    ).stdout.decode().strip()  # fmt: skip
    users = "".join(
        f"{name}:x:{3000 + n}:{3000 + n}::{directory}/home:/bin/{'bash' if name == 'odd' else 'sh'}\n"
        for n, name in enumerate(_USERS)
    )
    groups = "".join(f"{name}:x:{3000 + n}:\n" for n, name in enumerate(_USERS))
    shadow = "".join(f"{name}:{hashed}:19000:0:99999:7:::\n" for name in _USERS)
    (directory / "passwd").write_text(Path("/etc/passwd").read_text() + users)
    (directory / "group").write_text(Path("/etc/group").read_text() + groups)
    (directory / "shadow").write_text(f"root:{hashed}:19000:0:99999:7:::\n{shadow}")
    (directory / "sudoers").write_text(_SUDOERS)
    (directory / "sudoers").chmod(0o440)


@contextmanager
def _running(server: Server, argv: list[str], env: dict[str, str] | None = None) -> Iterator[None]:
    with server.log.open("wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
    try:
        _wait(server, process)
        yield
    finally:
        process.kill()
        process.wait()


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((server.address, server.port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(server.log.read_text())


def _dropbear_tree() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "memops-tests/dropbear"
    if not (cache / "usr/sbin/dropbear").exists():
        cache.mkdir(parents=True, exist_ok=True)
        packages = ["dropbear-bin", "libtomcrypt1", "libtommath1"]
        subprocess.run(["apt-get", "download", "-qq", *packages], cwd=cache, check=True)
        for package in cache.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, cache], check=True)
    return cache
