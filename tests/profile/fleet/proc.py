"""Files of ``/proc`` and pmap of a process with a resident set of our choice, in their real form."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from memops.profile.study import Inputs
from tests.corpus.read import BEGUN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

KIB, MIB = 1 << 10, 1 << 20
HOUR = 3600.0


def status(pid: int, rss: int) -> str:
    """``/proc/PID/status`` in part (man 5 proc_pid_status)."""
    return (
        f"Name:\torders\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t{pid}\nNgid:\t0\nPid:\t{pid}\n"
        f"PPid:\t1\nNStgid:\t{pid}\nNSpid:\t{pid}\nVmPeak:\t 2000000 kB\nVmRSS:\t{rss // KIB:8d} kB\n"
        f"RssAnon:\t{rss // KIB - 4096:8d} kB\nRssFile:\t    4096 kB\nRssShmem:\t       0 kB\n"
        "Threads:\t9\n"
    )


def rollup(pid: int, rss: int) -> str:
    """``/proc/PID/smaps_rollup`` in part, which tells no pid: *pid* moves where the mappings end."""
    return (
        f"55d0c0a00000-{0x7FFC00000000 + pid * 4096:x} ---p 00000000 00:00 0 {'[rollup]':>34}\n"
        f"Rss:            {rss // KIB:8d} kB\nPss:            {rss // KIB:8d} kB\n"
        f"Anonymous:      {rss // KIB - 4096:8d} kB\n"
    )


def smaps(pid: int, rss: int) -> str:
    """``/proc/PID/smaps`` in part: an anonymous mapping, and the stack that *pid* moves."""
    end = 0x7FFC00000000 + pid * 4096
    anonymous = rss // KIB - 132
    return (
        "7f0000000000-7f0040000000 rw-p 00000000 00:00 0 \n"
        f"Size:            1048576 kB\nRss:             {anonymous} kB\nAnonymous:       {anonymous} kB\n"
        f"{end - 132 * KIB:x}-{end:x} rw-p 00000000 00:00 0                          [stack]\n"
        "Size:                132 kB\nRss:                 132 kB\nAnonymous:           132 kB\n"
    )


def pmap(pid: int, rss: int) -> str:
    """The output of ``pmap -x`` in part (procps)."""
    return (
        f"{pid}:   /usr/bin/orders --serve\nAddress           Kbytes     RSS   Dirty Mode  Mapping\n"
        f"00007f0000000000 1048576 {rss // KIB:7d} {rss // KIB:7d} rw---   [ anon ]\n"
        "---------------- ------- ------- ------- \n"
        f"total kB         1048576 {rss // KIB:7d} {rss // KIB:7d}\n"
    )


KINDS: dict[str, Callable[[int, int], str]] = {
    "smaps_rollup": rollup,
    "status": status,
    "smaps": smaps,
    "pmap": pmap,
}


def write(
    directory: Path, kind: str, pid: int, series: Iterable[tuple[float, float]]
) -> list[Path]:
    """A file of *kind* for each (time, RSS) of *series*, with that time; the names tell nothing."""
    directory.mkdir(parents=True, exist_ok=True)
    found = []
    for time, rss in series:
        path = directory / f"{kind}-{pid}-{time:.0f}.txt"
        path.write_text(KINDS[kind](pid, round(rss)))
        os.utime(path, (time, time))
        found.append(path)
    return found


def line(
    begin: float, hours: float, start: float, slope: float, many: int = 13
) -> list[tuple[float, float]]:
    """*many* moments in so many *hours*, from *start* bytes on, growing by *slope* bytes an hour."""
    moments = [begin + hours * HOUR * at / (many - 1) for at in range(many)]
    return [(time, start + slope * (time - begin) / HOUR) for time in moments]


def beside(fleet: Sequence[Inputs], directory: Path) -> list[Inputs]:
    """The *fleet* of the corpus with files in *directory* that tell the RSS of the lives of each host.

    web-1 grows but for its last life. A host without heap profiles, web-9, is beside it.
    """
    found = []
    for host in fleet:
        pids = sorted({int(path.name.split(".")[1]) for path in host.times})
        memory = []
        for at, pid in enumerate(pids):
            slope = 0.1 * MIB if (host.host, at) == ("web-1", 2) else 5 * MIB
            for kind in ("smaps", "status"):
                grows = uneven(line(BEGUN + 2 * HOUR * at, 1, 60 * MIB, slope, 7))
                memory += write(directory / host.host, kind, pid, grows)
        found.append(host._replace(memory=memory))
    alone = write(directory / "web-9", "status", 7, uneven(line(BEGUN, 5, 900 * MIB, 40 * MIB)))
    return [*found, Inputs((), app="shop", host="web-9", memory=alone)]


def uneven(series: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """*series*, every other moment a quarter of a MiB higher."""
    return [(time, rss + at % 2 * MIB / 4) for at, (time, rss) in enumerate(series)]
