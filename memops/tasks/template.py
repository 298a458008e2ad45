"""Files rendered from templates, and files as they are."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from memops.errors import UsageError
from memops.model.action import File, Local
from memops.tasks.entries import SHOWN, ensure, standing
from memops.tasks.file import octal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.model.step import Probe, Step


class Render(Protocol):
    """Renders the template *name* with the host's variables and *extra* ones."""

    def __call__(self, name: str, /, **extra: object) -> str:
        """The rendered text."""
        ...


def template(
    probe: Probe,
    *,
    src: str,
    dest: str,
    mode: str | int | None = None,
    owner: str | None = None,
    group: str | None = None,
    render: Render,
) -> Iterator[Step]:
    """Keep *dest* as the template *src* (beside the playbook, or shipped) renders for the host."""
    yield from _put(probe, dest, render(src).encode(), mode, owner, group)


def copy(
    probe: Probe,
    *,
    dest: str,
    content: str | None = None,
    src: str | None = None,
    mode: str | int | None = None,
    owner: str | None = None,
    group: str | None = None,
) -> Iterator[Step]:
    """Keep *dest* as *content* says, or as the controller's file *src* is."""
    if (content is None) == (src is None):
        raise UsageError(dest, "copy needs either content or src", "give one of them")
    given = (content or "").encode() if src is None else _brought(Path(src))
    yield from _put(probe, dest, given, mode, owner, group)


def _brought(src: Path) -> bytes | Local:
    """The bytes of *src*; of a large file only what they are, lest every journal hold them."""
    try:
        with src.open("rb") as file:
            if src.stat().st_size <= SHOWN:
                return file.read()
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return Local(str(src.absolute()), sha256, file.tell())
    except OSError as error:
        raise UsageError(str(src), error.strerror or "cannot be read") from error


def _put(
    probe: Probe, dest: str, content: bytes | Local, mode: str | int | None, owner: str | None,
    group: str | None,
) -> Iterator[Step]:  # fmt: skip
    now = standing(probe, dest)
    default = now.mode if now and now.kind == "file" else 0o644
    bits = octal(dest, mode)
    wanted = File(content, default if bits is None else bits, owner, group)
    yield from ensure(probe, dest, wanted)
