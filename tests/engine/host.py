"""A real host for the laws: this machine's own shell, and a tree below a directory of the test."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memops.engine import identity
from memops.engine.apply import Applier, Hands
from memops.engine.journal import Journal, Place
from memops.engine.probe import Remembering
from memops.model.host import ConnectOptions, Host
from memops.transport.local import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from memops.model.event import Event
    from memops.transport.base import Connection


def nobody(*_: object) -> None:
    raise AssertionError("nothing is to be made or brought home here")


def ignore(_: Event) -> None:
    """A sink for what is not looked at."""


@contextmanager
def connection() -> Iterator[Connection]:
    with connect(Host("here", connection="local"), ConnectOptions()) as opened:
        yield opened


def applier(opened: Connection, root: Path, *, check: bool = False) -> Applier:
    place = Place(f"{root}/state/memops", os.getuid(), 0.0)
    header = identity.header(identity.new_run(), "laws.yml", "here")
    session = Remembering(opened.session(None, run_dir=place.run_dir(header.run)))
    hands = Hands(nobody, nobody)  # type: ignore[arg-type]
    return Applier(session, Journal(session, place, header), hands, ignore, check)


def grow(root: Path, tree: dict[str, str | None]) -> None:
    for name, content in tree.items():
        path = root / name
        if content is None:
            path.mkdir(parents=True)
        elif content.startswith("-> "):
            path.symlink_to(content[3:])
        else:
            path.write_bytes(content.encode())
            path.chmod(0o640)


def listing(root: Path) -> list[tuple[object, ...]]:
    """Type, mode, owner, size, sha256 and link target of all that is below *root*."""
    found: list[tuple[object, ...]] = []
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        target = str(path.readlink()) if path.is_symlink() else ""
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found.append(
            (str(path), oct(status.st_mode), status.st_uid, status.st_gid,
             len(content), hashlib.sha256(content).hexdigest(), target)
        )  # fmt: skip
    return found
