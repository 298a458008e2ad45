r"""A host that is nothing but values, for testing playbooks: no shell, no network, no clock.

>>> host = FakeHost("web1", {"/etc/app.conf": FakeEntry(b"old\n")})
>>> session = host.connection().session()
>>> session.look([Read("/etc/app.conf")])[0].stdout
b'old\n'
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from memops.errors import StepFailed
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
from memops.model.entry import Entry, format_stat
from memops.transport import script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from memops.model.action import Action, Look
    from memops.model.entry import Kind
    from memops.model.host import Become

Program = "Callable[[FakeHost, Run], Output]"
"""What a program of a fake host does: it may read and change the host, and answers as a process."""


@dataclass(frozen=True, slots=True)
class FakeEntry:
    """What stands at a path: *content* of a file, *target* of a link; *owner* and *group* are names."""

    content: bytes = b""
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    kind: Kind = "file"
    target: str = ""
    mtime: int = 0


@dataclass
class FakeHost:
    """One host: *files* (absolute path to entry), *programs* (name to what it does), *log*.

    A program is found by its whole path or by its last part; one that is not there ends with 127.
    *log* keeps the actions done, in order. *users* and *groups* give the numbers of names.
    """

    name: str = "fake"
    files: dict[str, FakeEntry] = field(default_factory=dict)
    programs: dict[str, Callable[[FakeHost, Run], Output]] = field(default_factory=dict)
    log: list[Action] = field(default_factory=list)
    users: dict[str, int] = field(default_factory=lambda: {"root": 0})
    groups: dict[str, int] = field(default_factory=lambda: {"root": 0})

    def __post_init__(self) -> None:
        self.files.setdefault("/", FakeEntry(kind="dir", mode=0o755))
        for path in list(self.files):
            parent = posixpath.dirname(path)
            while parent not in self.files:
                self.files[parent] = FakeEntry(kind="dir", mode=0o755)
                parent = posixpath.dirname(parent)

    def connection(self) -> FakeConnection:
        """The way to this host."""
        return FakeConnection(self)

    def entry(self, path: str, *, digest: bool = False) -> Entry | None:
        """What stands at *path*, as a `Stat` would say it."""
        found = self.files.get(_resolved(self.files, path, last=False))
        if found is None:
            return None
        link, file = found.kind == "link", found.kind == "file"
        size = len(os.fsencode(found.target)) if link else len(found.content) if file else 4096
        return Entry(
            found.kind, 0o777 if link else found.mode,
            _number(self.users, found.owner), _number(self.groups, found.group),
            found.owner, found.group, size, found.mtime, found.target,
            hashlib.sha256(found.content).hexdigest() if digest and file else "",
        )  # fmt: skip

    def read(self, path: str) -> bytes | None:
        """The content of the file *path*, links followed; None where there is none."""
        found = self.files.get(_resolved(self.files, path))
        return found.content if found is not None and found.kind == "file" else None

    def run(self, wanted: Run) -> Output:
        """What the program *wanted* answers."""
        program = self.programs.get(wanted.argv[0]) or self.programs.get(
            posixpath.basename(wanted.argv[0])
        )
        if wanted.argv[3:4] == ("memops-save",):
            return _save(self, *wanted.argv[4:7])
        if program is None:
            return _failed(f"{wanted.argv[0]}: not found", 127)
        return program(self, wanted)


class FakeSession:
    """See `memops.transport.base.Session`."""

    def __init__(self, fake: FakeHost, run_dir: str | None, become: Become | None) -> None:
        self._fake = fake
        self._run_dir = run_dir
        self._user = become.user if become else "root"

    @property
    def host(self) -> str:
        """The host's name in the inventory."""
        return self._fake.name

    @property
    def run_dir(self) -> str | None:
        """Where saved bytes lie on the host."""
        return self._run_dir

    def look(self, looks: Sequence[Look]) -> tuple[Output, ...]:
        """Make all looks; one output each, in order."""
        return tuple(self._look(look) for look in looks)

    def act(self, actions: Sequence[Action]) -> tuple[Output, ...]:
        """Do actions in order until one fails."""
        outputs: list[Output] = []
        for action in actions:
            self._fake.log.append(action)
            outputs.append(self._act(action))
            if outputs[-1].rc not in (action.ok if isinstance(action, Run) else (0,)):
                break
        return tuple(outputs)

    def save(self, path: str, sha256: str) -> Action:
        """The action that keeps a file as it is now."""
        if self._run_dir is None:
            raise StepFailed(self.host, f"{path} cannot be kept: the run has no directory here")
        return script.save(path, self._run_dir, sha256)

    def stream(self, look: Look, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
        """The standard output of one look, as it comes."""
        output = self._look(look)
        if output.stdout:
            yield output.stdout
        if progress is not None:
            progress(len(output.stdout))
        if output.rc not in (look.ok if isinstance(look, Run) else (0,)):
            raise StepFailed(self.host, f"ended with {output.rc}", output=output.stderr.decode())

    def fetch(
        self,
        files: Iterable[tuple[str | Run, Path]],
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Output, ...]:
        """Bring files home, one output each."""
        outputs, total = [], 0
        for source, into in files:
            outputs.append(self._fetch(source, into))
            total += into.stat().st_size if outputs[-1].rc == 0 else 0
            if progress is not None:
                progress(total)
        return tuple(outputs)

    def _look(self, look: Look) -> Output:
        match look:
            case Stat(path, digest):
                entry = self._fake.entry(path, digest=digest)
                if entry is None:
                    return _failed(f"{path}: No such file or directory")
                return Output(0, format_stat(entry))
            case Read(path, limit):
                content = self._fake.read(path)
                if content is None:
                    return _failed(f"{path}: No such file or directory")
                return Output(0, content[:limit])
            case Glob(directory, pattern):
                return Output(0, b"".join(_named(self._fake, directory, pattern)))
            case Run():
                return self._fake.run(look)

    def _act(self, action: Action) -> Output:
        try:
            match action:
                case Put(path, entry):
                    self._put(script.absolute(path), entry)
                case Remove(path, tree):
                    remove(self._fake.files, script.absolute(path), tree=tree)
                case Run():
                    return self._fake.run(action)
                case Fetch(source, into):
                    return self._fetch(source, Path(into))
        except OSError as error:
            return _failed(f"{error}")
        return Output(0)

    def _put(self, path: str, entry: File | Dir | Link) -> None:
        before = self._fake.files.get(path)
        check_put(self._fake.files, path, entry)
        owner = _name(self._fake.users, entry.owner) or self._user
        group = _name(self._fake.groups, entry.group) or self._user
        match entry:
            case File(content, mode):
                kept = self._content(content)
                self._fake.files[path] = FakeEntry(kept, mode, owner, group)
            case Dir(mode):
                if before is not None:
                    owner = owner if entry.owner else before.owner
                    group = group if entry.group else before.group
                self._fake.files[path] = FakeEntry(b"", mode, owner, group, "dir")
            case Link(target):
                self._fake.files[path] = FakeEntry(b"", 0o777, owner, group, "link", target)

    def _content(self, content: bytes | Saved | Local | Recipe) -> bytes:
        match content:
            case bytes():
                return content
            case Local(path):
                found = Path(path).read_bytes()
            case Saved(sha256):
                found = self._fake.read(f"{self._run_dir}/originals/{sha256}") or b""
            case Recipe(kind):
                raise StepFailed(self.host, f"the recipe {kind} has not been made yet")
        if hashlib.sha256(found).hexdigest() != content.sha256:
            raise OSError("not the bytes that were meant (sha256 differs)")
        return found

    def _fetch(self, source: str | Run, into: Path) -> Output:
        if isinstance(source, Run):
            output = self._fake.run(source)
            if output.rc not in source.ok:
                return Output(output.rc or 1, b"", output.stderr)
            content: bytes | None = output.stdout
        else:
            content = self._fake.read(source)
        if content is None:
            return _failed(f"{source}: no such file")
        into.parent.mkdir(parents=True, exist_ok=True)
        into.write_bytes(content)
        return Output(0, hashlib.sha256(content).hexdigest().encode())


class FakeConnection:
    """See `memops.transport.base.Connection`."""

    def __init__(self, fake: FakeHost) -> None:
        self._fake = fake

    def session(self, become: Become | None = None, *, run_dir: str | None = None) -> FakeSession:
        """The session as that user."""
        return FakeSession(self._fake, run_dir, become)

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def check_put(files: Mapping[str, FakeEntry], path: str, entry: File | Dir | Link) -> None:
    """Raise `OSError` where a host would refuse to put *entry* at *path*."""
    now = files.get(path)
    parent = files.get(_resolved(files, posixpath.dirname(path)))
    if parent is None or parent.kind != "dir":
        raise FileNotFoundError(f"{posixpath.dirname(path)}: no such directory")
    if now is None:
        return
    allowed = {File: ("file",), Dir: ("dir",), Link: ("link", "file", "other")}[type(entry)]
    if now.kind not in allowed:
        raise FileExistsError(f"{path}: a {now.kind} stands there")


def remove(files: dict[str, FakeEntry], path: str, *, tree: bool) -> None:
    """Make *path* absent; raises `OSError` where a host would refuse."""
    below = [each for each in files if each.startswith(f"{path}/")]
    if below and not tree:
        raise OSError(f"{path}: Directory not empty")
    for each in (path, *below):
        files.pop(each, None)


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a `Glob`: ``*`` and ``?`` (one byte), and a leading dot only by itself."""
    if name.startswith(".") and not pattern.startswith("."):
        return False
    parts = re.split(rb"([*?])", os.fsencode(pattern))
    wild = {b"*": b".*", b"?": b"."}
    text = b"".join(wild.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(text, os.fsencode(name), re.DOTALL) is not None


def _named(fake: FakeHost, directory: str, pattern: str) -> Iterator[bytes]:
    start = _resolved(fake.files, directory)
    for path in sorted(fake.files):
        name = posixpath.basename(path)
        if path != "/" and posixpath.dirname(path) == start and matches(pattern, name):
            entry = fake.entry(path)
            if entry is not None:
                yield os.fsencode(name) + b"\0" + format_stat(entry)


def _resolved(files: Mapping[str, FakeEntry], path: str, *, last: bool = True) -> str:
    """*path* with its links followed, the last part only when *last*."""
    done, parts, hops = "/", [part for part in path.split("/") if part not in ("", ".")], 0
    while parts:
        part = parts.pop(0)
        here = posixpath.normpath(posixpath.join(done, part))
        entry = files.get(here)
        if entry is None or entry.kind != "link" or (not parts and not last):
            done = here
            continue
        hops += 1
        if hops > 40:  # noqa: PLR2004  (as Linux: MAXSYMLINKS)
            return ""
        parts = [each for each in entry.target.split("/") if each not in ("", ".")] + parts
        done = "/" if entry.target.startswith("/") else done
    return done


def _number(numbers: Mapping[str, int], name: str) -> int:
    return int(name) if name.isdigit() else numbers.get(name, 1000)


def _name(numbers: Mapping[str, int], owner: str | None) -> str | None:
    """The name for *owner*, which may be a number."""
    if owner is None or not owner.isdigit():
        return owner
    return next((name for name, number in numbers.items() if number == int(owner)), owner)


def _failed(text: str, rc: int = 1) -> Output:
    return Output(rc, b"", text.encode("utf-8", "surrogateescape") + b"\n")


def _save(fake: FakeHost, path: str, run_dir: str, sha256: str) -> Output:
    content = fake.read(path)
    if content is None or hashlib.sha256(content).hexdigest() != sha256:
        return _failed(f"{path}: changed since it was looked at")
    for parent in (posixpath.dirname(run_dir), run_dir, f"{run_dir}/originals"):
        fake.files.setdefault(parent, FakeEntry(kind="dir", mode=0o700))
    fake.files[f"{run_dir}/originals/{sha256}"] = FakeEntry(content, 0o600)
    return Output(0)
