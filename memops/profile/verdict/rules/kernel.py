"""Rules about what the kernel counts: mapped files, page cache, shared memory, huge pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.profile.verdict import kinds
from memops.profile.verdict.case import LEAST, Missing
from memops.profile.verdict.values import Finding
from memops.profile.verdict.waterfall import written_files
from memops.units import format_size

if TYPE_CHECKING:
    from memops.profile.verdict.case import Case, Measured

MAPPED, CACHE, SHARED, HUGE = "mapped files", "page cache", "shared memory", "THP bloat"
_FILES = 64 << 20
"""Bytes: a JVM maps 40 MiB of libraries and class archives anyway."""
_QUARTER = 0.25
_OF_CACHE = ("anon", "file", "inactive_file", "shmem")
_MOST = 0.5
"""Of the RSS's growth: what makes up half of it is what it is about."""


def mapped_files(case: Case) -> Finding | Missing | None:
    """Pages of mapped files that were read: the kernel takes them back when it needs them.

    RssFile of ``/proc/PID/status``, or smaps: Rss less Anonymous of what has a path (man 5 proc).
    """
    after, before = case.after, case.before
    now = _file_pages(after)
    if now is None:
        return Missing(MAPPED, "smaps or status", f"cat /proc/{case.pid}/smaps")
    earlier = _file_pages(before) if before else None
    grown = None if earlier is None else now - earlier
    worth = case.explains(grown, _QUARTER) if grown is not None else False
    if not worth and not case.matters(now, _QUARTER, _FILES):
        return None
    files = [each for each in after.regions if each.kind == kinds.FILE and each.rss]
    sizes: dict[str, int] = {}
    for each in files:
        sizes[each.label] = sizes.get(each.label, 0) + (each.rss or 0)
    largest = sorted(sizes.items(), key=lambda each: -each[1])[:3]
    evidence = tuple(f"{path}: {format_size(size)}" for path, size in largest) or (
        "status: RssFile",
    )
    amount = case.of_growth(grown) if worth and grown is not None else format_size(now)
    sentence = f"{amount} are pages of files that are mapped: the kernel takes them back, no leak"
    ask = "nothing to do; limit a container by anonymous memory rather than by RSS"
    return Finding(MAPPED, sentence, evidence, "certain", ask, grown if worth and grown else now)


def _file_pages(measured: Measured) -> int | None:
    if measured.snapshot.areas:
        return measured.sums[kinds.FILE] - written_files(measured.snapshot, measured.regions)
    return measured.snapshot.status.get("RssFile")


def page_cache(case: Case) -> Finding | Missing | None:
    """A container's memory that is file cache: read or written files, of no process's RSS.

    ``memory.stat``: file less shmem; inactive_file goes first, and Kubernetes does not count it in the
    working set (cgroup-v2.rst; docker/for-linux issue 653).
    """
    group = case.after.snapshot.cgroup
    if group is None or group.current is None or not group.stat:
        needs = "memory.stat of its control group, and memory.current"
        return Missing(CACHE, needs, "cat /sys/fs/cgroup/.../memory.stat  # and memory.current")
    cache = max(0, group.stat.get("file", 0) - group.stat.get("shmem", 0))
    if cache < max(LEAST, _QUARTER * group.current):
        return None
    sentence = (
        f"{format_size(cache)} of the {format_size(group.current)} that the control group "
        f"counts are cached files; the kernel takes them back when it needs them"
    )
    stat = ", ".join(f"{name} {format_size(group.stat.get(name, 0))}" for name in _OF_CACHE)
    evidence = (
        f"memory.stat: {stat}",
        f"the working set, without what is inactive: {format_size(group.working_set or 0)}",
    )
    return Finding(
        CACHE, sentence, evidence, "certain", "watch anon and the working set instead", cache
    )


def shared_memory(case: Case) -> Finding | Missing | None:
    """Shared memory and tmpfs: files in memory, which only their removal frees.

    RssShmem of status, what lies in /dev/shm, System V segments and memfd in smaps; ``shmem`` of a
    control group counts files of a tmpfs that nobody maps too (cgroup-v2.rst, tmpfs.rst).
    """
    after, before = case.after, case.before
    group = after.snapshot.cgroup
    mapped = _shared(after)
    counted = group.stat.get("shmem", 0) if group else 0
    if mapped is None and not counted:
        return Missing(SHARED, "status or smaps", f"cat /proc/{case.pid}/status")
    size = max(mapped or 0, counted)
    earlier = _shared(before) if before else None
    grown = (mapped or 0) - earlier if earlier is not None else None
    worth = case.explains(grown) if grown is not None else False
    alone = counted > (mapped or 0) and counted >= max(
        LEAST, _QUARTER * ((group and group.current) or 0)
    )
    if not worth and not alone and not case.matters(mapped or 0, least=LEAST):
        return None
    names = sorted((each for each in after.regions if each.kind == kinds.SHARED and each.rss),
                   key=lambda each: -(each.rss or 0))  # fmt: skip
    evidence = [f"{each.label}: {format_size(each.rss or 0)}" for each in names[:3]]
    evidence += [f"memory.stat: shmem {format_size(counted)}"] if counted else []
    amount = case.of_growth(grown) if worth and grown is not None else format_size(size)
    sentence = f"{amount} are shared memory or files of a tmpfs, and stay until they are removed"
    ask = "ls -l /dev/shm; ipcs -m; df -t tmpfs"
    return Finding(SHARED, sentence, tuple(evidence) or ("status: RssShmem",), "certain", ask,
                   grown if worth and grown else size)  # fmt: skip


def _shared(measured: Measured) -> int | None:
    if "RssShmem" in measured.snapshot.status:
        return measured.snapshot.status["RssShmem"]
    return measured.sums[kinds.SHARED] if measured.snapshot.areas else None


def huge_pages(case: Case) -> Finding | Missing | None:
    """Transparent huge pages: 2 MiB become resident where one byte was touched.

    AnonHugePages of smaps (man 5 proc; the kernel's transhuge.rst: khugepaged fills in up to
    max_ptes_none pages). JDK-8312182 had stacks of 10,000 threads at 20 GB so; jemalloc issue 1127 its
    arenas. In the Java heap they are wanted, and not counted here.
    """
    after, before = case.after, case.before
    now = _huge(after)
    if now is None:
        return Missing(HUGE, "smaps or smaps_rollup", f"cat /proc/{case.pid}/smaps_rollup")
    earlier = _huge(before) if before else None
    grown = None if earlier is None else now - earlier
    if not case.matters(now):
        return None
    sure = "likely" if grown is not None and case.explains(grown, _MOST) else "possible"
    sentence = f"{format_size(now)} of RSS are transparent huge pages, perhaps hardly touched"
    evidence = ["AnonHugePages, without the Java heap's"]
    evidence += [f"+{format_size(grown)} since the first snapshot"] if grown and grown > 0 else []
    ask = (
        "cat /sys/kernel/mm/transparent_hugepage/enabled  # madvise or never; MALLOC_CONF=thp:never"
    )
    return Finding(HUGE, sentence, tuple(evidence), sure, ask, now)


def _huge(measured: Measured) -> int | None:
    whole = measured.snapshot.huge
    if whole is None:
        return None
    heap = {each.start for each in measured.regions if each.kind == kinds.JAVA_HEAP}
    wanted = sum(
        area.sizes.get("AnonHugePages", 0)
        for area in measured.snapshot.areas
        if area.mapping.start in heap
    )
    return max(0, whole - wanted)
