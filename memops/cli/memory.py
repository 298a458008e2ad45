"""What ``memops analyze`` makes of files that tell of a process's memory beside heap profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from memops.profile.growth.window import Window
    from memops.profile.study import Inputs
    from memops.report.view import View

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


def given_hosts(files: Sequence[Path], *, keep_going: bool = False) -> list[Inputs]:
    """What is in *files* by host: a directory is one, and files alone are all of one."""
    alone = [path for path in files if not path.is_dir()]
    places = dict.fromkeys(path for path in files if path.is_dir())
    hosts = [given_files([path], keep_going=keep_going)._replace(host=str(path)) for path in places]
    return [*hosts, given_files(alone, keep_going=keep_going)] if alone else hosts


def inspected(
    subject: Inputs,
    style: str,
    view: View,
    written: Mapping[str, Path] | None,
    *,
    window: Window | None,
    keep_going: bool,
) -> str:
    """The report on *subject*, of which there are no heap profiles, by its files of the *window*.

    Raises `UsageError` for a *style*, and for files *written*, that need them.
    """
    from memops.profile.inspection import inspect_alone
    from memops.report import INSPECTIONS

    if style not in INSPECTIONS or written:
        name = next(iter(written or ()), style)
        raise UsageError(f"--{name}", "needs heap profiles, and there are none", "give .heap files")
    return INSPECTIONS[style](inspect_alone(subject, window, keep_going=keep_going), view)
