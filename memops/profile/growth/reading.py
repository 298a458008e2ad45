"""The dumps of one life, read one after the other: what the first and the last hold, and the way between."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.profile.growth.series import Track
from memops.profile.heap.profile import scaling
from memops.profile.heap.runs import read_dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Mapping as Map
    from pathlib import Path

    from memops.profile.growth.condense import Condensed, Condenser
    from memops.profile.growth.naming import Codes, Row
    from memops.profile.heap.dump import Dump
    from memops.profile.heap.runs import Reader, Run


class Reading:
    """What is kept of the dumps that were read: no more than two of them, and the *track*.

    *paths* are those that count, in their order; *live* is what the last one holds, in bytes, and
    *after* its rows; *before_live* and *before* are those of the first.
    """

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.before: Map[Codes, Row] = {}
        self.after: Map[Codes, Row] = {}
        self.live = self.before_live = 0
        self.track = Track()
        self.notes: list[str] = []

    def take(self, path: Path, time: float, dump: Dump, found: Condensed) -> None:
        """Take in *dump*, the file at *path* of *time*, of which *found* was made."""
        if not self.paths:
            self.before, self.before_live = found.rows, found.live
        self.paths.append(path)
        self.after, self.live = found.rows, found.live
        self.track.add(time, found.rows, dump.interval, found.live)


def read_run(
    run: Run,
    condenser: Condenser,
    reader: Reader,
    *,
    time_of: Callable[[Path], float],
    epoch: Callable[[float], str],
    base: Path | None = None,
) -> Reading:
    """The dumps of *run*; only *base* and the last one, if there is a base.

    *time_of* tells when a dump was written (seconds since the epoch), and *epoch* which code the
    process had made for itself by then. Dumps of another program under the same pid (before an
    ``exec``) are left out. Raises `UsageError` for a broken one, unless *reader* leaves those out,
    or if none is left.
    """
    reading, last = Reading(), run.files[-1].path

    def one(path: Path) -> tuple[Dump, Condensed]:
        dump = run.last if path == last else read_dump(path)
        return dump, condenser.condense(dump, epoch(time_of(path)))

    earlier = [base] if base else [each.path for each in run.files[:-1]]
    for path in [*earlier, last]:
        found = reader.attempt(partial(one, path))
        if found and (base or found[0].executable == run.last.executable):
            if not reading.paths or path == last:
                reading.notes += _notes(path, *found, run.last)
            reading.take(path, time_of(path), *found)
    if not reading.paths:
        raise UsageError("heap profiles", "none of the files can be used", reader.left_out[0])
    return reading


def _notes(path: Path, dump: Dump, found: Condensed, last: Dump) -> Iterator[str]:
    """What the reader must know of the first dump and the last."""
    kind = scaling(dump.total.live, dump.interval, found.raw, found.live)
    if kind == "inconsistent":
        yield f"{path.name}: its stacks do not add up to its header; is it mixed?"
    if kind == "raw" and dump.writer == "jemalloc" and len(found.rows) > 1:
        yield "jemalloc before 5.3.0: stacks that mix sizes are averaged, so less exact"
    if dump.executable != last.executable:
        yield f"the base is a dump of another program, {dump.executable}"
