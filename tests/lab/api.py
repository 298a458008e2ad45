"""The lab as tests see it: ``Lab.attach()`` inside ``python -m tests.lab run -- ...``."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.lab import boot, fleet
from tests.lab.host import LabHost
from tests.lab.world import World

__all__ = ["Lab", "LabHost"]


@dataclass(frozen=True, slots=True)
class Lab:
    """A running lab. *tier* is ``full`` (real hosts) or ``loopback`` (plain sshd processes)."""

    home: Path
    tier: Literal["full", "loopback"]
    world: World | None

    @classmethod
    def attach(cls, home: str | Path | None = None) -> Lab:
        """The lab around this process (``$MEMOPS_LAB``); LookupError when there is none."""
        place = home or os.environ.get("MEMOPS_LAB")
        if not place:
            raise LookupError("no lab here; type: python -m tests.lab run -- COMMAND")
        directory = Path(place)
        if not (directory / "world.json").exists():
            return cls(directory, "loopback", None)
        return cls(directory, "full", World.load(directory))

    @property
    def obstacle(self) -> str:
        """Why the lab is not full; empty when it is."""
        told = self.home / "obstacle"
        return told.read_text() if told.exists() else ""

    @property
    def inventory(self) -> Path:
        return self.home / "inventory.yml"

    @property
    def ssh_config(self) -> Path:
        return self.home / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        return self.home / "known_hosts"

    @property
    def client_key(self) -> Path:
        return self.home / "client"

    def host(self, name: str) -> LabHost:
        """A host by its name; LookupError when the lab has none of that name."""
        home = self.home / "hosts" / name
        if not (home / "host.json").exists():
            raise LookupError(f"the lab has no host {name}")
        stored = json.loads((home / "host.json").read_text())
        return LabHost(name=name, home=home, world=self.world, **stored)

    def hosts(self) -> list[LabHost]:
        names = sorted(p.parent.name for p in self.home.glob("hosts/*/host.json"))
        return [self.host(name) for name in names]

    def start(self, name: str | None = None, *, wait: bool = True, **spec: Any) -> LabHost:
        """One more host (`boot.Spec` names the options), known to ssh_config and known_hosts."""
        if self.world is None:
            raise LookupError("plain sshd processes cannot be started on demand in this lab")
        taken = {p.name for p in (self.home / "hosts").iterdir()}
        chosen = name or next(
            n for i in itertools.count(1) if (n := f"spare-{os.getpid()}-{i}") not in taken
        )
        host = boot.start(self.world, chosen, boot.Spec(**spec))
        if wait:
            try:
                host.wait_ready()
            except TimeoutError:
                boot.remove(host)
                raise
        fleet.introduce(self.home, [host])
        return host

    def stop(self, host: LabHost) -> None:
        """Take a host away for good."""
        boot.remove(host)
        fleet.forget(self.home, host)

    def ssh_argv(self, host: LabHost, *argv: str, user: str = "root") -> list[str]:
        """An OpenSSH command line for *host* that uses the lab's key and known hosts."""
        return ["ssh", "-F", str(self.ssh_config), "-l", user, host.name, *argv]
