"""Apps whose unit gives them a sandbox: whether the library gets in, and heap profiles out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.errors import StepFailed
from memops.facts.sight import sight

if TYPE_CHECKING:
    from memops.facts.launch import Settings
    from memops.facts.process import Process
    from memops.facts.sight import Sight
    from memops.model.app import App
    from memops.model.step import Probe


def to_be_opened(
    probe: Probe, app: App, main: Process, dumps: str, library: str = ""
) -> tuple[str, str]:
    """What the unit keeps from *app*: the directory *dumps* to write to, that of *library* to read.

    Each is empty where nothing keeps it away. Raises `StepFailed` for an app that could not profile
    whatever its launch file says.
    """
    place = library.rpartition("/")[0]
    writing, reading = sight(main, dumps), sight(main, place or "/")
    probe.prefetch(writing, reading)
    seen, lib = probe(writing), probe(reading)
    if seen.own_root:
        what = "it has a root directory of its own (RootDirectory=, chroot or a container)"
        remedy = "memops cannot put a library there: preload it in its image"
        raise StepFailed(app.name, what, remedy)
    for each in (seen, lib):
        _refuse_hidden(app, each)
    writable = dumps if seen.covered or not seen.writable else ""
    readable = place if lib.covered else ""
    if app.shape != "dropin" and (writable or readable):
        raise _nowhere_to_write(app, seen if writable else lib, writable, readable)
    return writable, readable


def _refuse_hidden(app: App, seen: Sight) -> None:
    if seen.hidden:
        what = f"its unit hides {seen.nearest} from it (InaccessiblePaths= or ProtectHome=)"
        remedy = "no drop-in can open that again: take it out of the unit"
        raise StepFailed(app.name, what, remedy)


def _nowhere_to_write(app: App, seen: Sight, writable: str, readable: str) -> StepFailed:
    """Only a drop-in can open a sandbox, and *app* has its launch settings elsewhere."""
    how = "covers" if seen.covered else "makes read-only to it"
    what = f"its unit {how} {seen.nearest} (ProtectSystem=, TemporaryFileSystem=)"
    lines = [f"BindPaths=-{writable}"] * bool(writable)
    lines += [f"BindReadOnlyPaths=-{readable}"] * bool(readable)
    return StepFailed(app.name, what, f"add {' and '.join(lines)} to the unit, or shape: dropin")


def cannot_write(probe: Probe, main: Process, wanted: Settings) -> str | None:
    """Why *main* will write no heap profile, for jemalloc says nothing where it cannot; else None."""
    directory = wanted.dumps.rpartition("/")[0]
    seen = probe(sight(main, directory or "/"))
    if not seen.known or not directory:
        return None
    if seen.covered or not seen.there:
        return f"does not see {directory} (TemporaryFileSystem= or InaccessiblePaths= of its unit?)"
    if not seen.writable:
        return f"may not write to {directory}, which its unit makes read-only"
    if main.uid not in {0, seen.owner}:
        return f"runs as user {main.uid}, and {directory} is user {seen.owner}'s"
    return None
