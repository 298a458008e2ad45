"""Where a host is and how to get there: what the inventory leaves open, ssh_config answers.

This is the only door to fabric. Of its `Connection` only the answers are used (host, port, user,
identities, gateway): it would accept any host key, and is never opened.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from functools import lru_cache
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fabric import Config
from fabric import Connection as Resolver
from fabric.config import SSHConfig

from memops.transport import hostkeys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.model.host import ConnectOptions, Host
    from memops.secret import Secret

_SSH = 22
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Target:
    """One hop: where to dial, as whom, with which keys, and through what."""

    where: str
    host: str
    port: int
    user: str
    identities: tuple[str, ...]
    only_identities: bool
    known_as: str
    known_port: int
    judge: hostkeys.Judge
    password: Secret | None = None
    gateway: Target | None = None
    command: str | None = None


def resolve(host: Host, options: ConnectOptions) -> Target:
    """The way to *host*: the inventory first, then ssh_config, then the defaults of OpenSSH."""
    config = _config(options.ssh_config)
    found = Resolver(host.address or host.name, user=host.user, port=host.port, config=config)
    target = _target(host.name, found, options)
    identities = (host.key_file, *target.identities) if host.key_file else target.identities
    target = replace(target, identities=tuple(dict.fromkeys(identities)), password=host.password)
    if host.proxy_command:
        return replace(target, gateway=None, command=host.proxy_command)
    if host.proxy_jump and host.proxy_jump != "none":
        return replace(target, gateway=_jumps(host.proxy_jump, config, options), command=None)
    return target


def _jumps(hops: str, config: Config, options: ConnectOptions) -> Target | None:
    through: Target | None = None
    for hop in hops.split(","):
        target = _target(hop.strip(), Resolver(hop.strip(), config=config), options)
        through = replace(target, gateway=through) if through else target
    return through


def _target(where: str, found: Any, options: ConnectOptions) -> Target:
    said = found.ssh_config
    gateway = found.gateway if not isinstance(found.gateway, str) else None
    if gateway is not None and gateway.original_host == "none":
        gateway = None
    files = options.known_hosts or _known_hosts(said)
    return Target(
        where,
        found.host,
        found.port,
        found.user,
        tuple(str(Path(each).expanduser()) for each in said.get("identityfile", [])),
        said.get("identitiesonly", "no") == "yes",
        said.get("hostkeyalias", found.host),
        _SSH
        if "hostkeyalias" in said
        else found.port,  # an alias stands for itself, without a port
        hostkeys.Judge(files, options.accept_new_host_keys),
        gateway=_target(gateway.original_host, gateway, options) if gateway else None,
        command=found.gateway if isinstance(found.gateway, str) else None,
    )


def _known_hosts(said: Any) -> tuple[Path, ...]:
    mine = said.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")
    theirs = said.get("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2")
    return tuple(Path(each).expanduser() for each in shlex.split(f"{mine} {theirs}"))


def _config(path: Path | None) -> Config:
    """A configuration of fabric that knows ssh_config, and none of fabric's own files."""
    files = (path,) if path else (Path("~/.ssh/config").expanduser(), Path("/etc/ssh/ssh_config"))
    stamps = tuple(file.stat().st_mtime_ns if file.is_file() else 0 for file in files)
    return Config(lazy=True, ssh_config=_parsed(files, stamps))


@lru_cache(maxsize=8)
def _parsed(files: tuple[Path, ...], _stamps: tuple[int, ...]) -> SSHConfig:
    """Parsed once for all hosts, until a file changes; `Include` is followed, which paramiko does not."""
    lines = [line for file in files if file.is_file() for line in _lines(file, 0)]
    return SSHConfig.from_text("\n".join(lines))


def _lines(file: Path, depth: int) -> Iterator[str]:
    """The lines of *file* with those it includes in their place (ssh_config(5), Include)."""
    block = "Host *"
    for line in file.read_text("utf-8", "surrogateescape").splitlines():
        word, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        if word.lower() in ("host", "match"):
            block = line
        if word.lower() != "include" or depth == _DEEPEST:
            yield line
            continue
        for pattern in shlex.split(rest):
            for found in sorted(glob(str(file.parent / Path(pattern).expanduser()))):  # noqa: PTH207  (an absolute pattern too)
                yield from _lines(Path(found), depth + 1)
        yield block  # what an included file began ends with it
