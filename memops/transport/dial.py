"""Sockets to an address, quick and mortal."""

from __future__ import annotations

import shlex
import socket
import subprocess
import threading

# No Nagle (a look took 50 ms, now 7); a peer that is gone is noticed within 20 s, both while we
# wait for it (keepalive) and while it owes us an acknowledgement (user timeout, in ms; Linux).
_OPTIONS = (
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 20_000),
)


def dial(host: str, port: int, timeout: float) -> socket.socket:
    """A socket to *host*, connected within *timeout* seconds; raises `OSError`."""
    sock = socket.create_connection((host, port), timeout)
    for level, name, value in _OPTIONS:
        if hasattr(socket, name):  # macOS has not all of them
            sock.setsockopt(level, getattr(socket, name), value)
    return sock


def through(command: str, host: str, port: int, user: str) -> socket.socket:
    """The standard streams of a ProxyCommand (ssh_config(5)), which ends when the socket does.

    The operator's own line, run by the shell as OpenSSH runs it; ``%h``, ``%p``, ``%r`` and ``%%``.
    """
    words = {"%h": shlex.quote(host), "%p": str(port), "%r": shlex.quote(user), "%%": "%"}
    line = "".join(words.get(part, part) for part in _tokens(command))
    ours, theirs = socket.socketpair()
    with theirs:
        child = subprocess.Popen(
            ("sh", "-c", f"exec {line}"), stdin=theirs.fileno(), stdout=theirs.fileno()
        )
    threading.Thread(target=child.wait, daemon=True).start()  # it ends with its streams
    return ours


def _tokens(command: str) -> list[str]:
    parts, at = [], 0
    while at < len(command):
        size = 2 if command[at] == "%" else 1
        parts.append(command[at : at + size])
        at += size
    return parts
