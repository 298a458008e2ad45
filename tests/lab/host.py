"""One host of the lab, seen from the controller's side: what a test may do to it behind memops's back."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.listing import LISTING, Entry, parse_listing
from tests.lab.world import World, sh, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

Done = subprocess.CompletedProcess[bytes]


@dataclass(frozen=True, slots=True)
class LabHost:
    """A running host. *kind* is ``systemd``, ``lean`` or ``sshd`` (a plain daemon, no isolation)."""

    name: str
    address: str
    kind: str
    home: Path
    world: World | None
    port: int = 22
    user: str = "root"

    @property
    def cgroups(self) -> tuple[Path, ...]:
        groups = self.world.cgroups if self.world else ()
        return tuple(Path(group) / self.name for group in groups)

    @property
    def pid(self) -> int:
        """The host's first process, as this process sees it; LookupError when the host is down."""
        for pid in self.pids():
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text()
                chain = next(x for x in status.splitlines() if x.startswith("NSpid:")).split()[1:]
                if chain[-1] == "1" and len(chain) > 1:
                    return pid
        raise LookupError(f"{self.name}: it is down")

    def pids(self) -> list[int]:
        """Every process of the host, as this process sees them."""
        found: set[int] = set()
        for group in self.cgroups:
            for place, _, _ in os.walk(group):  # sessions come and go meanwhile, which rglob minds
                with contextlib.suppress(OSError):
                    found.update(map(int, Path(place, "cgroup.procs").read_text().split()))
        return sorted(found)

    def exec(
        self,
        argv: Sequence[str],
        stdin: bytes = b"",
        *,
        check: bool = True,
        timeout: float = 60,
    ) -> Done:
        """Run a program as root in the host's namespaces, without ssh; CalledProcessError if it fails."""
        if self.kind == "sshd":
            return subprocess.run(
                argv, input=stdin, capture_output=True, check=check, timeout=timeout
            )
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        enter = ["nsenter", "-t", str(self.pid), "-r", "-w", "-m", "-u", "-i", "-n", "-p", "-C"]
        clean = ["env", "-i", path, "HOME=/root", "LANG=C.UTF-8"]
        command = (
            [*enter, *clean, *argv] if self.kind == "systemd" else [*enter[:-1], *clean, *argv]
        )
        return subprocess.run(
            command, input=stdin, capture_output=True, check=check, timeout=timeout
        )

    def sh(self, script: str, *, check: bool = True, timeout: float = 60) -> str:
        """Run a shell script as root on the host; its output."""
        done = self.exec(["/bin/sh", "-c", script], check=False, timeout=timeout)
        if check and done.returncode:
            raise RuntimeError(
                f"{self.name}: {script}: rc {done.returncode}: {done.stderr.decode()}"
            )
        return done.stdout.decode()

    def listing(self, paths: Sequence[str] = ("/etc", "/opt")) -> dict[str, Entry]:
        """Everything under *paths* by name: type, mode, owner, size, sha256, link target."""
        return parse_listing(self.exec(["/bin/sh", "-s", "--", *paths], LISTING.encode()).stdout)

    def read(self, path: str) -> bytes:
        return self.exec(["/bin/cat", path]).stdout

    def write(self, path: str, content: bytes | str, mode: int = 0o644) -> None:
        raw = content.encode() if isinstance(content, str) else content
        script = 'mkdir -p "${1%/*}" && cat >"$1" && chmod "$2" "$1"'
        self.exec(["/bin/sh", "-c", script, "sh", path, f"{mode:o}"], raw)

    def answers(self) -> bool:
        """Whether something accepts connections on the host's ssh port."""
        try:
            with socket.create_connection((self.address, self.port), timeout=1):
                return True
        except OSError:
            return False

    def wait_ready(self, seconds: float = 30) -> None:
        """Wait until the host accepts ssh connections; an error with its console if it does not."""
        try:
            wait_for(self.answers, seconds, f"{self.name}: ssh on {self.address}")
        except TimeoutError as error:
            console = (self.home / "console").read_text(errors="replace")[-2000:]
            raise TimeoutError(f"{error}; its console:\n{console}") from None

    # Faults.

    @property
    def _wire(self) -> str:
        return f"h{self.address.rsplit('.', 1)[1]}"

    def cut(self) -> None:
        """Pull the cable: packets vanish in both directions."""
        sh("ip", "-n", "lab", "link", "set", self._wire, "down")

    def mend(self) -> None:
        sh("ip", "-n", "lab", "link", "set", self._wire, "up")

    def rate(self, rate: str) -> None:
        """Make the way *to* the host as slow as *rate*, e.g. ``20mbit`` (tc-tbf(8))."""
        shape = ["root", "tbf", "rate", rate, "burst", "16k", "latency", "400ms"]
        sh("ip", "netns", "exec", "lab", "tc", "qdisc", "replace", "dev", self._wire, *shape)

    def freeze(self) -> None:
        """Stop every process of the host: connections are accepted and nothing ever answers."""
        self._set_frozen("1", "FROZEN")

    def thaw(self) -> None:
        self._set_frozen("0", "THAWED")

    def _set_frozen(self, unified: str, legacy: str) -> None:
        for group in self.cgroups:
            for name, value in (("cgroup.freeze", unified), ("freezer.state", legacy)):
                if (group / name).exists():
                    (group / name).write_text(value)
                    return
        raise RuntimeError(f"{self.name}: this machine has no cgroup freezer")

    def power_off(self) -> None:
        """Take its power: every process is killed at once; nothing is flushed or stopped."""
        keeper = self.home / "pid"
        if keeper.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(keeper.read_text()), signal.SIGKILL)
            keeper.unlink()
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.pids(), 10, f"{self.name}: powering off")
        for group in self.cgroups:
            for path in sorted(group.rglob("*"), reverse=True):
                if path.is_dir():
                    path.rmdir()
            with contextlib.suppress(FileNotFoundError):
                group.rmdir()
