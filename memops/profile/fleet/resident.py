"""The resident set of an app over time, host by host and life by life, as memory files tell it.

RSS is not what is live: it has what malloc keeps, the Java heap, files and stacks too, and it falls only
when the kernel gets pages back. Where nothing else was collected its slope tells of a change all the same.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from memops.errors import UsageError
from memops.profile.fleet.rates import Rate, pooled, rate
from memops.profile.growth.trend import Times
from memops.profile.growth.window import nothing_then, resolved
from memops.profile.memory import kinds
from memops.profile.memory.areas import parse_pmap
from memops.profile.memory.counters import parse_kilobytes
from memops.profile.study import newest
from memops.profile.verdict.collect import group, look, pids_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from memops.profile.growth.window import Span, Window
    from memops.profile.memory.kinds import Content
    from memops.profile.study import Inputs
    from memops.profile.verdict.collect import File

LEAST = 3
"""Moments of a life from which on a slope is told: two have no scatter, so their doubt is not known."""
_SHORTEST = 1.0  # seconds; files copied without their times seem to be written all at once
_KINDS = (
    kinds.ROLLUP,
    kinds.STATUS,
    kinds.SMAPS,
    kinds.PMAP,
)  # what takes least to read comes first
_RSS = re.compile(rb"^Rss:[ \t]+(\d{1,15}) kB$", re.MULTILINE)
# The end of the last mapping, the stack or the vdso above it, is drawn anew with each exec (ASLR).
_ROLLUP_END = re.compile(rb"\A[0-9a-f]{1,16}-([0-9a-f]{1,16}) ")
_STACK_END = re.compile(rb"^[0-9a-f]{1,16}-([0-9a-f]{1,16}) [^\n]{1,80} \[stack\]$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ResidentLife:
    """One life: its RSS, *sizes* in bytes, at its *moments* (seconds since the epoch), in their order.

    *source* is the kind of file that tells it, *files* are all that tell of this life's memory, and
    *pids* the process's, on the host and in containers, as far as they are told.
    """

    files: tuple[Path, ...]
    pids: frozenset[int]
    moments: tuple[float, ...]
    sizes: tuple[int, ...]
    source: str

    def rate(self) -> Rate | None:
        """How fast the RSS grows; None where there are too few moments to tell how sure that is.

        RSS goes in steps. If more than half of it lies on a line, the median deviation is nothing:
        the doubt is that of least squares, at least.
        """
        if len(self.moments) < LEAST or self.moments[-1] - self.moments[0] < _SHORTEST:
            return None
        times = Times(self.moments)
        found = rate(times, self.sizes, 1)
        offsets = [
            size - found.mean * time for time, size in zip(self.moments, self.sizes, strict=True)
        ]
        level = sum(offsets) / len(offsets)
        squares = sum((offset - level) ** 2 for offset in offsets)
        least = squares / (len(offsets) - 2) / times.width
        return found._replace(variance=max(found.variance, least))


@dataclass(frozen=True, slots=True)
class ResidentHost:
    """The *lives* of an app on one *host*, one after the other, of each of which RSS is told."""

    host: str
    lives: tuple[ResidentLife, ...]

    def rate(self) -> Rate | None:
        """How fast the RSS grows over all lives; None where no life tells."""
        known = [each for each in (life.rate() for life in self.lives) if each]
        return pooled(known) if known else None


class ResidentRead(NamedTuple):
    """What was read: the *hosts* of which RSS is told, and what the reader must know (*notes*)."""

    hosts: tuple[ResidentHost, ...]
    notes: tuple[str, ...]


class _Sight(NamedTuple):
    """A look at a process: all *files* of the moment, which process it is, its *rss* in bytes."""

    files: list[File]
    key: str
    pids: frozenset[int]
    time: float
    rss: int | None


def read_resident(
    inputs: Sequence[Inputs], *, window: Window | None = None, keep_going: bool = False
) -> ResidentRead:
    """The RSS in *inputs* by host, in the order in which the hosts are given.

    All files of the same host are of its lives; of processes at the same time the largest counts. A
    duration in *window* is one before the newest dump of all, or the newest file if there are no
    dumps. Raises `UsageError` for a damaged file (unless *keep_going* leaves it out), and where there
    are no dumps either and none of the files is of the window.
    """
    left_out: list[str] | None = [] if keep_going else None
    span, notes, found = resolved(window, newest(inputs)), list[str](), []
    times: list[float] = []
    for host in dict.fromkeys(each.host for each in inputs):
        lives: list[ResidentLife] = []
        for each in (one for one in inputs if one.host == host):
            files = list(look(each.memory, each.times, left_out))
            times += [file.time for file in files]
            lives += _lives(each, files, span, left_out)
        chosen = _successive(lives)
        notes += [_beside(host, each) for each in lives if each not in chosen]
        if chosen:
            found.append(ResidentHost(host, tuple(chosen)))
    profiled = any(each.dumps for each in inputs)
    if window and times and not profiled and not any(map(span.holds, times)):
        raise nothing_then(window, times, "files that tell of memory was taken")
    return ResidentRead(tuple(found), (*(left_out or ()), *notes))


def _lives(
    inputs: Inputs, files: Sequence[File], span: Span, left_out: list[str] | None
) -> list[ResidentLife]:
    """The lives that *files* in the *span* tell of, of which one file a moment tells the RSS.

    It is always one of the same kind, for they differ a little: ``VmRSS`` is not exact (man 5 proc).
    """
    groups = group([file for file in files if span.holds(file.time)])
    many = Counter(kind for each in groups for kind in {file.kind for file in each})
    kind = max(_KINDS, key=lambda each: (many[each], -_KINDS.index(each)))
    if not many[kind]:
        return []
    known: dict[str, list[_Sight]] = {}
    for each in _sights(groups, kind, left_out):
        known.setdefault(inputs.life or each.key, []).append(each)
    return [life for sights in known.values() if (life := _life(sights, kind)).moments]


def _sights(
    groups: Sequence[Sequence[File]], kind: str, left_out: list[str] | None
) -> Iterator[_Sight]:
    """What each of *groups* says; one without a file of the *kind* is of the process before it."""
    key, pids = "", frozenset[int]()
    for files in groups:
        rss = None
        told = next((file for file in files if file.kind == kind), None)
        if told:
            try:
                content = kinds.read_content(told.path)
                rss = _rss(content)
            except UsageError as error:
                if left_out is None:
                    raise
                left_out.append(f"left out {error.where}: {error.what}")
                continue
            key, pids = _identity(content), frozenset(pids_of(content))
        yield _Sight(list(files), key, pids, told.time if told else files[0].time, rss)


def _life(sights: Sequence[_Sight], kind: str) -> ResidentLife:
    """The life of *sights*; of two in the same moment (some file systems know only seconds) the last."""
    told = {each.time: each.rss for each in sights if each.rss is not None}
    moments = tuple(sorted(told))
    return ResidentLife(
        files=tuple(file.path for each in sights for file in each.files),
        pids=frozenset(pid for each in sights for pid in each.pids),
        moments=moments,
        sizes=tuple(told[time] for time in moments),
        source=kind,
    )


def _rss(content: Content) -> int:
    """The RSS in bytes that *content* tells; raises `UsageError` where it tells none."""
    name, text = str(content.path), content.text
    if content.kind == kinds.SMAPS:
        return sum(int(size) for size in _RSS.findall(text)) << 10
    if content.kind == kinds.PMAP:
        return sum(area.rss for area in parse_pmap(text, name))
    sizes = parse_kilobytes(text, name)
    found = sizes.get("Rss" if content.kind == kinds.ROLLUP else "VmRSS")
    if found is None:
        raise UsageError(f"{name}:1", "tells no RSS", "a kernel thread has none; leave it out")
    return found


def _identity(content: Content) -> str:
    """What is the same as long as the process lives, and with the next one is not."""
    if pids := pids_of(content):
        return f"pid {pids[0]}"
    end = _ROLLUP_END if content.kind == kinds.ROLLUP else _STACK_END
    found = end.search(content.text)
    return f"ends at {found[1].decode()}" if found else ""


def _successive(lives: Sequence[ResidentLife]) -> list[ResidentLife]:
    """Those of *lives* that are one after the other; of two at the same time the larger one."""
    chosen: list[ResidentLife] = []
    for each in sorted(lives, key=lambda life: -max(life.sizes)):
        first, last = each.moments[0], each.moments[-1]
        if all(last < one.moments[0] or one.moments[-1] < first for one in chosen):
            chosen.append(each)
    return sorted(chosen, key=lambda life: life.moments)


def _beside(host: str, life: ResidentLife) -> str:
    who = f"pid {min(life.pids)}" if life.pids else "a process"
    place = f" on {host}" if host else ""
    return f"left out: {who}{place}, smaller than another at the same time"
