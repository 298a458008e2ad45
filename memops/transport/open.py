"""The way to a host, chosen by its ``connection``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.errors import UsageError

if TYPE_CHECKING:
    from memops.model.host import ConnectOptions, Host
    from memops.transport.base import Connection


def connect(host: Host, options: ConnectOptions) -> Connection:
    """The connection to *host*; raises `Unreachable` where there is no way to it."""
    match host.connection:
        case "local":
            from memops.transport import local  # noqa: PLC0415  (each way is loaded when it is taken)

            return local.connect(host, options)
        case "ssh":
            from memops.transport import ssh  # noqa: PLC0415  (fabric and paramiko take 0.25 s)

            return ssh.connect(host, options)
        case "fake":
            raise UsageError(host.name, "a fake host has no address", "use FakeHost.connection()")
