"""Files, directories and links as they should be; parameters as in Ansible's ``file``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from memops.errors import UsageError
from memops.facts import file as facts
from memops.model.action import Dir, File, Link
from memops.tasks.entries import ensure, ensure_parents, standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.model.entry import Entry
    from memops.model.step import Probe, Step


def file(
    probe: Probe,
    *,
    path: str,
    state: Literal["file", "directory", "link", "touch", "absent"] = "file",
    mode: str | int | None = None,
    owner: str | None = None,
    group: str | None = None,
    src: str | None = None,
) -> Iterator[Step]:
    """Keep *path* as *state* says; ``directory`` makes the ones above it too.

    ``file`` only gives an existing file its mode and owner; ``touch`` makes an empty one where
    there is none; ``absent`` removes a file, a link or an empty directory.
    """
    now = standing(probe, path)
    bits = octal(path, mode)
    if state == "absent":
        yield from ensure(probe, path, None)
    elif state == "link":
        if src is None:
            raise UsageError(path, "state=link needs src", "say what it points to")
        yield from ensure(probe, path, Link(src, owner, group))
    elif state == "directory":
        default = now.mode if now else 0o755
        yield from ensure_parents(probe, path)
        yield from ensure(probe, path, Dir(default if bits is None else bits, owner, group))
    else:
        yield from _regular(probe, path, now, File(b"", bits or 0o644, owner, group), state, bits)


def _regular(
    probe: Probe, path: str, now: Entry | None, empty: File, state: str, bits: int | None
) -> Iterator[Step]:
    if now is None and state == "touch":
        yield from ensure(probe, path, empty)
        return
    if now is None or now.kind == "dir":
        raise UsageError(path, "is no file", "use state=touch or the template task to make one")
    content = probe(facts.content(path, now.size + 1)) or b""
    mode = now.mode if bits is None else bits
    yield from ensure(probe, path, File(content, mode, empty.owner, empty.group))


def octal(path: str, mode: str | int | None) -> int | None:
    """Permission bits: ``"0644"`` or, as YAML reads an unquoted 0644, the number itself."""
    if mode is None or isinstance(mode, int):
        return mode
    try:
        return int(mode, 8)
    except ValueError as error:
        raise UsageError(path, f"mode {mode!r} is not octal", 'write it as "0644"') from error
