"""Commands: always something to do, unless a file says it was done."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.facts import file as facts
from memops.model.action import Run
from memops.model.step import Change, NoUndo, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.model.step import Probe


def command(
    probe: Probe,
    *,
    cmd: str | None = None,
    argv: list[str] | None = None,
    chdir: str | None = None,
    creates: str | None = None,
    removes: str | None = None,
    stdin: str | None = None,
    timeout: float = 600.0,
    undo: list[str] | None = None,
) -> Iterator[Step]:
    """Run a command without a shell; *undo* is the argv that takes it back, if there is one."""
    words = tuple(argv) if argv else tuple(shlex.split(cmd or ""))
    if not words:
        raise UsageError("command", "has nothing to run", "give cmd or argv")
    yield from _run(probe, words, chdir, creates, removes, stdin, timeout, undo)


def shell(
    probe: Probe,
    *,
    cmd: str,
    chdir: str | None = None,
    creates: str | None = None,
    removes: str | None = None,
    stdin: str | None = None,
    timeout: float = 600.0,
    undo: str | None = None,
) -> Iterator[Step]:
    """Run *cmd* with the host's ``/bin/sh``; *undo* is the command that takes it back."""
    back = ["sh", "-c", undo] if undo else None
    yield from _run(probe, ("sh", "-c", cmd), chdir, creates, removes, stdin, timeout, back)


def _run(
    probe: Probe, argv: tuple[str, ...], chdir: str | None, creates: str | None,
    removes: str | None, stdin: str | None, timeout: float, undo: list[str] | None,
) -> Iterator[Step]:  # fmt: skip
    if creates and probe(facts.entry(creates)) is not None:
        return
    if removes and probe(facts.entry(removes)) is None:
        return
    given = (stdin or "").encode()
    yield Step(
        Change("command", None, shlex.join(argv)),
        do=Run(argv, cwd=chdir, stdin=given, timeout=timeout),
        undo=Run(tuple(undo), cwd=chdir) if undo else NoUndo("a command has no known inverse"),
    )
