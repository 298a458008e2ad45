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
    probe: Probe, app: App, main: Process, dumps: str, library: str
) -> tuple[str, ...]:
    """The lines of a drop-in by which *app* may write to the directory *dumps* and map *library*.

    There are none where nothing keeps it from that. Raises `StepFailed` for an app that could not
    profile whatever its launch file says.
    """
    place = library.rpartition("/")[0]
    writing, reading = sight(main, dumps), sight(main, place)
    probe.prefetch(writing, reading)
    seen, lib = probe(writing), probe(reading)
    _refuse(app, seen, lib)
    wanted = (
        ("BindPaths", dumps, seen.covered or not seen.writable),
        ("BindReadOnlyPaths", place, lib.covered),
        ("ExecPaths", place, not lib.executable),
    )
    # Without "-" a unit whose directory somebody removes would not start; "%" is a specifier.
    lines = tuple(f"{name}=-{path.replace('%', '%%')}" for name, path, shut in wanted if shut)
    if lines and app.shape != "dropin":
        kept = dumps if wanted[0][2] else place
        what = f"it is kept from {kept} (by the sandbox of its unit, or a mount)"
        raise StepFailed(app.name, what, f"add {' and '.join(lines)} to the unit")
    return lines


def _refuse(app: App, *seen: Sight) -> None:
    """Raise `StepFailed` for what no drop-in can open."""
    if any(each.own_root for each in seen):
        what = "it has a root directory of its own (RootDirectory=, chroot or a container)"
        remedy = "memops cannot put a library there: preload it in its image"
        raise StepFailed(app.name, what, remedy)
    hidden = [each.nearest for each in seen if each.hidden]
    if hidden:
        what = f"its unit hides {hidden[0]} from it (InaccessiblePaths= or ProtectHome=)"
        raise StepFailed(app.name, what, "no drop-in opens that again: take it out of the unit")


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
