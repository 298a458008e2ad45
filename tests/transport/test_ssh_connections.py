"""Connections over real sshd: keys, host keys, gateways, becoming somebody, and cut cables."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

import pytest

from memops.errors import Unreachable
from memops.model.action import Run
from memops.model.host import Become, ConnectOptions, Host
from memops.secret import Secret
from memops.transport import connect, shell, ssh
from tests.transport import servers

if TYPE_CHECKING:
    from collections.abc import Generator

    from memops.transport.base import Connection, Session
    from tests.transport.servers import Server

WHO = (Run(("id", "-un")),)


def who(connection: Connection, become: Become | None = None) -> str:
    return connection.session(become).look(WHO)[0].text.strip()


def test_an_unknown_host_key_is_refused_then_learnt(sshd: Server, tmp_path: Path) -> None:
    empty = sshd.options(known_hosts=(tmp_path / "known_hosts",))
    with pytest.raises(Unreachable, match="unknown: ssh-ed25519 SHA256:"):
        connect(sshd.host(), empty)
    new = sshd.options(known_hosts=(tmp_path / "known_hosts",), accept_new_host_keys=True)
    connect(sshd.host(), new).close()
    connect(sshd.host(), empty).close()


def test_a_changed_host_key_is_a_hard_stop(sshd: Server, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    public = sshd.key.with_suffix(".pub").read_text().split()
    known.write_text(f"[{sshd.address}]:{sshd.port} {' '.join(public[:2])}\n")
    with pytest.raises(Unreachable, match="CHANGED") as refused:
        connect(sshd.host(), sshd.options(known_hosts=(known,), accept_new_host_keys=True))
    assert refused.value.exit_code == 4
    assert f"{known}:1" in str(refused.value)


def test_a_key_that_is_not_welcome(
    sshd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", tmp_path / "k"], check=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "pass", "-f", tmp_path / "locked"], check=True
    )
    for name, said in (
        ("k", f"tried {tmp_path}/k"),
        ("locked", "needs a passphrase"),
        ("none", "h1"),
    ):
        host = Host("h1", sshd.address, sshd.port, "root", str(tmp_path / name))
        with pytest.raises(Unreachable, match="refused us") as refused:
            connect(host, sshd.options())
        assert said in str(refused.value)


def test_a_key_of_the_agent(sshd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = subprocess.Popen(
        ["ssh-agent", "-D", "-a", tmp_path / "sock"], stdout=subprocess.DEVNULL
    )
    try:
        while not (tmp_path / "sock").exists():
            time.sleep(0.01)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "sock"))
        subprocess.run(["ssh-add", "-q", sshd.key], check=True)
        with connect(Host("h1", sshd.address, sshd.port, "root"), sshd.options()) as connection:
            assert who(connection) == "root"
    finally:
        agent.kill()
        agent.wait()


def test_a_password_instead_of_a_key(sshd: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    host = Host("h1", sshd.address, sshd.port, "ops", password=Secret(servers.PASSWORD))
    with connect(host, sshd.options()) as connection:
        assert who(connection) == "ops"
    wrong = Host("h1", sshd.address, sshd.port, "ops", password=Secret("wrong-one"))
    with pytest.raises(Unreachable, match="the password") as refused:
        connect(wrong, sshd.options())
    assert "wrong-one" not in str(refused.value)


def test_ssh_config_is_followed(sshd: Server, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"Host short\n  HostName {sshd.address}\n  Port {sshd.port}\n  User deploy\n"
        f"  IdentityFile {sshd.key}\n  UserKnownHostsFile {sshd.known_hosts}\n  IdentitiesOnly yes\n"
        f"Host behind\n  HostName {sshd.address}\n  Port {sshd.port}\n  User root\n"
        f"  IdentityFile {sshd.key}\n  UserKnownHostsFile {sshd.known_hosts}\n  ProxyJump short\n"
        f"Host piped\n  HostName {sshd.address}\n  Port {sshd.port}\n  User root\n"
        f"  IdentityFile {sshd.key}\n  UserKnownHostsFile {sshd.known_hosts}\n  ProxyCommand nc %h %p\n"
    )
    options = ConnectOptions(ssh_config=config)
    names = ("short", "behind", "piped") if shutil.which("nc") else ("short", "behind")
    for name in names:
        with connect(Host(name), options) as connection:
            assert who(connection) == ("deploy" if name == "short" else "root")


def test_included_files_count_where_they_stand(sshd: Server, tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a").write_text(
        f"Host inc*\n  HostName {sshd.address}\nHost other\n  User plain\n"
    )
    config = tmp_path / "config"
    config.write_text(
        f"Host inc1\n  User deploy\n  Include conf.d/*\n  Port {sshd.port}\n"
        f"Host *\n  IdentityFile {sshd.key}\n  UserKnownHostsFile {sshd.known_hosts}\n"
    )
    with connect(Host("inc1"), ConnectOptions(ssh_config=config)) as connection:
        assert who(connection) == "deploy"


def test_many_hosts_share_one_gateway(sshd: Server, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"Host gate\n  HostName {sshd.address}\n  Port {sshd.port}\n  User deploy\n"
        f"Host *\n  IdentityFile {sshd.key}\n  UserKnownHostsFile {sshd.known_hosts}\n"
    )
    before = sshd.log.read_text().count("Accepted publickey for deploy")
    host = Host("h", sshd.address, sshd.port, "root", proxy_jump="gate")
    connections = [connect(host, ConnectOptions(ssh_config=config)) for _ in range(4)]
    assert [who(each) for each in connections] == ["root"] * 4
    for each in connections:
        each.close()
    assert sshd.log.read_text().count("Accepted publickey for deploy") - before == 1


BECOMING = (
    ("deploy", Become(), "root"),
    ("deploy", Become("plain"), "plain"),
    ("ops", Become(password=Secret(servers.PASSWORD)), "root"),
    ("ops", Become("plain", password=Secret(servers.PASSWORD)), "plain"),
    ("ops", Become("root", "su", Secret(servers.PASSWORD)), "root"),
    ("odd", Become("plain", "su", Secret(servers.PASSWORD)), "plain"),
)
REFUSED = (
    ("ops", Become(), "a password is needed to become root with sudo"),
    ("ops", Become(password=Secret("wrong-one")), "the password to become root with sudo is wrong"),
    ("plain", Become(password=Secret(servers.PASSWORD)), "plain may not become root with sudo"),
    ("needstty", Become(), "requiretty"),
    ("deploy", Become("nobody-such"), "there is no user nobody-such"),
    ("ops", Become("root", "su"), "a password is needed to become root with su"),
    (
        "ops",
        Become("root", "su", Secret("wrong-one")),
        "the password to become root with su is wrong",
    ),
    ("ops", Become("root", "doas"), "there is no doas on this host"),
)


@pytest.mark.parametrize(("user", "become", "found"), BECOMING, ids=range(len(BECOMING)))
def test_becoming(sshd: Server, user: str, become: Become, found: str) -> None:
    with connect(sshd.host(user), sshd.options()) as connection:
        session = connection.session(become)
        assert session is connection.session(become)
        assert session.look(WHO)[0].text.strip() == found
        assert who(connection) == user


@pytest.mark.parametrize(("user", "become", "said"), REFUSED, ids=range(len(REFUSED)))
def test_becoming_is_refused_in_words(sshd: Server, user: str, become: Become, said: str) -> None:
    started = time.monotonic()
    with (
        connect(sshd.host(user), sshd.options()) as connection,
        pytest.raises(Unreachable, match=said) as refused,
    ):
        who(connection, become)
    assert str(refused.value).startswith("h1: ")
    assert "; " in str(refused.value)
    assert "wrong-one" not in str(refused.value)
    assert time.monotonic() - started < 10


def test_a_password_is_seen_nowhere(sshd: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    become = Become(password=Secret(servers.PASSWORD))
    with connect(sshd.host("ops"), sshd.options()) as connection:
        session = connection.session(become)
        script = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; set; exit 0"
        seen = session.look([Run(("sh", "-c", script))])[0]
    assert seen.rc == 0
    assert servers.PASSWORD.encode() not in seen.stdout
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                assert servers.PASSWORD.encode() not in (process / name).read_bytes()
            except OSError:
                continue
    assert servers.PASSWORD not in caplog.text
    assert servers.PASSWORD not in sshd.log.read_text("utf-8", "replace")


def test_the_noise_of_a_login_is_not_an_answer(sshd: Server) -> None:
    noise = (
        'echo welcome; echo warning >&2; printf "no end"; false; nosuch; PS1=; cd /nonexistent\n'
    )
    (sshd.home / ".bashrc").write_text(noise)
    try:
        with connect(sshd.host("odd"), sshd.options()) as connection:
            assert who(connection) == "odd"
    finally:
        (sshd.home / ".bashrc").unlink()


def test_no_one_listens(sshd: Server) -> None:
    cases = (
        (Host("h1", "127.0.0.1", 1), "refused the connection"),
        (Host("h1", "no-such-name.invalid"), "is not known"),
    )
    for host, said in cases:
        with pytest.raises(Unreachable, match=said):
            connect(host, sshd.options(timeout=2.0))


def test_a_server_that_says_nothing_is_given_up(sshd: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        started = time.monotonic()
        with pytest.raises(Unreachable):
            connect(Host("h1", "127.0.0.1", mute.getsockname()[1]), sshd.options(timeout=1.0))
        assert time.monotonic() - started < 20


def test_a_connection_that_breaks_is_told_and_made_again(sshd: Server) -> None:
    with connect(sshd.host(), sshd.options()) as connection:
        session = connection.session()
        assert session.look(WHO)[0].rc == 0
        server = _server_process(session)
        killer = threading.Timer(0.5, os.kill, (server, signal.SIGKILL))
        killer.start()
        with pytest.raises(Unreachable, match="h1: "):
            session.act([Run(("sleep", "5"))])
        assert session.look(WHO)[0].text == "root\n"
        server = _server_process(session)
        os.kill(server, signal.SIGKILL)
        assert session.look(WHO)[0].text == "root\n"  # a look is made again by itself


def test_a_cut_cable_is_noticed(sshd: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "_CHECK_EVERY", 2.0)
    monkeypatch.setattr(ssh, "_PING", 2.0)
    with _Cable(sshd) as cable:
        options = sshd.options(known_hosts=(cable.known_hosts(sshd),))
        with connect(
            Host("h1", "127.0.0.1", cable.port, "root", str(sshd.key)), options
        ) as connection:
            session = connection.session()
            assert session.look(WHO)[0].rc == 0
            threading.Timer(0.5, cable.cut).start()
            started = time.monotonic()
            with pytest.raises(Unreachable):
                session.act([Run(("sleep", "100"), timeout=300)])
            assert time.monotonic() - started < 10


def test_closing_ends_what_runs(sshd: Server) -> None:
    connection = connect(sshd.host(), sshd.options())
    marker = f"987{os.getpid()}"
    stream = cast(
        "Generator[bytes]",
        connection.session().stream(Run(("sh", "-c", f"echo up; sleep {marker}"), timeout=999)),
    )
    with closing(stream):
        assert next(stream).startswith(b"up")
        connection.close()
    time.sleep(0.3)
    found = [
        path for path in Path("/proc").glob("[0-9]*") if marker.encode() in _read(path / "cmdline")
    ]
    assert not found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _server_process(session: Session) -> int:
    """The sshd above the shell of *session*."""
    parent: int = session._shell._pid  # type: ignore[attr-defined]
    while b"sshd" not in _read(Path(f"/proc/{parent}/cmdline")):
        parent = int(_read(Path(f"/proc/{parent}/stat")).rpartition(b")")[2].split()[1])
    return parent


class _Cable:
    """A relay to a server that can go silent without closing."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._live = threading.Event()
        self._live.set()
        self._sockets: list[socket.socket] = []

    def known_hosts(self, server: Server) -> Path:
        file = server.known_hosts.with_name("cable_known_hosts")
        file.write_text(
            server.known_hosts.read_text().replace(
                f"[{server.address}]:{server.port}", f"[127.0.0.1]:{self.port}"
            )
        )
        return file

    def cut(self) -> None:
        self._live.clear()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            there = socket.create_connection((self._server.address, self._server.port))
            self._sockets += [here, there]
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while piece := source.recv(65536):
                if self._live.is_set():
                    sink.sendall(piece)
        except OSError:
            return
