"""The one list of what the conformance suite runs on."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from memops.model.host import Become, ConnectOptions, Host
from memops.transport import connect
from memops.transport.fake import FakeEntry, FakeHost
from tests.transport import servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memops.transport.base import Connection, Session


@dataclass
class Target:
    """A session on something, and a directory there that is ours."""

    name: str
    connection: Connection
    session: Session
    root: str


@contextmanager
def fake(root: Path) -> Iterator[Target]:
    host = FakeHost("fake", {str(root): FakeEntry(kind="dir", mode=0o755)})
    with host.connection() as connection:
        yield Target("fake", connection, connection.session(run_dir=f"{root}/run"), str(root))


def _local(path: Callable[[Path], str] | None) -> Callable[[Path], object]:
    @contextmanager
    def open_(root: Path) -> Iterator[Target]:
        with ExitStack() as stack:
            tools = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            if path is not None:
                stack.enter_context(mock.patch.dict("os.environ", PATH=path(tools / "bin")))
            host = Host("here", connection="local")
            connection = stack.enter_context(connect(host, ConnectOptions()))
            yield Target("local", connection, connection.session(run_dir=f"{root}/run"), str(root))

    return open_


def _remote(
    server: Callable[[Path], object], user: str, become: Become | None
) -> Callable[[Path], object]:
    @contextmanager
    def open_(root: Path) -> Iterator[Target]:
        directory = Path(tempfile.mkdtemp())
        try:
            with ExitStack() as stack:
                there: servers.Server = stack.enter_context(server(directory))  # type: ignore[arg-type]
                connection = stack.enter_context(connect(there.host(user), there.options()))
                session = connection.session(become, run_dir=f"{root}/run")
                yield Target(f"{user}@{there.address}", connection, session, str(root))
        finally:
            shutil.rmtree(directory)

    return open_


TARGETS: dict[str, Callable[[Path], object]] = {
    "fake": fake,
    "local": _local(None),
    "local-bash": _local(servers.bash_path),
    "local-busybox": _local(servers.busybox_path),
    "openssh": _remote(servers.openssh, "root", None),
    "openssh-sudo": _remote(servers.openssh, "deploy", Become()),
    "dropbear": _remote(servers.dropbear, "root", None),
}
