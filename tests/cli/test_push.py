"""A small server takes what is pushed, as a Pyroscope would."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import ipaddress
import ssl
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from memops.cli import push as pushing
from memops.cli.analyze import command, show
from memops.cli.push import Target, target
from memops.errors import HostError, Unreachable, UsageError
from memops.profile.study import Inputs
from tests.corpus import read
from tests.report import decode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JVM = ("jvm", "--symbols", "jvm/symbols", "--perf-map", "jvm/perf.map.gz")
LIVE = 254_845_980


@dataclass
class Request:
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """What it was sent, and what it answers: a status, headers, a body."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    said: bytes = b""


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.requests.append(
                Request(parts.path, parse_qs(parts.query), dict(self.headers), body)
            )
            self.send_response(server.status)
            for name, value in {"Content-Length": str(len(server.said)), **server.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(server.said)

        do_GET = do_POST  # noqa: N815 - its name there

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not trust the certificate hangs up."""

    listener = Quiet(("127.0.0.1", 0), Handler)
    if context:
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
    server.url = f"http{'s' * bool(context)}://127.0.0.1:{listener.server_port}"
    thread = Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv(pushing.VARIABLE, raising=False)


def run(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(command, arguments, input=stdin, catch_exceptions=False)


def test_what_is_live_arrives_as_a_profile(server: Server) -> None:
    result = run(*JVM, "--push", server.url)
    (request,) = server.requests
    profile = decode.decode(request.body)
    moment = int((read.HERE / "jvm" / "jvm.3090.7.f.heap.gz").stat().st_mtime)

    assert request.path == "/ingest"
    assert request.query["name"] == ["java{pid=3090}"]
    assert request.query["format"] == ["pprof"]
    assert request.query["from"] == request.query["until"] == [str(moment)]
    assert request.headers["Content-Type"] == "application/octet-stream"
    assert "Authorization" not in request.headers
    assert sum(sample.bytes for sample in profile.samples) == LIVE
    assert min(sample.bytes for sample in profile.samples) >= 0
    assert profile.nanos // 10**9 == moment
    assert result.stderr == (
        f"pushed 243.0 MiB live as java{{pid=3090}} to {server.url}/ingest "
        f"({len(request.body) / 1024:.1f} KiB)\n"
    )
    assert result.stdout == run(*JVM).stdout


def test_only_what_is_shown_is_pushed(server: Server) -> None:
    run(*JVM, "--push", f"{server.url}/pyroscope/ingest", "--focus", "inflateInit2_")
    (request,) = server.requests

    assert request.path == "/pyroscope/ingest"
    assert 0 < sum(sample.bytes for sample in decode.decode(request.body).samples) < LIVE


def test_each_app_is_pushed_under_its_name_and_host(server: Server) -> None:
    last = read.dumps("leak")[-1]
    inputs = [Inputs([last], "orders", "web-1", times={last: 1_795_464_000.0}),
              Inputs([last], "a+b{c},d=é\n", "x" * 500, times={last: 5.0})]  # fmt: skip
    show(inputs, style="json", push_to=target(server.url, None, {}))

    first, second = (request.query for request in server.requests)
    assert first["name"] == ["orders{host=web-1,pid=2696}"]
    assert first["until"] == ["1795464000"]
    assert second["name"] == [f"a_b_c__d___{{host={'x' * 128},pid=2696}}"]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("glc_token.x", "Bearer glc_token.x"),
        ("12345:pass:wörd", "Basic " + base64.b64encode("12345:pass:wörd".encode()).decode()),
    ],
)
@pytest.mark.parametrize("way", ["environment", "file", "stdin"])
def test_credentials_travel_in_a_header_only(
    text: str,
    header: str,
    way: str,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    more, stdin = [], ""
    if way == "environment":
        monkeypatch.setenv(pushing.VARIABLE, text)
    elif way == "file":
        (tmp_path / "secret").write_text(f"{text}\n")
        more = ["--push-credentials", str(tmp_path / "secret")]
    else:
        more, stdin = ["--push-credentials", "-"], f"{text}\nnot this\n"
    result = run("leak", "--push", server.url, *more, stdin=stdin)
    (request,) = server.requests

    assert request.headers["Authorization"] == header
    assert text not in result.output
    assert text.encode() not in gzip.decompress(request.body)
    assert text not in repr(target(server.url, None, {pushing.VARIABLE: text}))


@pytest.mark.parametrize(
    ("status", "headers", "said", "says"),
    [
        (401, {}, b"who?\n\nare you\x1b[31m", r"answers 401 Unauthorized: who\? are you \[31m; set MEMOPS_PUSH"),
        (404, {}, b"", "it answers 404 Not Found; check that the URL is that of a Pyroscope server"),
        (422, {}, b"profile too old" + b"!" * 9999, "it answers 422 .*: profile too old!+; check"),
        (500, {"Content-Length": "100"}, b"short", "it answers 500 Internal Server Error"),
        (302, {"Location": "http://elsewhere.example/"}, b"", "sends us on to http://elsewhere.example/; give"),
        (307, {"Location": "/login"}, b"", "sends us on to /login; give that URL"),
        (308, {}, b"", "sends us on to nowhere"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_success_is_told_in_a_line(
    status: int, headers: dict[str, str], said: bytes, says: str, server: Server
) -> None:
    server.status, server.headers, server.said = status, headers, said

    with pytest.raises(HostError, match=says) as refused:
        run("leak", "--push", server.url)
    assert str(refused.value).startswith(f"{server.url}/ingest: ")
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 600
    assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_told_in_a_line(server: Server) -> None:
    closed = server.url.rpartition(":")[0] + ":1"

    with pytest.raises(Unreachable, match=r"no answer: .*refused; check the URL") as refused:
        run("leak", "--push", closed)
    assert refused.value.exit_code == 4


def test_a_server_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(pushing, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began = time.monotonic()
        with pytest.raises(Unreachable, match="no answer: timed out"):
            run("leak", "--push", f"http://127.0.0.1:{mute.getsockname()[1]}")
    assert time.monotonic() - began < 10


def test_a_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(context) as server:
        with pytest.raises(Unreachable, match="certificate verify failed"):
            run("leak", "--push", server.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        monkeypatch.setenv(pushing.VARIABLE, "token")
        run("leak", "--push", server.url)

    (request,) = server.requests
    assert request.headers["Authorization"] == "Bearer token"


def self_signed(home: Path) -> Path:
    """A key and its certificate for 127.0.0.1 in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pyroscope")])
    now = dt.datetime.now(dt.UTC)
    local = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1)).add_extension(local, critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = home / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                          serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("url", "file", "environment", "says"),
    [
        (None, "x", {}, "--push-credentials: nothing is pushed; add --push URL"),
        ("ftp://host", None, {}, "--push: 'ftp://host' is no URL of a server; write for example"),
        ("pyroscope:4040", None, {}, "--push: 'pyroscope:4040' is no URL of a server"),
        ("https://", None, {}, "--push: 'https://' is no URL of a server"),
        ("https://h/?a=b", None, {}, "is no URL of a server"),
        ("https://h/a b", None, {}, "is no URL of a server"),
        ("https://h\u00e9", None, {}, "is no URL of a server"),
        ("https://h:port", None, {}, "is no URL: "),
        ("https://[::1", None, {}, "is no URL: Invalid IPv6 URL"),
        (
            "https://me:pw@h",
            None,
            {},
            "--push: credentials are seen by all in a command line; give",
        ),
        (
            "http://h",
            None,
            {pushing.VARIABLE: "t"},
            "--push: credentials would travel in the clear",
        ),
        (
            "https://h",
            "/no/such",
            {},
            "/no/such: No such file or directory; give --push-credentials",
        ),
        ("https://h", "/dev/null", {}, "/dev/null: it holds no single line; write user:password"),
        (
            "https://h",
            None,
            {pushing.VARIABLE: "a\nb"},
            "MEMOPS_PUSH_CREDENTIALS: it holds no single",
        ),
        (
            "https://h",
            None,
            {pushing.VARIABLE: "tök"},
            "MEMOPS_PUSH_CREDENTIALS: it holds no single",
        ),
    ],
)
def test_what_cannot_be_pushed_to_is_refused_at_once(
    url: str | None, file: str | None, environment: dict[str, str], says: str
) -> None:
    with pytest.raises(UsageError) as refused:
        target(url, file, environment)
    assert says in str(refused.value)
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://h", "https://h/", "https://h/ingest", "https://h/ingest/"]
)
def test_a_server_has_one_door(url: str) -> None:
    assert target(url, None, {}) == Target("https://h/ingest")
    assert target(None, None, {}) is None
