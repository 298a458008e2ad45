"""The controller itself as a host: the same shells and sessions, over pipes to a child process."""

from __future__ import annotations

import os
import select
import subprocess
from typing import TYPE_CHECKING, Self

from memops.transport import become as becoming
from memops.transport.session import Sessions
from memops.transport.shell import Received

if TYPE_CHECKING:
    from types import TracebackType

    from memops.model.host import Become, ConnectOptions, Host
    from memops.transport.shell import Stream

_PIECE = 1 << 18


class _Pipes:
    """The stream of a child process."""

    def __init__(self, argv: tuple[str, ...]) -> None:
        pipe = subprocess.PIPE
        try:
            self._child = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
        except FileNotFoundError:
            text = 'echo "$0: not found" >&2; exit 127'
            self._child = subprocess.Popen(
                ("sh", "-c", text, argv[0]), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
            )
        files = (self._child.stdin, self._child.stdout, self._child.stderr)
        self._stdin, *self._outs = [file.fileno() for file in files if file is not None]
        for descriptor in (self._stdin, *self._outs):
            os.set_blocking(descriptor, False)
        self._open = set(self._outs)

    def step(self, outgoing: memoryview, timeout: float) -> Received:
        poll = select.poll()
        for descriptor in self._open:
            poll.register(descriptor, select.POLLIN)
        if outgoing:
            poll.register(self._stdin, select.POLLOUT)
        poll.poll(timeout * 1000)
        sent, gone = self._send(outgoing) if outgoing else (0, False)
        out, err = (self._receive(descriptor) for descriptor in self._outs)
        return Received(sent, out, err, gone or not self._open)

    def _send(self, outgoing: memoryview) -> tuple[int, bool]:
        try:
            return os.write(self._stdin, outgoing[:_PIECE]), False
        except BlockingIOError:
            return 0, False
        except BrokenPipeError:
            return 0, True

    def _receive(self, descriptor: int) -> bytes:
        if descriptor not in self._open:
            return b""
        try:
            piece = os.read(descriptor, _PIECE)
        except BlockingIOError:
            return b""
        if not piece:
            self._open.discard(descriptor)
        return piece

    def check(self) -> None:
        """A child process is never out of reach."""

    def close(self) -> None:
        for file in (self._child.stdin, self._child.stdout, self._child.stderr):
            if file is not None:
                file.close()
        try:
            self._child.wait(2)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


class LocalConnection(Sessions):
    """The controller as the host *host*; see `memops.transport.base.Connection`."""

    def __init__(self, host: Host, options: ConnectOptions) -> None:
        super().__init__(host.name)
        self._timeout = options.timeout

    def _greet(self, become: Become | None) -> tuple[Stream, int]:
        return becoming.greet(self._name, _Pipes, become, max(self._timeout, 15.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(host: Host, options: ConnectOptions) -> LocalConnection:
    """The connection to the controller itself; nothing can go wrong before a shell is started."""
    return LocalConnection(host, options)
