"""Becoming another user: the command for it, the password on standard input, and clear refusals."""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING

from memops.errors import Unreachable
from memops.transport.batch import LOOP

if TYPE_CHECKING:
    from collections.abc import Callable

    from memops.model.host import Become
    from memops.transport.shell import Stream

_NO_PASSWORD = "a password is needed to become {user} with {method}, and none was given"  # noqa: S105
_WRONG = "the password to become {user} with {method} is wrong"
_ASK = "give it with --ask-become-pass, or allow {login} to become {user} without one"

# What the programs say (sudo 1.8-1.9, util-linux and busybox su, OpenDoas 6.8), what it means, and
# what to do. The first that fits.
_REFUSALS = (
    (r"(sudo|su|doas): (command )?not found|not found: (sudo|su|doas)|No such file or directory: '",
     "there is no {method} on this host", "install it, or choose another become method"),
    (r"must have a tty|tty is required|no tty present and no askpass program",
     "{method} wants a terminal (requiretty), which memops never takes",
     "add 'Defaults:{login} !requiretty' with visudo"),
    (r"a password is required|a terminal is required|Authentication required", _NO_PASSWORD, _ASK),
    (r"is not in the sudoers file|is not allowed to (execute|run sudo)|Operation not permitted",
     "{login} may not become {user} with {method}", "ask for the right, or choose another user"),
    (r"incorrect password|Authentication fail|Sorry, try again|Permission denied|incorrect auth",
     _WRONG, "give the right one with --ask-become-pass"),
    (r"unknown user|does not exist|no passwd entry|unknown login",
     "there is no user {user} on this host", "check the become user"),
)  # fmt: skip


def argv(become: Become | None, hello: str, prompt: str) -> tuple[str, ...]:
    """The command that starts a shell of memops as *become* says (None: as who we are).

    It holds no secret: a password is asked for with *prompt* and answered on standard input.
    """
    loop = LOOP.replace("HELLO", hello)
    shell = ("sh", "-c", loop)
    if become is None:
        return shell
    match become.method:
        case "sudo" if become.password is None:
            return ("sudo", "-n", "-H", "-u", become.user, "--", *shell)
        case "sudo":
            return ("sudo", "-S", "-p", prompt, "-H", "-u", become.user, "--", *shell)
        case "su":
            return ("su", "-s", "/bin/sh", become.user, "-c", loop)
        case "doas":
            return ("doas", *(() if become.password else ("-n",)), "-u", become.user, *shell)


def greet(
    host: str,
    start: Callable[[tuple[str, ...]], Stream],
    become: Become | None,
    timeout: float,
    login: str = "the login user",
) -> tuple[Stream, int]:
    """The stream of a shell that is up, and its process id.

    *start* runs a command on the host. Raises `Unreachable` within *timeout* seconds where there
    is no shell, or no way to become that user; nothing is asked twice.
    """
    hello, prompt = secrets.token_hex(8), f"memops-{secrets.token_hex(4)}: "
    stream = start(argv(become, hello, prompt))
    try:
        pid = _Greeting(host, stream, become, login).wait(hello, prompt, timeout)
    except BaseException:
        stream.close()
        raise
    return stream, pid


class _Greeting:
    """The words exchanged until a shell says hello."""

    def __init__(self, host: str, stream: Stream, become: Become | None, login: str) -> None:
        self._host = host
        self._stream = stream
        self._become = become
        self._login = login
        self._out = b""
        self._err = b""

    def wait(self, hello: str, prompt: str, timeout: float) -> int:
        word = re.compile(hello.encode() + rb" (\d+)\n")
        asked = re.compile(re.escape(prompt.encode()) + rb"|[Pp]assword[^\n]*: ?$")
        outgoing, answers, deadline = memoryview(b""), 0, time.monotonic() + timeout
        while not (found := word.search(self._out)):
            got = self._stream.step(outgoing, 0.2)
            outgoing = outgoing[got.sent :]
            self._out = (self._out + got.out)[-65536:]
            self._err = (self._err + got.err)[-65536:]
            if self._become is not None and len(asked.findall(self._err)) > answers:
                outgoing, answers = memoryview(self._answer(answers)), answers + 1
            if got.ended and not (got.out or got.err):
                raise self._refused()
            if time.monotonic() > deadline:
                raise self._late(timeout)
        return int(found[1])

    def _answer(self, answers: int) -> bytes:
        become = self._become
        if become is None or become.password is None:
            raise self._error(_NO_PASSWORD, _ASK)
        if answers:
            raise self._error(_WRONG, "give the right one with --ask-become-pass")
        return become.password.reveal().encode() + b"\n"

    def _refused(self) -> Unreachable:
        said = self._err.decode("utf-8", "replace")
        for pattern, what, remedy in _REFUSALS if self._become else ():
            if re.search(pattern, said):
                return self._error(what, remedy)
        last = _last_line(said) or _last_line(self._out.decode("utf-8", "replace"))
        return self._error(
            f"no shell came up{': ' if last else ''}{last}", "try it with ssh by hand"
        )

    def _late(self, timeout: float) -> Unreachable:
        last = _last_line(self._err.decode("utf-8", "replace"))
        return self._error(
            f"no shell within {timeout:.0f} s {last}".rstrip(), "try it with ssh by hand"
        )

    def _error(self, what: str, remedy: str) -> Unreachable:
        become = self._become
        words = {
            "user": become.user if become else "",
            "method": become.method if become else "",
            "login": self._login,
        }
        fill = re.compile(r"\{(user|method|login)\}")
        return Unreachable(
            self._host, *(fill.sub(lambda m: words[m[1]], t) for t in (what, remedy))
        )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(c for c in lines[-1] if c.isprintable())[:200] if lines else ""
