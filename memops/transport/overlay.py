"""A session that pretends: what a check plans over. Nothing reaches the host but looks.

Files that would be put or removed live in memory and are seen by later looks; commands and fetches
are noted and taken for well. Paths are compared as they are written: a change seen through a
symbolic link to a directory is not noticed under its other name.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from memops.model.action import (
    Dir,
    Fetch,
    File,
    Glob,
    Link,
    Local,
    Output,
    Put,
    Read,
    Recipe,
    Remove,
    Run,
    Saved,
    Stat,
)  # fmt: skip
from memops.model.entry import Entry, format_stat, parse_glob, parse_stat
from memops.transport import script
from memops.transport.fake import matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from memops.model.action import Action, Content, Look
    from memops.transport.base import Session


@dataclass(frozen=True, slots=True)
class _Pretended:
    """What would be put in the place of *now*, and when (seconds since the epoch).

    Its entry is made when somebody looks at it: who owns it is more that the host must be asked.
    """

    wanted: File | Dir | Link
    now: Entry | None
    stamp: int


_KINDS = {File: "file", Dir: "dir", Link: "link"}


@dataclass(frozen=True, slots=True)
class _Accounts:
    """Who acts on the host, and the numbers of its users and groups by name."""

    owner: str
    group: str
    users: Mapping[str, int]
    groups: Mapping[str, int]


@dataclass
class Overlay:
    """A `memops.transport.base.Session` over *session* that changes nothing; see the module."""

    session: Session
    recorded: list[Action] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._there: dict[str, _Pretended] = {}
        self._gone: set[str] = set()
        self._accounts: _Accounts | None = None

    @property
    def host(self) -> str:
        """The host's name in the inventory."""
        return self.session.host

    @property
    def run_dir(self) -> str | None:
        """The run directory of the session below."""
        return self.session.run_dir

    def look(self, looks: Sequence[Look]) -> tuple[Output, ...]:
        """Make all *looks*: the host's answers, with what is pretended laid over them."""
        known = [self._answer(look) for look in looks]
        asked = [
            self._below(look) for look, answer in zip(looks, known, strict=True) if answer is None
        ]
        answers = iter(self.session.look(asked) if asked else ())
        return tuple(
            self._merged(look, next(answers)) if answer is None else answer
            for look, answer in zip(looks, known, strict=True)
        )

    def act(self, actions: Sequence[Action]) -> tuple[Output, ...]:
        """Pretend *actions*, until one that the host would refuse."""
        outputs: list[Output] = []
        for action in actions:
            self.recorded.append(action)
            outputs.append(self._pretend(action))
            if outputs[-1].rc != 0:
                break
        return tuple(outputs)

    def save(self, path: str, sha256: str) -> Action:
        """The action that would keep *path*."""
        return script.save(path, self.run_dir or "", sha256)

    def stream(self, look: Look, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
        """The standard output of one look; of a pretended file in one piece."""
        answer = self._answer(look)
        if answer is None:
            yield from self.session.stream(self._below(look), progress)
            return
        yield answer.stdout

    def fetch(
        self,
        files: Iterable[tuple[str | Run, Path]],
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Output, ...]:
        """Note what would be brought home."""
        noted = [Fetch(source, str(into)) for source, into in files]
        self.recorded += noted
        if progress is not None:
            progress(0)
        return tuple(Output(0) for _ in noted)

    # ---- looks

    def _answer(self, look: Look) -> Output | None:
        """What we know without asking the host."""
        if isinstance(look, Stat):
            found = self._there.get(_plain(look.path))
            if found is not None:
                entry = self._entry(found)
                return Output(0, format_stat(entry if look.digest else replace(entry, sha256="")))
            return _absent(look.path) if self._hidden(look.path) else None
        if isinstance(look, Read):
            path = self._followed(look.path)
            found = self._there.get(path)
            if found is not None and isinstance(found.wanted, File):
                return self._content(found.wanted.content, look.limit)
            return _absent(look.path) if found is not None or self._hidden(path) else None
        if isinstance(look, Glob) and self._hidden(look.directory):
            return self._merged(look, Output(0))
        return None

    def _below(self, look: Look) -> Look:
        """*look* as the host is asked: through pretended links."""
        return replace(look, path=self._followed(look.path)) if isinstance(look, Read) else look

    def _merged(self, look: Look, output: Output) -> Output:
        if not isinstance(look, Glob):
            return output
        directory = _plain(look.directory)
        entries = {
            name: entry
            for name, entry in parse_glob(output).items()
            if not self._hidden(posixpath.join(directory, name))
        }
        for path, found in self._there.items():
            name = posixpath.basename(path)
            if posixpath.dirname(path) == directory and matches(look.pattern, name):
                entries[name] = replace(self._entry(found), sha256="")
        rows = (os.fsencode(name) + b"\0" + format_stat(entries[name]) for name in sorted(entries))
        return Output(0, b"".join(rows))

    def _hidden(self, path: str) -> bool:
        """Whether what the host has at *path* would be gone."""
        simple = _plain(path)
        return any(simple == gone or simple.startswith(f"{gone}/") for gone in self._gone)

    def _followed(self, path: str) -> str:
        simple = _plain(path)
        for _ in range(40):  # as Linux: MAXSYMLINKS
            found = self._there.get(simple)
            if found is None or not isinstance(found.wanted, Link):
                break
            simple = posixpath.normpath(
                posixpath.join(posixpath.dirname(simple), found.wanted.target)
            )
        return simple

    def _content(self, content: Content, limit: int) -> Output:
        match content:
            case bytes():
                return Output(0, content[:limit])
            case Local(path):
                with Path(path).open("rb") as file:
                    return Output(0, file.read(limit))
            case Saved(sha256):
                return self.session.look([Read(f"{self.run_dir}/originals/{sha256}", limit)])[0]
            case Recipe():
                return Output(0)

    # ---- actions

    def _pretend(self, action: Action) -> Output:
        match action:
            case Put(path, entry):
                return self._put(script.absolute(path), entry)
            case Remove(path, tree):
                return self._remove(script.absolute(path), tree=tree)
            case Run() | Fetch():
                return Output(0)

    def _put(self, path: str, entry: File | Dir | Link) -> Output:
        above = posixpath.dirname(path)
        pretended = self._there.get(above)
        looks = [Stat(path)] if pretended else [Stat(path), Stat(above)]
        now, *parents = map(parse_stat, self.look(looks))
        kinds: list[str] = [parent.kind for parent in parents if parent]
        if pretended:
            kinds = [_KINDS[type(pretended.wanted)]]
        if not {"dir", "link"}.intersection(kinds):
            return _refused(f"{above}: no such directory")
        allowed = {File: ("file",), Dir: ("dir",), Link: ("link", "file", "other")}[type(entry)]
        if now is not None and now.kind not in allowed:
            return _refused(f"{path}: a {now.kind} stands there")
        if now is None or not isinstance(entry, Dir):
            self._gone.add(path)
        self._there[path] = _Pretended(entry, now, int(time.time()))
        return Output(0)

    def _entry(self, found: _Pretended) -> Entry:
        accounts, wanted, stamp = self._known_accounts(), found.wanted, found.stamp
        keeps = found.now if isinstance(wanted, Dir) else None  # a directory keeps the owner it has
        owner, uid = _owner(wanted.owner or (keeps or accounts).owner, accounts.users)
        group, gid = _owner(wanted.group or (keeps or accounts).group, accounts.groups)
        match wanted:
            case File(content, mode):
                size, sha256 = _measure(content)
                return Entry("file", mode, uid, gid, owner, group, size, stamp, sha256=sha256)
            case Dir(mode):
                return Entry("dir", mode, uid, gid, owner, group, 4096, stamp)
            case Link(target):
                size = len(os.fsencode(target))
                return Entry("link", 0o777, uid, gid, owner, group, size, stamp, target)

    def _remove(self, path: str, *, tree: bool) -> Output:
        entry = parse_stat(self.look([Stat(path)])[0])
        if entry is not None and entry.kind == "dir" and not tree:
            inside = self.look([Glob(path), Glob(path, ".*")])
            if {name for output in inside for name in parse_glob(output)} - {".", ".."}:
                return _refused(f"{path}: Directory not empty")
        self._gone.add(path)
        for each in [each for each in self._there if each == path or each.startswith(f"{path}/")]:
            del self._there[each]
        return Output(0)

    def _known_accounts(self) -> _Accounts:
        if self._accounts is None:
            files = [Read("/etc/passwd"), Read("/etc/group")]
            users, groups, user, group = self.session.look(
                [*files, Run(("id", "-un")), Run(("id", "-gn"))]
            )
            self._accounts = _Accounts(
                user.text.strip() or "root",
                group.text.strip() or "root",
                _third_field(users.text),
                _third_field(groups.text),
            )
        return self._accounts


def _plain(path: str) -> str:
    return posixpath.normpath(path)


def _absent(path: str) -> Output:
    return _refused(f"{path}: No such file or directory")


def _refused(text: str) -> Output:
    return Output(1, b"", text.encode("utf-8", "surrogateescape") + b"\n")


def _measure(content: Content) -> tuple[int, str]:
    """Size in bytes and sha256; of a recipe neither is known."""
    if isinstance(content, bytes):
        return len(content), hashlib.sha256(content).hexdigest()
    return (0, "") if isinstance(content, Recipe) else (content.size, content.sha256)


def _owner(owner: str, numbers: Mapping[str, int]) -> tuple[str, int]:
    """Name and number of *owner*, which may be either; -1 for a name the host's files do not have."""
    if owner.isdigit():
        return next((n for n, number in numbers.items() if number == int(owner)), owner), int(owner)
    return owner, numbers.get(owner, 0 if owner == "root" else -1)


def _third_field(text: str) -> dict[str, int]:
    rows = (line.split(":") for line in text.splitlines())
    return {row[0]: int(row[2]) for row in rows if len(row) > 2 and row[2].isdigit()}  # noqa: PLR2004
