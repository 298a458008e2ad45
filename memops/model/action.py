"""The whole vocabulary between memops and a host: four looks, four actions, and their answers.

A look never changes the host. All are plain values: hashable, comparable, and stored as JSON by
`memops.model.stored`.
"""

from __future__ import annotations

from dataclasses import dataclass

Mode = int
"""Permission bits, as in chmod: ``0o644``."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run *argv* (never a shell string) with standard input *stdin*, at most *timeout* seconds.

    Exit codes in *ok* are answers; any other is a failure. As a look it must not change the host.
    The whole process group is killed when the time is up; then ``Output.rc`` is 124.
    """

    argv: tuple[str, ...]
    ok: tuple[int, ...] = (0,)
    env: tuple[tuple[str, str], ...] = ()
    cwd: str | None = None
    stdin: bytes = b""
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Read:
    """At most *limit* bytes of the file *path*: rc 0 and stdout, or rc 1 where there is none."""

    path: str
    limit: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Stat:
    """What *path* itself is (links are not followed); `memops.model.entry.parse_stat` reads the answer.

    With *digest*, the sha256 of a regular file too. rc 1 where nothing is.
    """

    path: str
    digest: bool = False


@dataclass(frozen=True, slots=True)
class Glob:
    """The entries of *directory* whose names match *pattern* (``*`` and ``?``, no slash).

    Sizes and times too; `memops.model.entry.parse_glob` reads the answer. No directory: no entries.
    """

    directory: str
    pattern: str = "*"


@dataclass(frozen=True, slots=True)
class Saved:
    """Bytes that lie in the host's run directory as ``originals/<sha256>``."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Local:
    """Bytes of the file *path* on the controller, whose sha256 is known beforehand."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """Bytes that have yet to be made; `memops.recipes` makes them, once for all like hosts.

    *kind* names the recipe (``jemalloc``), *params* what is wanted. The engine turns it into a
    `Local` before anything is written to the journal.
    """

    kind: str
    params: tuple[tuple[str, str], ...]


Content = bytes | Saved | Local | Recipe


@dataclass(frozen=True, slots=True)
class File:
    """A regular file; *owner* and *group* as names or numbers, None for the acting user's."""

    content: Content
    mode: Mode = 0o644
    owner: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Dir:
    """A directory (its own entry, not what is in it)."""

    mode: Mode = 0o755
    owner: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link to *target*."""

    target: str
    owner: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """Make *path* exactly *entry*.

    A file is written beside its place under umask 077, fsynced, given mode and owner, and renamed;
    a directory is made, or given mode and owner. A *path* that is a symbolic link is refused unless
    *entry* is a `Link` (the link itself is then replaced). The parent must exist.
    """

    path: str
    entry: File | Dir | Link


@dataclass(frozen=True, slots=True)
class Remove:
    """Make *path* absent: a file, a link, or an empty directory; with *tree*, all below it too.

    Absent already is fine. A directory that is not empty, without *tree*, is a failure.
    """

    path: str
    tree: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """Bring *source* home as *into*, a path in the store that memops chose itself.

    *source* is the path of a file (those of ``/proc``, of no size, too), or a look whose standard
    output is wanted.
    """

    source: str | Run
    into: str


Look = Run | Read | Stat | Glob
Action = Run | Put | Remove | Fetch


@dataclass(frozen=True, slots=True)
class Output:
    """What a look or an action answered: exit code, standard output and standard error."""

    rc: int
    stdout: bytes = b""
    stderr: bytes = b""

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 are kept as surrogates."""
        return self.stdout.decode("utf-8", "surrogateescape")
