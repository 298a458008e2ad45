"""What ``memops analyze`` makes of files that tell of a process's memory beside heap profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from memops.profile.study import Inputs
    from memops.report.view import View
    from memops.store import Artifact, Store

MEMORY_KINDS = frozenset(
    (
        "maps",
        "smaps",
        "smaps_rollup",
        "status",
        "pmap",
        "nmt",
        "vminfo",
        "heap_info",
        "system_map",
        "cgroup",
    )
)
"""The kinds of artifacts in the store that tell of a process's memory (`memops.store.names`)."""


def given_files(paths: Sequence[Path], *, keep_going: bool) -> Inputs:
    """The files at *paths*, sorted by what is in them."""
    from memops.profile.sorting import sort_files
    from memops.profile.study import Inputs

    found = sort_files(paths, keep_going=keep_going)
    return Inputs(found.dumps, memory=found.memory, perf_maps=found.perf_maps)


def of_last_life(store: Store, found: Sequence[Artifact]) -> list[Artifact]:
    """Of *found* what tells of the memory of the last life: two lives are not compared.

    Not all that is collected does: a cgroup's events, and a file that stayed empty because the JVM
    does not know the question, are passed over.
    """
    from memops.profile.memory import kinds

    memory = [each for each in found if each.kind in MEMORY_KINDS]
    last = [each for each in memory if each.life == memory[-1].life]
    return [each for each in last if kinds.sniff(store.path(each)) != kinds.UNKNOWN]


def inspected(
    subject: Inputs,
    style: str,
    view: View,
    written: Mapping[str, Path] | None,
    *,
    keep_going: bool,
) -> str:
    """The report on *subject*, of which there are no heap profiles.

    Raises `UsageError` for a *style*, and for files *written*, that need them.
    """
    from memops.profile.inspection import inspect
    from memops.report import INSPECTIONS

    if style not in INSPECTIONS or written:
        name = next(iter(written or ()), style)
        raise UsageError(f"--{name}", "needs heap profiles, and there are none", "give .heap files")
    return INSPECTIONS[style](inspect(subject, keep_going=keep_going), view)
