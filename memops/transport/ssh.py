"""The way to a host over SSH: fabric resolves, paramiko carries, memops decides.

This is the only door to paramiko; `memops.transport.resolve` is the one to fabric.
"""

from __future__ import annotations

import logging
import select
import shlex
import socket
import threading
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

import paramiko

from memops.errors import Unreachable
from memops.transport import become as becoming
from memops.transport import dial, hostkeys
from memops.transport.resolve import resolve
from memops.transport.session import Sessions
from memops.transport.shell import Lost, Received

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from memops.model.host import Become, ConnectOptions, Host
    from memops.transport.resolve import Target
    from memops.transport.shell import Stream

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else it writes on our stderr

_WINDOW = 4 << 20  # more is slower: paramiko's buffers cost what they hold on each read
_PACKET = 256 << 10
_NEVER = 1 << 60
_PING = 10.0
_QUICK = 5.0  # seconds within which a failure to start a command is tried again
_GREETING = 30.0
_ATTEMPTS = 3

# GCM first: paramiko's own order costs a fifth more; nothing with CBC, MD5 or SHA-1.
_CIPHERS = (
    "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr", "aes192-ctr",
)  # fmt: skip
_MACS = (
    "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512",
)  # fmt: skip
# curve25519 first: the post-quantum hybrid costs several times the CPU on both sides, and what a
# run carries is not worth recording for decades; a server that asks for the hybrid gets it.
_KEX = (
    "curve25519-sha256@libssh.org", "mlkem768x25519-sha256", "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256", "diffie-hellman-group14-sha256",
)  # fmt: skip
_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")


def connect(host: Host, options: ConnectOptions) -> SshConnection:
    """The connection to *host*, open; raises `Unreachable` with what to do."""
    return SshConnection(host, resolve(host, options), options)


# ---- the way there


def _handshake(target: Target, sock: Any, timeout: float) -> paramiko.Transport:
    transport = paramiko.Transport(
        sock, default_window_size=_WINDOW, default_max_packet_size=_PACKET
    )
    packetizer = transport.packetizer
    # a rekey that we begin can deadlock paramiko; OpenSSH begins its own in time
    packetizer.REKEY_BYTES = packetizer.REKEY_PACKETS = _NEVER
    transport.banner_timeout = transport.handshake_timeout = timeout
    transport.auth_timeout = _GREETING  # PAM takes its time
    security = transport.get_security_options()
    security.ciphers, security.digests, security.kex = _CIPHERS, _MACS, _KEX
    known = hostkeys.kinds(hostkeys.read(target.judge.files), target.known_as, target.known_port)
    ours = security.key_types
    first = [k for k in ours if k in known or (k.startswith("rsa-") and "ssh-rsa" in known)]
    security.key_types = tuple(dict.fromkeys((*first, *ours)))
    try:
        transport.start_client(timeout=timeout)
        key = transport.get_remote_server_key()
        target.judge.check(
            target.where, target.known_as, target.known_port, key.get_name(), key.asbytes()
        )
        _authenticate(transport, target)
    except BaseException:
        transport.close()
        raise
    return transport


def _authenticate(transport: paramiko.Transport, target: Target) -> None:
    tried: list[str] = []
    with closing(paramiko.Agent()) as agent:
        if _welcome(transport, target, _keys(target, agent, tried), tried):
            return
    if target.password is not None and transport.is_active():
        tried.append("the password")
        with suppress(paramiko.AuthenticationException):
            transport.auth_password(target.user, target.password.reveal())
            return
    raise Unreachable(
        target.where,
        f"{target.user}@{target.host} refused us; tried {', '.join(tried) or 'no key, for there is none'}",
        "check the user, add a key to ssh-agent, or give --private-key",
    )


def _welcome(
    transport: paramiko.Transport,
    target: Target,
    keys: Iterator[tuple[str, paramiko.PKey]],
    tried: list[str],
) -> bool:
    """Whether one of *keys* opens the door; the names of those that do not are kept in *tried*."""
    for name, key in keys:
        tried.append(name)
        try:
            if not transport.auth_publickey(target.user, key):
                return True
        except paramiko.BadAuthenticationType:
            return False
        except paramiko.AuthenticationException:
            continue
    return False


def _keys(
    target: Target, agent: paramiko.Agent, tried: list[str]
) -> Iterator[tuple[str, paramiko.PKey]]:
    """Keys named for this host, then the agent's, then the usual files; each with its name."""
    seen: set[bytes] = set()
    usual = [] if target.identities else [f"~/.ssh/{name}" for name in _DEFAULT_KEYS]
    held = [] if target.only_identities and target.identities else agent.get_keys()
    named = [(path, _load(path, tried)) for path in target.identities]
    agents = [(f"ssh-agent's {key.get_name()}", key) for key in held]
    for name, key in (*named, *agents, *((path, _load(path, tried)) for path in usual)):
        if key is not None and key.asbytes() not in seen:
            seen.add(key.asbytes())
            yield name, key


def _load(path: str, tried: list[str]) -> paramiko.PKey | None:
    try:
        return paramiko.PKey.from_path(path)
    except FileNotFoundError:
        return None
    except (TypeError, ValueError, paramiko.SSHException, OSError) as error:
        tried.append(
            f"{path} ({'needs a passphrase' if 'assw' in str(error) else 'cannot be read'})"
        )
        return None


def _open(target: Target, timeout: float) -> paramiko.Transport:
    """A transport to *target*, tried again where the server only dropped us (MaxStartups)."""
    for attempt in range(_ATTEMPTS):
        started = time.monotonic()
        try:
            return _try(target, timeout)
        except (paramiko.SSHException, EOFError, OSError) as error:
            dropped = isinstance(error, EOFError | ConnectionResetError) or "banner" in str(error)
            if not dropped or time.monotonic() - started >= timeout or attempt == _ATTEMPTS - 1:
                raise _unreachable(target, error, timeout) from error
            time.sleep(0.3 * 3**attempt)
    raise AssertionError("unreachable")  # pragma: no cover


def _try(target: Target, timeout: float) -> paramiko.Transport:
    if target.command:
        pipe = dial.through(target.command, target.host, target.port, target.user)
        return _handshake(target, pipe, timeout)
    if target.gateway is None:
        return _handshake(target, dial.dial(target.host, target.port, timeout), timeout)
    channel = _SHARED.channel(target.gateway, (target.host, target.port), timeout)
    try:
        return _handshake(target, channel, timeout)
    except BaseException:
        _SHARED.release(target.gateway)
        raise


def _unreachable(target: Target, error: Exception, timeout: float) -> Unreachable:
    place = f"{target.host}:{target.port}"
    match error:
        case TimeoutError():
            return Unreachable(
                target.where,
                f"no answer from {place} within {timeout:.0f} s",
                "check address and network",
            )
        case socket.gaierror():
            return Unreachable(
                target.where,
                f"the name {target.host} is not known",
                "check the inventory's address",
            )
        case ConnectionRefusedError():
            return Unreachable(
                target.where,
                f"{place} refused the connection",
                "check the port, and that sshd runs",
            )
        case paramiko.ssh_exception.IncompatiblePeer():
            return Unreachable(
                target.where, f"{place}: {error}", "its sshd is too old or too strict for memops"
            )
        case _:
            text = str(error) or type(error).__name__
            return Unreachable(
                target.where, f"no SSH connection to {place}: {text}", "try it with ssh -v by hand"
            )


class _Gateways:
    """Transports to jump hosts: one for all hosts behind each, closed with the last of them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: dict[Target, tuple[paramiko.Transport, int]] = {}
        self._doors: dict[Target, threading.Lock] = {}

    def channel(self, gateway: Target, to: tuple[str, int], timeout: float) -> paramiko.Channel:
        """A stream through *gateway* to the address *to*; give it back with `release`."""
        with self._lock:
            door = self._doors.setdefault(gateway, threading.Lock())
        with door:
            transport, users = self._open.get(gateway, (None, 0))
            if transport is None or not transport.is_active():
                transport = _open(gateway, timeout)
            with self._lock:
                self._open[gateway] = (transport, users + 1)
        try:
            return transport.open_channel("direct-tcpip", to, ("127.0.0.1", 0), timeout=timeout)
        except BaseException:
            self.release(gateway)
            raise

    def release(self, gateway: Target) -> None:
        """One host less behind *gateway*."""
        with self._lock:
            transport, users = self._open.pop(gateway, (None, 0))
            if transport is not None and users > 1:
                self._open[gateway] = (transport, users - 1)
                return
        if transport is not None:
            transport.close()
            if gateway.gateway is not None:
                self.release(gateway.gateway)


_SHARED = _Gateways()


# ---- streams


class _Exec:
    """The stream of one command on a host."""

    def __init__(
        self, where: str, transport: paramiko.Transport, command: str, timeout: float
    ) -> None:
        self._where = where
        self._transport = transport
        with _bounded(transport, timeout):
            self._channel = transport.open_session(_WINDOW, _PACKET, timeout)
            self._channel.exec_command(command)
        self._poll = select.poll()
        self._poll.register(self._channel.fileno(), select.POLLIN)

    def step(self, outgoing: memoryview, timeout: float) -> Received:
        sent, channel = 0, self._channel
        try:
            if outgoing:
                # waits for the host's window at most so long, then hears what the host says
                channel.settimeout(0.02)
                sent, timeout = channel.send(outgoing[:_PACKET].tobytes()), 0.0
        except TimeoutError:
            timeout = 0.0
        except OSError:
            return self._received(0, ended=True)
        if not (channel.recv_ready() or channel.recv_stderr_ready()):
            self._poll.poll(timeout * 1000)
        return self._received(sent, ended=bool(channel.closed or channel.eof_received))

    def _received(self, sent: int, *, ended: bool) -> Received:
        channel = self._channel
        out = channel.recv(_WINDOW) if channel.recv_ready() else b""
        err = channel.recv_stderr(_WINDOW) if channel.recv_stderr_ready() else b""
        return Received(sent, out, err, ended)

    def check(self) -> None:
        """Ask the server for a sign of life; whoever is behind a gateway is asked as well."""
        asking = threading.Thread(
            target=self._transport.global_request, args=("keepalive@openssh.com",), daemon=True
        )
        asking.start()
        asking.join(_PING)
        if asking.is_alive() or not self._transport.is_active():
            self._transport.close()
            raise Lost(self._where, f"no sign of life for {_PING:.0f} s", "check the network")

    def close(self) -> None:
        self._channel.close()


@contextmanager
def _bounded(transport: paramiko.Transport, timeout: float) -> Iterator[None]:
    """Close *transport* when what is done inside takes longer; paramiko would wait for ever."""
    timer = threading.Timer(timeout, transport.close)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class SshConnection(Sessions):
    """One transport to one host; see `memops.transport.base.Connection`."""

    def __init__(self, host: Host, target: Target, options: ConnectOptions) -> None:
        super().__init__(host.name)
        self._target = target
        self._timeout = options.timeout
        self._transport = _open(target, options.timeout)

    def _greet(self, become: Become | None) -> tuple[Stream, int]:
        return becoming.greet(self._name, self._start, become, _GREETING, self._target.user)

    def _start(self, argv: tuple[str, ...]) -> Stream:
        """A new command's stream; nothing has begun yet, so a quick failure is tried once more.

        dropbear may end the connection, or refuse one channel, right after a channel was closed
        while it still had much to say.
        """
        began = time.monotonic()
        while True:
            try:
                return self._exec(argv)
            except (paramiko.SSHException, EOFError, OSError) as error:
                if time.monotonic() - began > _QUICK:
                    raise _unreachable(self._target, error, _GREETING) from error
                began -= _QUICK  # once
                time.sleep(0.1)

    def _exec(self, argv: tuple[str, ...]) -> Stream:
        if not self._transport.is_active():
            self._leave()
            self._transport = _open(self._target, self._timeout)
        return _Exec(self._name, self._transport, shlex.join(argv), _GREETING)

    def close(self) -> None:
        """End all sessions, and the transport."""
        try:
            super().close()
        finally:
            self._leave()

    def _leave(self) -> None:
        self._transport.close()
        if self._target.gateway is not None:
            _SHARED.release(self._target.gateway)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
