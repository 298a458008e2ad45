"""Events on a terminal: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import difflib
import sys
import time
from threading import Lock
from typing import TYPE_CHECKING, TextIO

import click

from memops.model.event import (
    HostEnded,
    Note,
    Planned,
    PlayStarted,
    Progress,
    TaskEnded,
    WaveStarted,
)
from memops.units import format_duration, format_size

if TYPE_CHECKING:
    from memops.model.event import Event
    from memops.model.step import Change

_COLORS = {
    "ok": "green", "changed": "yellow", "skipped": "cyan", "failed": "red",
    "unreachable": "red", "rolledback": "magenta", "ignored": "blue",
}  # fmt: skip
_QUIET = 5.0  # seconds between two progress lines of one host, where stderr is no terminal
_NOTABLE = 1.0  # seconds from which a task's duration is worth telling


class Terminal:
    """A sink for people. With *diff* each change is shown before and after."""

    def __init__(self, *, check: bool, diff: bool, verbose: int, color: bool | None) -> None:
        self._check, self._diff, self._verbose, self._color = check, diff, verbose, color
        self._lock = Lock()
        self._live = sys.stderr.isatty()
        self._line = ""
        self._told: dict[str, float] = {}
        self._recap = False

    def __call__(self, event: Event) -> None:
        """Show *event*."""
        with self._lock:
            if isinstance(event, Progress):
                self._progress(event)
                return
            self._clear()
            self._show(event)

    def _show(self, event: Event) -> None:
        match event:
            case PlayStarted(play, hosts):
                self._out(f"PLAY [{play}] on {_hosts(hosts)}", bold=True)
            case WaveStarted(number, total, hosts):
                self._out(f"WAVE {number} of {total}: {_hosts(hosts)}", bold=True)
            case Planned():
                self._planned(event)
            case TaskEnded():
                self._ended(event)
            case HostEnded():
                self._recap_line(event)
            case Note(host, text, level):
                if level != "info" or self._verbose or "becomes" in text:
                    color = {"warning": "yellow", "error": "red"}.get(level)
                    where = f"{host}: " if host else ""
                    self._err(f"  {where}{text}", color)
            case Progress():
                pass

    def _planned(self, event: Planned) -> None:
        if not (self._check or self._diff or self._verbose):
            return
        verb = "would change" if self._check else "changes"
        undo = "" if event.undoable else "  (no undo)"
        self._out(f"  {event.host}: {verb} {event.change.what}{undo}")
        if self._diff:
            for line in diff_lines(event.change):
                color = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
                self._out(f"    {line}", color)

    def _ended(self, event: TaskEnded) -> None:
        took = f"  ({format_duration(event.seconds)})" if event.seconds >= _NOTABLE else ""
        detail = f": {event.detail}" if event.detail else ""
        text = f"{event.outcome:<11} {event.host}  {event.task}{took}{detail}"
        self._out(text, _COLORS[event.outcome])

    def _recap_line(self, event: HostEnded) -> None:
        if not self._recap:
            self._recap = True
            self._out("PLAY RECAP", bold=True)
        names = ("ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored",
                 "rolledback")  # fmt: skip
        counts = " ".join(f"{name}={getattr(event, name):<3}" for name in names)
        bad = event.failed or event.unreachable
        self._out(f"{event.host:<26} : {counts}".rstrip(), "red" if bad else None)

    def _progress(self, event: Progress) -> None:
        text = f"  {event.host}: {event.what} {_amount(event)}".rstrip()
        now = time.monotonic()
        if self._live:
            width = max(20, _columns(sys.stderr) - 1)
            self._clear()
            self._line = text[:width]
            sys.stderr.write(self._line)
            sys.stderr.flush()
        elif now - self._told.get(event.host, now - _QUIET) >= _QUIET:
            self._told[event.host] = now
            self._err(text)

    def _clear(self) -> None:
        if self._line:
            sys.stderr.write("\r" + " " * len(self._line) + "\r")
            sys.stderr.flush()
            self._line = ""

    def _out(self, text: str, color: str | None = None, *, bold: bool = False) -> None:
        click.secho(printable(text), fg=color, bold=bold, color=self._color)

    def _err(self, text: str, color: str | None = None) -> None:
        click.secho(printable(text), err=True, fg=color, color=self._color)


def diff_lines(change: Change) -> list[str]:
    """*change* as a unified diff without file names; single lines as ``before -> after``."""
    before, after = (change.before or ""), (change.after or "")
    if "\n" not in before.strip("\n") and "\n" not in after.strip("\n"):
        shown = [each.strip("\n") if each else "absent" for each in (change.before, change.after)]
        return [f"{shown[0]} -> {shown[1]}"]
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return [line for line in lines if not line.startswith(("---", "+++"))]


def printable(text: str) -> str:
    """*text* without the control characters by which a host could write over the screen."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in text
    )


def _amount(event: Progress) -> str:
    if event.unit == "bytes":
        total = f" of {format_size(event.total)}" if event.total else ""
        return f"{format_size(event.done)}{total}"
    if event.unit == "seconds":
        return f"({event.done} s of at most {event.total} s)"
    total = f"/{event.total}" if event.total else ""
    return f"{event.done}{total} {event.unit}" if event.done or event.total else ""


def _hosts(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""  # noqa: PLR2004
    return f"{len(names)} host{'s' if len(names) != 1 else ''}: {shown}{more}"


def _columns(stream: TextIO) -> int:
    import shutil

    return shutil.get_terminal_size().columns if stream.isatty() else 80
