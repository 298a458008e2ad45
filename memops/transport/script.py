"""Looks and actions as POSIX shell text: pure functions, no host in sight.

Each call is one subshell that uses the functions of `memops.transport.functions`. Names may hold any
byte but NUL: quotes, newlines, leading dashes and glob characters are literal wherever they stand.
"""

from __future__ import annotations

import math
import posixpath
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memops.errors import StepFailed
from memops.model.action import (
    Dir,
    Fetch,
    File,
    Glob,
    Link,
    Local,
    Put,
    Read,
    Recipe,
    Remove,
    Run,
    Saved,
    Stat,
)  # fmt: skip
from memops.transport import functions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.model.action import Action, Look

INLINE = 24 << 10
"""Bytes of content that still go into the script itself: in octal they fit one argument (128 KiB),
for a shell whose printf is a program."""

_PIECE = 1 << 18
_LOST = 0o7000  # the bits of a mode that a write clears
_ODD = re.compile(rb"[^\n\x20-\x7e]|[%\\']")  # what printf or the shell would not print as it is

SAVE = """
umask 077
sha256() { s=$(sha256sum <"$1") && [ "${s%% *}" = "$2" ]; }
mkdir -p "$2/originals" || exit 1
kept=$2/originals/$3
[ -f "$kept" ] && sha256 "$kept" "$3" && exit 0
temp=$(mktemp "$kept.XXXXXX") || exit 1
trap 'rm -f "$temp"' EXIT
said=$(dd if="$1" of="$temp" bs=65536 conv=notrunc,fsync 2>&1) || {
    printf '%s\\n' "$said" | sed -e '/ records /d' -e '/ copied/d' -e q >&2
    exit 1
}
sha256 "$temp" "$3" || { echo "$1: changed since it was looked at" >&2; exit 1; }
mv -f "$temp" "$kept"
"""
"""Keeps the file $1, whose sha256 is $3, in the run directory $2."""


@dataclass(frozen=True, slots=True)
class Small:
    """A file whose bytes travel in the script.

    *path* and *owner* are shell words, *text* is the command that prints it.
    """

    path: str
    mode: str
    owner: str
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """One item of a batch: its shell *text*, the exit codes that are well, and bytes it asks for.

    *small* is for files that can be written together; *text* does the same for this one alone.
    """

    text: str
    ok: tuple[int, ...] = (0,)
    payload: bytes | Local | None = None
    seconds: float = 0.0
    small: Small | None = None


def quote(text: str) -> str:
    """*text* as one shell word; raises `StepFailed` where it holds a NUL, which no name can."""
    if "\0" in text:
        raise StepFailed("", f"{text!r:.80} holds a NUL byte", "no path or argument can")
    return shlex.quote(text)


def operand(path: str) -> str:
    """*path* as a shell word that no command takes for an option or for standard input."""
    if not path:
        raise StepFailed("", "a path is empty", "give an absolute path")
    return quote(path if path.startswith("/") else f"./{path}")


def absolute(path: str) -> str:
    """*path* in its simplest form; an action takes only absolute paths, and never ``/``."""
    simple = posixpath.normpath(path)
    if not path.startswith("/") or ".." in path.split("/") or not simple.strip("/"):
        raise StepFailed("", f"{path!r:.200} is not a path to change", "give an absolute path")
    return "/" + simple.lstrip("/")


def printf(content: bytes) -> str:
    """The command that prints *content*, of any bytes, in dash, bash and busybox alike."""
    text = _ODD.sub(lambda odd: b"\\%03o" % odd[0][0], content).decode()
    if text.startswith("-"):  # not an option
        text = "\\055" + text[1:]
    return f"printf '{text}'"


def payload(content: bytes | Local) -> Iterator[bytes]:
    """The bytes of *content* in pieces of 256 KiB."""
    if isinstance(content, bytes):
        yield content
        return
    left = content.size
    with Path(content.path).open("rb") as source:
        while left and (piece := source.read(min(_PIECE, left))):
            left -= len(piece)
            yield piece
    if left:
        raise StepFailed("", f"{content.path} is shorter than it was", "run again")


def look(wanted: Look) -> Call:
    """The call that makes a look."""
    match wanted:
        case Stat(path, digest):
            return Call(f"memops_stat {operand(path)} {'digest' if digest else quote('')}")
        case Read(path, limit):
            return Call(f"memops_read {operand(path)} {limit:d}")
        case Glob(directory, pattern):
            start = operand(directory.rstrip("/") or "/").rstrip("/")
            return Call(f"memops_glob {start}/{_pattern(pattern)}")
        case Run():
            return _run(wanted, "")


def action(wanted: Action, run_dir: str) -> Call:
    """The call that does an action; *run_dir* is the shell word of the run directory."""
    match wanted:
        case Put(path, entry):
            return _put(quote(absolute(path)), entry, run_dir)
        case Remove(path, tree):
            return Call(f"memops_remove {quote(absolute(path))} {'tree' if tree else quote('')}")
        case Run():
            return _run(wanted, "memops_restore; ")
        case Fetch():
            raise StepFailed("", "a fetch is no shell command", "use Session.fetch")


def render_action(
    wanted: Action, run_dir_expr: str = '"$MEMOPS_RUN"', *, alone: bool = True
) -> str:
    """Shell text that does *wanted* on the host, with nothing but the host's own means.

    *run_dir_expr* is the shell word under which saved originals lie. *alone* brings the functions
    it needs along; without, write `memops.transport.functions.ALL` once in front of all. Raises
    `StepFailed` for what only a controller can do (a fetch, a file of its own).
    """
    call = action(wanted, run_dir_expr)
    if isinstance(call.payload, bytes):
        call = _inlined(call, call.payload)
    if call.payload is not None:
        raise StepFailed("", "a file of the controller cannot go into a script of the host")
    text = call.text.replace("memops_restore; ", "")
    if not alone:
        return f"({text})"
    needed = functions.RUN + functions.PROCESSES if isinstance(wanted, Run) else functions.ENTRIES
    return f"({needed}\n{text})"


def save(path: str, run_dir: str, sha256: str) -> Run:
    """The action that keeps *path* as it is now in *run_dir*; refuses when it has changed."""
    return Run(("sh", "-c", SAVE, "memops-save", path, run_dir, sha256), timeout=600.0)


def _put(path: str, entry: File | Dir | Link, run_dir: str) -> Call:
    owner = _owner(entry.owner, entry.group)
    match entry:
        case File():
            return _file(path, entry, run_dir)
        case Dir(mode):
            return Call(f"memops_dir {path} {mode:04o} {owner}")
        case Link(target):
            return Call(f"memops_link {path} {quote(target)} {owner}")


def _file(path: str, file: File, run_dir: str) -> Call:
    mode, owner = f"{file.mode:04o}", _owner(file.owner, file.group)
    text = f"memops_file {path} {mode} {owner}"
    match file.content:
        case bytes() as content if len(content) <= INLINE:
            printed = printf(content)
            small = None if file.mode & _LOST else Small(path, mode, owner, printed)
            return Call(f"{printed} | {text} ''", small=small)
        case bytes() as content:
            return Call(_taken(len(content), f"{text} ''", "||"), payload=content)
        case Local(_, sha256, size) as content:
            return Call(_taken(size, f"{text} {quote(sha256)}", "||"), payload=content)
        case Saved(sha256):
            sha = quote(sha256)
            return Call(f"{text} {sha} <{run_dir}/originals/{sha}")
        case Recipe(kind):
            raise StepFailed("", f"the recipe {kind} has not been made yet")


def _taken(size: int, text: str, then: str = ";") -> str:
    """*text* with *size* raw bytes of the session's own stream as its standard input.

    Whatever *text* leaves unread is read, so that the next command begins where the payload ends;
    with ``||`` as *then*, only if it fails.
    """
    rest = "{ memops_rc=$?; cat >/dev/null; exit $memops_rc; }"
    return f"memops_take {size:d} <&7 | {{ {text}{then} {rest}; }}"


def _inlined(call: Call, content: bytes) -> Call:
    return Call(call.text.replace(f"memops_take {len(content):d} <&7", printf(content), 1), call.ok)


def _run(wanted: Run, first: str) -> Call:
    program = wanted.argv[0] if wanted.argv else ""
    if not program:
        raise StepFailed("", "a command is empty")
    # env would take a program with a = in its name, or - in front, for something else
    odd = ("sh", "-c", 'exec "$@"', "sh") if "=" in program or program.startswith("-") else ()
    env = tuple(f"{name}={value}" for name, value in wanted.env)
    words = " ".join(map(quote, ("env", *env, *odd, *wanted.argv)))
    cwd = operand(wanted.cwd) if wanted.cwd else quote("")
    text = f"memops_run {max(1, math.ceil(wanted.timeout)):d} {cwd} {words}"
    if not wanted.stdin:
        return Call(f"{first}{text}", wanted.ok, seconds=wanted.timeout)
    if len(wanted.stdin) <= INLINE:
        return Call(f"{first}{printf(wanted.stdin)} | {text}", wanted.ok, seconds=wanted.timeout)
    return Call(first + _taken(len(wanted.stdin), text), wanted.ok, wanted.stdin, wanted.timeout)


def _owner(owner: str | None, group: str | None) -> str:
    """The operand of chown; an owner alone keeps no trailing colon, which would name a group."""
    if owner is not None and group is None:
        return quote(owner)
    return quote(f"{owner or ''}:{group or ''}")


def _pattern(pattern: str) -> str:
    """A glob in which only ``*`` and ``?`` are wild."""
    if "/" in pattern or not pattern:
        raise StepFailed("", f"{pattern!r:.200} is not a pattern of names", "leave out the slash")
    return "".join(
        part if part in ("*", "?") else quote(part) for part in re.split(r"([*?])", pattern) if part
    )
