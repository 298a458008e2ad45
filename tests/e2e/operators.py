"""Operators at controllers: the ``memops`` command as a subprocess, with a home and a store of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.api import Lab, LabHost

MEMOPS = Path(sys.executable).parent / "memops"
SECONDS = 100  # no command of these tests may take longer
Apps = dict[str, Any]  # as memops_apps of an inventory


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    argv: tuple[str, ...]
    rc: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """All that a person saw."""
        return self.stdout + self.stderr

    @property
    def document(self) -> Any:
        """What ``--json`` printed."""
        return json.loads(self.stdout)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind in the document of ``--json``."""
        found: list[dict[str, Any]] = self.document["events"]
        return [event for event in found if event["event"] == kind]

    def recap(self, host: str) -> dict[str, Any]:
        """The last line of *host* in the document of ``--json``."""
        return next(event for event in self.events("HostEnded") if event["host"] == host)


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody with a home of their own and an inventory: no state of another operator is seen."""

    home: Path
    env: Mapping[str, str]

    def __call__(self, *argv: str, stdin: str = "", **env: str) -> Done:
        """Run ``memops ARGV`` to its end."""
        done = subprocess.run(
            [str(MEMOPS), *argv], input=stdin, capture_output=True, text=True, check=False,
            env={**self.env, **env}, cwd=self.home, timeout=SECONDS,
        )  # fmt: skip
        return Done(argv, done.returncode, done.stdout, done.stderr)

    def well(self, *argv: str, stdin: str = "", **env: str) -> Done:
        """The same, and it must succeed."""
        done = self(*argv, stdin=stdin, **env)
        assert done.rc == 0, f"{argv}: {done.rc}\n{done.said}"
        return done

    @contextmanager
    def started(self, *argv: str) -> Iterator[subprocess.Popen[str]]:
        """``memops ARGV`` while it runs, its output to be read as it comes; killed in the end."""
        with subprocess.Popen(
            [str(MEMOPS), *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env=dict(self.env), cwd=self.home,
        ) as running:  # fmt: skip
            try:
                yield running
            finally:
                running.kill()

    @property
    def store(self) -> Path:
        return self.home / "data" / "memops" / "store"


def operator(lab: Lab, home: Path, hosts: Mapping[LabHost, Mapping[str, Any]]) -> Operator:
    """An operator whose inventory has *hosts*, each with its variables (``shop`` for its app)."""
    home.mkdir(parents=True, exist_ok=True)
    inventory = home / "hosts.json"
    inventory.write_text(json.dumps(_inventory(lab, hosts)))
    own = {
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CONFIG_HOME": str(home / "config"),
        # The library is built once, not once for every operator.
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        "MEMOPS_INVENTORY": str(inventory),
        "MEMOPS_SSH_CONFIG": str(lab.ssh_config),
        "MEMOPS_KNOWN_HOSTS": str(lab.known_hosts),
        "NO_COLOR": "1",
    }
    return Operator(home, os.environ | own)


def _inventory(lab: Lab, hosts: Mapping[LabHost, Mapping[str, Any]]) -> dict[str, Any]:
    shared = {
        "ansible_ssh_private_key_file": str(lab.client_key),
        "memops_sample": "16KiB",  # a small error even where little was leaked
        "memops_interval": "8MiB",
    }
    found = {
        host.name: {
            "ansible_host": host.address,
            "ansible_user": "root" if host.kind == "lean" else "deploy",
            "ansible_become": host.kind != "lean",
            **variables,
        }
        for host, variables in hosts.items()
    }
    return {"all": {"vars": shared, "hosts": found}}
