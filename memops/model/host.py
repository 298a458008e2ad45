"""Hosts and how to reach them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from memops.secret import Secret

Vars = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Become:
    """Acting as *user* once connected; *password* travels on standard input only."""

    user: str = "root"
    method: Literal["sudo", "su", "doas"] = "sudo"
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """One host of the inventory: *name* is the operator's word for it, the rest says how to reach it.

    None means "as ``~/.ssh/config`` or the defaults say"; *become* None is to act as the user who
    logs in, unless a play asks for more: *elevation* says how it is done then.
    """

    name: str
    address: str | None = None
    port: int | None = None
    user: str | None = None
    key_file: str | None = None
    password: Secret | None = None
    connection: Literal["ssh", "local", "fake"] = "ssh"
    proxy_jump: str | None = None
    proxy_command: str | None = None
    become: Become | None = None
    groups: tuple[str, ...] = ()
    vars: Vars = field(default_factory=lambda: MappingProxyType({}), hash=False)
    elevation: Become = field(default_factory=Become)


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """What the operator chose for all connections; *timeout* in seconds."""

    timeout: float = 10.0
    accept_new_host_keys: bool = False
    known_hosts: tuple[Path, ...] = ()
    ssh_config: Path | None = None
