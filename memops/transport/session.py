"""The session that every transport with a real shell offers, over `memops.transport.shell`."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from memops.errors import StepFailed
from memops.model.action import Fetch, Output, Run
from memops.transport import fetch as fetching
from memops.transport import script
from memops.transport.shell import Ended, Lost, Shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from memops.model.action import Action, Look
    from memops.model.host import Become
    from memops.transport.script import Call
    from memops.transport.shell import Piece, Stream

LIMIT = 64 << 20
"""Bytes of one answer that are kept in memory; a command that prints more is killed."""

_OVERFLOW = 137


class ShellSession:
    """One shell on one host as one user; see `memops.transport.base.Session`."""

    def __init__(self, host: str, shell: Shell, run_dir: str | None = None) -> None:
        self._host = host
        self._run_dir = run_dir
        self._shell = shell

    @property
    def host(self) -> str:
        """The host's name in the inventory."""
        return self._host

    @property
    def run_dir(self) -> str | None:
        """Where saved bytes lie on the host."""
        return self._run_dir

    def look(self, looks: Sequence[Look]) -> tuple[Output, ...]:
        """Make all looks; one output each, in order."""
        calls = [self._named(script.look, look) for look in looks]
        outputs: list[Output] = []
        while len(outputs) < len(calls):  # again only after one that printed without end
            outputs += self._looked(calls[len(outputs) :])
        return tuple(outputs)

    def act(self, actions: Sequence[Action]) -> tuple[Output, ...]:
        """Do actions in order until one fails."""
        outputs: list[Output] = []
        for fetch, part in _parts(actions):
            if fetch is not None:
                outputs += self.fetch([(fetch.source, Path(fetch.into))])
                well: tuple[int, ...] = (0,)
            else:
                calls = [self._call(action) for action in part]
                outputs += self._batch(calls, until_failure=True)
                well = calls[-1].ok
                if len(outputs) < len(calls):
                    break
            if outputs[-1].rc not in well:
                break
        return tuple(outputs)

    def save(self, path: str, sha256: str) -> Action:
        """The action that keeps a file as it is now."""
        if self._run_dir is None:
            raise StepFailed(self._host, f"{path} cannot be kept: the run has no directory here")
        return script.save(path, self._run_dir, sha256)

    def stream(self, look: Look, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
        """The standard output of one look, as it comes."""
        call = self._named(script.look, look)
        received, said = 0, bytearray()
        with closing(self._shell.converse([call])) as events:
            for event in events:
                if isinstance(event, Ended):
                    _must_be_well(self._host, look, event.rc, call, bytes(said))
                elif event.err:
                    said = (said + event.content)[-4096:]
                else:
                    yield event.content
                    received += len(event.content)
                    if progress is not None:
                        progress(received)

    def fetch(
        self,
        files: Iterable[tuple[str | Run, Path]],
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Output, ...]:
        """Bring files home, one output each."""
        return fetching.fetch(self._shell, files, progress)

    def _looked(self, calls: Sequence[Call]) -> list[Output]:
        """A look may be made twice, so a connection that broke is tried once more."""
        try:
            return self._batch(calls, until_failure=False)
        except Lost:
            return self._batch(calls, until_failure=False)

    def _call(self, action: Action) -> Call:
        if self._run_dir is None:
            return self._named(script.action, action, "/nonexistent")
        return self._named(script.action, action, script.quote(self._run_dir))

    def _named(self, render: Callable[..., Call], *wanted: object) -> Call:
        """The call, with the host's name in front of what is wrong with it."""
        try:
            return render(*wanted)
        except StepFailed as error:
            raise StepFailed(self._host, error.what, error.remedy) from error

    def _batch(self, calls: Sequence[Call], *, until_failure: bool) -> list[Output]:
        """The outputs of *calls*; fewer where one failed, or printed more than `LIMIT`."""
        if not calls:
            return []
        answers, outputs = [_Answer() for _ in calls], list[Output]()
        with closing(self._shell.converse(calls, until_failure=until_failure)) as events:
            for event in events:
                answer = answers[event.index]
                if isinstance(event, Ended):
                    outputs.append(answer.output(event.rc))
                else:
                    answer.add(event)
                if len(outputs) < len(answers) and answers[len(outputs)].size > LIMIT:
                    outputs.append(answers[len(outputs)].output(_OVERFLOW))
                    break
        return outputs


class _Answer:
    """What one command has printed so far."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: tuple[list[bytes], list[bytes]] = ([], [])

    def add(self, piece: Piece) -> None:
        """Keep *piece*, unless there is too much already."""
        if self.size <= LIMIT:
            self._pieces[piece.err].append(piece.content)
        self.size += len(piece.content)

    def output(self, rc: int) -> Output:
        """The answer; says so where it is not whole."""
        out, err = (b"".join(pieces) for pieces in self._pieces)
        if self.size > LIMIT:
            return Output(_OVERFLOW, out, err + b"\nmore than 64 MiB of output: stopped\n")
        return Output(rc, out, err)


def _must_be_well(host: str, look: Look, rc: int, call: Call, said: bytes) -> None:
    if rc in call.ok:
        return
    what = " ".join(look.argv) if isinstance(look, Run) else getattr(look, "path", "")
    text = said.decode("utf-8", "replace").strip()
    last = text.splitlines()[-1] if text else ""
    raise StepFailed(
        host, f"{what[:200]!r} ended with {rc}{': ' if last else ''}{last}", output=text
    )


class Sessions:
    """The sessions of one connection to *host*: one for each user and run directory.

    Those of one user speak through one shell, in turn: a second one would cost a second login.
    """

    def __init__(self, host: str) -> None:
        self._name = host
        self._shells: dict[Become | None, Shell] = {}
        self._sessions: dict[tuple[Become | None, str | None], ShellSession] = {}

    def session(self, become: Become | None = None, *, run_dir: str | None = None) -> ShellSession:
        """See `memops.transport.base.Connection`."""
        key = (become, run_dir)
        if key not in self._sessions:
            if become not in self._shells:
                self._shells[become] = Shell(self._name, partial(self._greet, become))
            self._sessions[key] = ShellSession(self._name, self._shells[become], run_dir)
        return self._sessions[key]

    def _greet(self, become: Become | None) -> tuple[Stream, int]:
        """The stream of a new shell as *become* says, and its pid."""
        raise NotImplementedError

    def close(self) -> None:
        """End all sessions; what still runs on the host is killed."""
        shells, self._shells, self._sessions = list(self._shells.values()), {}, {}
        for shell in shells:
            shell.kill()


def _parts(actions: Sequence[Action]) -> Iterator[tuple[Fetch | None, list[Action]]]:
    """*actions* in order, each fetch alone and what lies between together."""
    part: list[Action] = []
    for action in actions:
        if isinstance(action, Fetch):
            if part:
                yield None, part
            yield action, []
            part = []
        else:
            part.append(action)
    if part:
        yield None, part
