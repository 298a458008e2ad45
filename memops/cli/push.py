"""``memops analyze --push``: what is live goes to a Pyroscope-compatible server, as a pprof profile."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from memops.errors import HostError, Unreachable, UsageError
from memops.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from urllib.error import HTTPError

    from memops.profile.study import Study

VARIABLE = "MEMOPS_PUSH_CREDENTIALS"
TIMEOUT = 30.0
"""Seconds to wait for the server, at each step."""
_LONGEST = 128
_SAID = 300
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_REMEDY = "write for example https://pyroscope.example.com"


class Target(NamedTuple):
    """The *url* to post to, and what opens it: ``user:password``, or a token."""

    url: str
    credentials: Secret | None = None


def push_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """*command* with the options of pushing."""
    command = click.option(
        "--push-credentials", metavar="FILE|-",
        help=f"Where user:password or a token is; - is one line of stdin.  [env: {VARIABLE}]",
    )(command)  # fmt: skip
    return click.option("--push", metavar="URL", help="Send what is live to Pyroscope too.")(
        command
    )


def target(
    url: str | None, file: str | None, environment: Mapping[str, str] = os.environ
) -> Target | None:
    """Where to push to, if anywhere; *file* holds the credentials, else the *environment*.

    Raises `UsageError` for what is no such URL, and where credentials would travel in the clear.
    """
    if url is None:
        if file is not None:
            raise UsageError("--push-credentials", "nothing is pushed", "add --push URL")
        return None
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError("--push", f"{url!r} is no URL: {error}", _REMEDY) from None
    if "@" in parts.netloc:
        remedy = f"give them in {VARIABLE} or by --push-credentials FILE"
        raise UsageError("--push", "credentials are seen by all in a command line", remedy)
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in {"http", "https"} or not host or parts.query or not is_plain:
        raise UsageError("--push", f"{url!r} is no URL of a server", _REMEDY)
    credentials = _credentials(file, environment)
    if credentials and parts.scheme == "http" and host not in _LOCAL:
        raise UsageError("--push", "credentials would travel in the clear", "use https://")
    path = parts.path.rstrip("/").removesuffix("/ingest")
    return Target(f"{parts.scheme}://{parts.netloc}{path}/ingest", credentials)


def push(study: Study, to: Target) -> str:
    """Send what the last dump of *study* holds *to* a server; where it went, for people.

    The request is Pyroscope's ``POST /ingest`` with ``format=pprof``, whose body is the profile
    (grafana.com/docs/pyroscope, "Server HTTP API"). It is what is live, not the growth, for the
    server compares moments itself and drops negative samples. Raises `Unreachable` without an
    answer, and `HostError` for one that is no success.
    """
    from urllib.parse import urlencode

    from memops.report.pprof import pprof
    from memops.report.view import View
    from memops.units import format_size

    held = _live(study)
    content = pprof(held, View())
    name = _name(study)
    moment = int(held.inputs.times[held.last])
    query = urlencode({"name": name, "from": moment, "until": moment, "format": "pprof"})
    _post(to, f"{to.url}?{query}", content)
    live = format_size(held.analysis.live.bytes)
    return f"pushed {live} live as {name} to {to.url} ({format_size(len(content))})"


def _credentials(file: str | None, environment: Mapping[str, str]) -> Secret | None:
    """What *file* holds in its only line, or else the *environment*."""
    import sys
    from pathlib import Path

    if file is None:
        text = environment.get(VARIABLE, "").strip()
        return _secret(text, VARIABLE) if text else None
    try:
        text = sys.stdin.readline() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(file, what, "give --push-credentials a file that can be read") from None
    return _secret(text.strip(), "stdin" if file == "-" else file)


def _secret(text: str, where: str) -> Secret:
    if not text or not text.isprintable() or not (text.isascii() or ":" in text):
        raise UsageError(where, "it holds no single line", "write user:password or a token into it")
    return Secret(text)


def _live(study: Study) -> Study:
    """*study* of its last dump alone, of a known time (seconds since the epoch)."""
    from memops.profile.growth.analysis import analyse

    analysis = analyse(study.analysis.after, None, study.analysis.words)
    written = study.inputs.times.get(study.last, study.last.stat().st_mtime)
    inputs = study.inputs._replace(times={**study.inputs.times, study.last: written})
    return study._replace(inputs=inputs, first=None, analysis=analysis, series=None, before=0)


def _name(study: Study) -> str:
    """``orders{host=web-1,pid=12}`` in the letters that the server allows.

    Values stand without quotes: it would take those for a part of them (``labelset.go``).
    """
    program = study.process.executable.rpartition("/")[2]
    labels = {"host": study.inputs.host, "pid": str(study.process.pid or "")}
    said = ",".join(f"{key}={_plain(value)}" for key, value in labels.items() if value)
    return f"{_plain(study.inputs.app or program) or 'memops'}{{{said}}}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_./-]", "_", text[:_LONGEST])


def _post(to: Target, url: str, content: bytes) -> None:
    import ssl
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

    class Stay(HTTPRedirectHandler):
        """A redirect is an answer like others: what is pushed goes where the user says."""

        def redirect_request(self, *_: object) -> None:
            return None

    secure = HTTPSHandler(context=ssl.create_default_context())
    request = Request(url, content, _headers(to), method="POST")  # noqa: S310 - http and https only
    try:
        build_opener(secure, Stay).open(request, timeout=TIMEOUT).close()
    except HTTPError as error:
        with error:
            raise HostError(to.url, _refusal(error), _advice(error.code)) from None
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        what = f"no answer: {_line(str(reason)) or type(error).__name__}"
        raise Unreachable(to.url, what, "check the URL, or curl it") from None


def _headers(to: Target) -> dict[str, str]:
    import base64

    import memops

    headers = {"Content-Type": "application/octet-stream",
               "User-Agent": f"memops/{memops.__version__}"}  # fmt: skip
    if to.credentials:
        said = to.credentials.reveal()
        basic = f"Basic {base64.b64encode(said.encode()).decode()}"
        headers["Authorization"] = basic if ":" in said else f"Bearer {said}"
    return headers


def _refusal(error: HTTPError) -> str:
    """What the server says, in a line."""
    from http.client import HTTPException

    if 300 <= error.code < 400:  # noqa: PLR2004 - the redirects
        return f"it sends us on to {_line(error.headers.get('Location', 'nowhere'))}"
    try:
        said = _line(error.read(_SAID).decode("utf-8", "replace"))
    except (HTTPException, OSError):
        said = ""
    return f"it answers {error.code} {_line(str(error.reason))}" + (f": {said}" if said else "")


def _advice(code: int) -> str:
    if code in {401, 403}:
        return f"set {VARIABLE}, or give --push-credentials FILE"
    if 300 <= code < 400:  # noqa: PLR2004
        return "give that URL if it is the right one"
    return "check that the URL is that of a Pyroscope server"


def _line(text: str) -> str:
    shown = "".join(char if char.isprintable() else " " for char in text[:_SAID])
    return " ".join(shown.split())
