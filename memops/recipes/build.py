"""One build of a library: the script runs somewhere, is listened to, and hands the library over."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memops.errors import HostError, StepFailed
from memops.model.action import Run
from memops.model.event import Progress
from memops.recipes.scripts import BUILD
from memops.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from memops.model.event import Sink
    from memops.transport.base import Session

_MARK = b"memops-library "
_ELSEWHERE = "build elsewhere: --build controller or portable"
_WHY = {
    "scratch": (
        "no scratch directory where programs may run (/var/tmp, /tmp)",
        f"set TMPDIR there, or {_ELSEWHERE}",
    ),
    "space": ("less than 64 MiB free in /var/tmp and /tmp", f"make room, or {_ELSEWHERE}"),
    "memory": ("less than 300 MiB of memory free to compile in", _ELSEWHERE),
    "unpack": ("the source does not unpack", "look at the log"),
    "autoconf": (
        "the source has no ./configure",
        "give a release tarball, or run ./autogen.sh and pack it again",
    ),
    "configure": ("configure failed", "look at the log"),
    "unwinder": (
        "configure found no unwinder that survives (neither libgcc nor libunwind)",
        "install the compiler's whole package, or say --build portable",
    ),
    "libunwind": (
        "configure found no libunwind to compile with",
        "install libunwind-dev (libunwind-devel) where it is built, or say --unwinder libgcc",
    ),
    "make": ("the compiler failed", "look at the log"),
}
_ONE_HOSTS = frozenset({"scratch", "space", "memory"})


class BuildFailed(HostError):
    """A build ended badly; *contagious* if it would end so on every like host; *log* its last lines."""

    def __init__(
        self, where: str, what: str, remedy: str, *, contagious: bool = False, log: str = ""
    ) -> None:
        super().__init__(where, what, remedy)
        self.contagious = contagious
        self.log = log


def brew(
    session: Session,
    source: bytes,
    options: Sequence[str],
    hear: Callable[[str], None],
    *,
    env: tuple[tuple[str, str], ...] = (),
    deadline: float = 900.0,
) -> bytes:
    """The library's bytes, built from the gzipped tarball *source* where *session* is.

    *hear* gets each line of the log as it comes. After *deadline* seconds the build is killed; its
    scratch directory is gone in any case.
    """
    argv = ("sh", "-c", BUILD, "memops-build", *options)
    run = Run(argv, env=(("MEMOPS_LIBS", ""), *env), stdin=source, timeout=deadline)
    log, begun = _Log(hear), time.monotonic()
    try:
        library = _listen(session.stream(run), log.add)
    except StepFailed as error:
        library = None
        log.add(error.output)
    if library is None:
        raise log.failure(session.host, time.monotonic() - begun, deadline)
    return library


def progress_of(sink: Sink, host: str, what: str) -> Callable[[str], None]:
    """A listener that tells *sink* how far a build has come."""
    total = done = 0

    def hear(line: str) -> None:
        nonlocal total, done
        if line.startswith("memops-phase compile "):
            count = line.rpartition(" ")[2]
            total, done = int(count) if count.isdigit() else 0, 0
        elif total and " -c " in line:
            done += 1
            sink(Progress(host, f"compiling {what}", min(done, total), total, "steps"))
        elif not total and line.startswith("checking "):
            done += 1
            sink(Progress(host, f"configuring {what}", done, 0, "steps"))

    return hear


@dataclass(slots=True)
class _Log:
    hear: Callable[[str], None]
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=60))
    failed: str = ""

    def add(self, line: str) -> None:
        if line.startswith("memops-failed "):
            self.failed = line.removeprefix("memops-failed ").strip()
        elif line:
            self.tail.append(line)
            self.hear(line)

    def failure(self, host: str, lasted: float, deadline: float) -> BuildFailed:
        log = "\n".join(self.tail)
        if self.failed in _WHY:
            what, remedy = _WHY[self.failed]
            contagious = self.failed not in _ONE_HOSTS
        elif lasted >= deadline:
            what, contagious = f"the build was stopped after {format_duration(deadline)}", True
            remedy = _ELSEWHERE
        else:
            what, remedy, contagious = "the build was cut short", "run it again", False
        last = next((line for line in reversed(self.tail) if "rror" in line), "")
        return BuildFailed(
            host, f"{what}{f' ({last.strip():.200})' if last else ''}", remedy,
            contagious=contagious, log=log,
        )  # fmt: skip


def _listen(chunks: Iterable[bytes], hear: Callable[[str], None]) -> bytes | None:
    """The bytes after the mark, if as many came as it promises; each line before goes to *hear*."""
    text, library, size = bytearray(), bytearray(), -1
    for chunk in chunks:
        if size >= 0:
            library += chunk
            continue
        text += chunk
        while size < 0 and (end := text.find(b"\n")) >= 0:
            line, text = bytes(text[:end]), text[end + 1 :]
            if line.startswith(_MARK) and line[len(_MARK) :].strip().isdigit():
                size, library = int(line[len(_MARK) :]), text
            else:
                hear(line.decode("utf-8", "replace"))
    return bytes(library) if size == len(library) and size > 0 else None
