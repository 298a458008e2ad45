"""From files of ``/proc``, a JVM and allocators to a verdict, without or beside heap profiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memops.profile.growth.window import nothing_then, resolved
from memops.profile.study import newest, time_of
from memops.profile.verdict.collect import read_snapshots
from memops.profile.verdict.evidence import Evidence, HeapGrowth, Subject
from memops.profile.verdict.judge import judge

if TYPE_CHECKING:
    from memops.profile.growth.window import Window
    from memops.profile.study import Inputs
    from memops.profile.verdict.values import Verdict


@dataclass(frozen=True, slots=True)
class Inspection:
    """A process judged by what was told of its memory at *times* (seconds since the epoch).

    *pid* is None where no file tells it; *notes* are sentences about the input that the reader must
    know.
    """

    inputs: Inputs
    verdict: Verdict
    times: tuple[float, ...]
    rss: tuple[int | None, ...]
    pid: int | None = None
    notes: tuple[str, ...] = ()


def within(inputs: Inputs, window: Window | None, latest: float) -> Inputs:
    """*inputs* with those files of memory that are of the *window*, of which durations end at *latest*."""
    span = resolved(window, latest)
    return inputs._replace(
        memory=[path for path in inputs.memory if span.holds(time_of(path, inputs))]
    )


def inspect_alone(
    inputs: Inputs, window: Window | None = None, *, keep_going: bool = False
) -> Inspection:
    """The verdict on *inputs* without heap profiles, by the files of the *window*.

    Durations are before the newest of them. Raises `UsageError` where it leaves none.
    """
    then = within(inputs, window, newest([inputs]))
    if window and not then.memory:
        times = [time_of(path, inputs) for path in inputs.memory]
        raise nothing_then(window, times, "files that tell of memory was taken")
    return inspect(then, keep_going=keep_going)


def inspect(
    inputs: Inputs,
    *,
    growth: HeapGrowth | None = None,
    pid: int | None = None,
    keep_going: bool = False,
) -> Inspection:
    """The verdict on the process that the memory files of *inputs* are of.

    *growth* is what its heap profiles told. Raises `UsageError` for a file that cannot be used; with
    *keep_going* it is left out, and the notes tell of it.
    """
    left_out: list[str] | None = [] if keep_going else None
    snapshots = read_snapshots(inputs.memory, inputs.times, left_out)
    pids = tuple(each for snapshot in snapshots for each in snapshot.pids)
    notes = list(left_out or ())
    if pid and pids and pid not in pids:
        growth = None
        notes.append(f"findings on process {pids[0]} alone; the heap profiles are of process {pid}")
        pid = None
    pid = pid or next(iter(pids), None)
    subject = Subject(inputs.app, inputs.host, pid)
    return Inspection(
        inputs=inputs,
        verdict=judge(Evidence(snapshots, growth, subject)),
        times=tuple(each.time for each in snapshots),
        rss=tuple(each.rss for each in snapshots),
        pid=pid,
        notes=tuple(notes),
    )
