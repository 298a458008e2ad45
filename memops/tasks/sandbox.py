"""Apps whose unit gives them a sandbox: whether their heap profiles get out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.errors import StepFailed
from memops.facts.sight import sight

if TYPE_CHECKING:
    from memops.facts.launch import Settings
    from memops.facts.process import Process
    from memops.model.app import App
    from memops.model.step import Probe


def to_be_opened(probe: Probe, app: App, main: Process, dumps: str) -> str:
    """The directory *dumps* where the unit keeps *app* from writing to it; else nothing.

    Raises `StepFailed` for an app that could not profile whatever its launch file says.
    """
    seen = probe(sight(main, dumps))
    if seen.own_root:
        what = "it has a root directory of its own (RootDirectory=, chroot or a container)"
        remedy = "memops cannot put a library there: preload it in its image"
        raise StepFailed(app.name, what, remedy)
    if seen.writable:
        return ""
    if app.shape != "dropin":
        what = f"its unit makes {seen.nearest} read-only to it (ProtectSystem=?)"
        remedy = f"mkdir -p {dumps}, and add ReadWritePaths={dumps} to the unit"
        raise StepFailed(app.name, what, remedy)
    return dumps


def cannot_write(probe: Probe, main: Process, wanted: Settings) -> str | None:
    """Why *main* will write no heap profile, for jemalloc says nothing where it cannot; else None."""
    directory = wanted.dumps.rpartition("/")[0]
    seen = probe(sight(main, directory))
    if not seen.known or not directory:
        return None
    if seen.nearest != directory:
        return f"does not see {directory} (TemporaryFileSystem= or InaccessiblePaths= of its unit?)"
    if not seen.writable:
        return f"may not write to {directory}, which its unit makes read-only"
    if main.uid not in {0, seen.owner}:
        return f"runs as user {main.uid}, and {directory} is user {seen.owner}'s"
    return None
