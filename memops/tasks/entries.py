"""The steps that make a path what it should be, each with its inverse; every file task uses them."""

from __future__ import annotations

import hashlib
from posixpath import dirname
from typing import TYPE_CHECKING

from memops.errors import StepFailed
from memops.facts import file as facts
from memops.model.action import Dir, File, Link, Local, Put, Recipe, Remove, Saved
from memops.model.step import Change, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.model.action import Action, Content
    from memops.model.entry import Entry
    from memops.model.step import Probe

SHOWN = 64 << 10
"""Bytes of a file that people may want to see in a diff."""


def ensure(probe: Probe, path: str, wanted: File | Dir | Link | None) -> Iterator[Step]:
    """Make *path* exactly *wanted* (None: absent); nothing where it is already.

    A file is never put where a directory or a link stands, nor the other way round: that is an
    error, because its inverse would not be simple and the operator did not expect it.
    """
    now = standing(probe, path)
    if now is None and wanted is None:
        return
    _refuse_other_kind(path, now, wanted)
    if now is not None and wanted is not None and _agrees(now, wanted):
        return
    shown = probe(facts.content(path, SHOWN)) if now and now.kind == "file" else None
    yield Step(
        _change(path, now, shown, wanted),
        do=Remove(path) if wanted is None else Put(path, wanted),
        undo=_inverse(path, now),
    )


def standing(probe: Probe, path: str) -> Entry | None:
    """What stands at *path*; all that `ensure` will ask is asked in the same round trip."""
    entry = facts.entry(path, digest=True)
    probe.prefetch(entry, facts.content(path, SHOWN), facts.entry(dirname(path)))
    return probe(entry)


def ensure_parents(probe: Probe, path: str, wanted: Dir | None = None) -> Iterator[Step]:
    """Make the directories above *path* that are missing, outermost first, each as *wanted*."""
    above, parent = [], dirname(path)
    while parent not in ("/", ""):
        above.append(parent)
        parent = dirname(parent)
    probe.prefetch(*(facts.entry(each) for each in above))
    for each in reversed(above):
        if probe(facts.entry(each)) is None:
            yield Step(
                Change(f"directory {each}", None, _describe(wanted or Dir())),
                do=Put(each, wanted or Dir()),
                undo=Remove(each),
            )


def digest(content: Content) -> str:
    """The sha256 (hex) of *content*; empty for a recipe, whose bytes are not known yet."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    return "" if isinstance(content, Recipe) else content.sha256


def _refuse_other_kind(path: str, now: Entry | None, wanted: File | Dir | Link | None) -> None:
    kinds = {File: "file", Dir: "dir", Link: "link"}
    if now is None:
        return
    if now.kind == "other" or (wanted is not None and now.kind != kinds[type(wanted)]):
        raise StepFailed(path, f"a {now.kind} stands there", "move it away, or choose another path")


def _agrees(now: Entry, wanted: File | Dir | Link) -> bool:
    owned = wanted.owner in (None, now.owner, str(now.uid)) and wanted.group in (
        None,
        now.group,
        str(now.gid),
    )
    match wanted:
        case File():
            return owned and now.mode == wanted.mode and now.sha256 == digest(wanted.content)
        case Dir():
            return owned and now.mode == wanted.mode
        case Link():
            return owned and now.target == wanted.target


def _inverse(path: str, now: Entry | None) -> Action:
    """The action that brings back *now*; numeric owners, so that names may change meanwhile."""
    if now is None:
        return Remove(path)
    owner, group = str(now.uid), str(now.gid)
    if now.kind == "dir":
        return Put(path, Dir(now.mode, owner, group))
    if now.kind == "link":
        return Put(path, Link(now.target, owner, group))
    return Put(path, File(Saved(now.sha256, now.size), now.mode, owner, group))


def _change(
    path: str, now: Entry | None, shown: bytes | None, wanted: File | Dir | Link | None
) -> Change:
    kind = {"file": "file", "dir": "directory", "link": "link"}[
        now.kind if now else {File: "file", Dir: "dir", Link: "link"}[type(wanted)]
    ]
    before = None if now is None else _text(shown) or _describe_entry(now)
    after = None if wanted is None else _describe(wanted)
    if before == after and now is not None and wanted is not None:  # only mode or owner differ
        before, after = _describe_entry(now), _attributes(wanted)
    return Change(f"{kind} {path}", before, after)


def _text(content: bytes | None) -> str | None:
    """*content* for people, None where it is binary or too large to be read."""
    if content is None or len(content) >= SHOWN or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _describe(wanted: File | Dir | Link) -> str:
    match wanted:
        case File(bytes() as content):
            return _text(content) or f"{len(content)} bytes, sha256 {digest(content)[:12]}"
        case File(Recipe() as recipe):
            return f"{recipe.kind} " + " ".join(f"{key}={value}" for key, value in recipe.params)
        case File(Local() | Saved() as content):
            return f"{content.size} bytes, sha256 {content.sha256[:12]}"
        case Link(target):
            return f"-> {target}"
        case _:
            return _attributes(wanted)


def _attributes(wanted: File | Dir | Link) -> str:
    mode = "" if isinstance(wanted, Link) else f"mode {wanted.mode:04o}"
    owner = f"{wanted.owner or ''}:{wanted.group or ''}" if wanted.owner or wanted.group else ""
    return " ".join(filter(None, (mode, owner))) or "present"


def _describe_entry(now: Entry) -> str:
    if now.kind == "link":
        return f"-> {now.target}"
    size = f", {now.size} bytes, sha256 {now.sha256[:12]}" if now.kind == "file" else ""
    return f"mode {now.mode:04o} {now.owner}:{now.group}{size}"
