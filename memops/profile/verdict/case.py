"""What the rules look at: the figures of the first snapshot and the last, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.verdict.space import regions
from memops.profile.verdict.waterfall import (
    FREE,
    OTHER_LIVE,
    UNEXPLAINED,
    Malloc,
    by_kind,
    malloc_of,
    tracked_malloc,
    waterfall,
)
from memops.units import format_size

if TYPE_CHECKING:
    from collections import Counter

    from memops.profile.verdict.evidence import Evidence, Snapshot
    from memops.profile.verdict.values import Region, Waterfall

LEAST = 16 << 20
"""Bytes below which nothing is worth a sentence: a JVM's own start-up moves that much."""
PART = 0.2
"""Of the RSS, or of its growth: less cannot be why a process is too large."""


class Missing(NamedTuple):
    """A *rule* that could not be judged, what it *needs*, and the command that gets it."""

    rule: str
    needs: str
    next: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A snapshot with all that follows from it; sizes in bytes, resident where that is told apart.

    *native* is live in malloc and not the JVM's own; *free* is resident and kept by malloc.
    """

    snapshot: Snapshot
    regions: tuple[Region, ...]
    sums: Counter[str]
    waterfall: Waterfall | None
    malloc: Malloc | None
    tracked: int | None

    @property
    def rss(self) -> int:
        """The resident set, 0 where no file tells."""
        return self.snapshot.rss or 0

    @property
    def native(self) -> int | None:
        """Live bytes of malloc without the JVM's own; None where one of them is not known."""
        return native_of(self.snapshot, self.malloc)

    def share(self, name: str) -> int:
        """The bytes of the share *name* of the waterfall."""
        shares = self.waterfall.shares if self.waterfall else ()
        return sum(each.bytes for each in shares if each.name == name)

    @property
    def free(self) -> int:
        """Resident bytes that malloc keeps."""
        return self.share(FREE)

    @property
    def other_live(self) -> int:
        """Resident bytes that are live and not the JVM's own."""
        return self.share(OTHER_LIVE)

    @property
    def unexplained(self) -> int:
        """Resident anonymous bytes that nothing explains."""
        return self.share(UNEXPLAINED)


def native_of(snapshot: Snapshot, malloc: Malloc | None) -> int | None:
    """The live bytes that *malloc* tells of, without those that a JVM tracks as its own."""
    tracked = tracked_malloc(snapshot)
    if malloc is None or malloc.live is None or (snapshot.is_jvm and tracked is None):
        return None
    return max(0, malloc.live - (tracked or 0))


def measure(snapshot: Snapshot, profiled: int | None = None) -> Measured:
    """*snapshot* with its regions and its waterfall; *profiled* are a heap profile's live bytes."""
    found = regions(snapshot)
    return Measured(
        snapshot, found, by_kind(found), waterfall(snapshot, found, profiled),
        malloc_of(snapshot, profiled), tracked_malloc(snapshot),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """The *evidence* and what was measured: *before* is None where there is one snapshot only."""

    evidence: Evidence
    before: Measured | None
    after: Measured

    @classmethod
    def of(cls, evidence: Evidence) -> Case:
        """The case that *evidence* makes; a heap profile's live bytes are those of the last moment."""
        profiled = evidence.growth.live if evidence.growth else None
        before = measure(evidence.first) if len(evidence.snapshots) > 1 else None
        return cls(evidence, before, measure(evidence.last, profiled))

    @property
    def rss_growth(self) -> int | None:
        """Bytes by which the RSS grew; None where that is not known."""
        return self.evidence.rss_growth

    @property
    def natives(self) -> list[int]:
        """`Measured.native` of each snapshot in turn that tells it by the word of the last one."""
        source = self.after.malloc.source if self.after.malloc else ""
        told = [(each, malloc_of(each)) for each in self.evidence.snapshots]
        sizes = [
            native_of(each, malloc) for each, malloc in told if malloc and malloc.source == source
        ]
        return [size for size in sizes if size is not None]

    def grown(self, kind: str) -> int | None:
        """Resident bytes by which the regions of *kind* grew; None where that is not known."""
        if self.before is None or not self.before.regions or not self.after.regions:
            return None
        return self.after.sums[kind] - self.before.sums[kind]

    def explains(self, size: int | None, part: float = PART) -> bool:
        """Whether *size* bytes of growth are worth a sentence: of the RSS's growth, if it grew."""
        return size is not None and size >= max(LEAST, part * max(self.rss_growth or 0, 0))

    def matters(self, size: int, part: float = PART, least: int = LEAST) -> bool:
        """Whether *size* bytes are worth a sentence as they are: of the whole RSS."""
        return size >= max(least, part * self.after.rss)

    def of_growth(self, size: int) -> str:
        """``64.4 MiB of the 68.0 MiB that RSS grew by``, or the *size* alone where that is less."""
        whole = max(self.rss_growth or 0, 0)
        if size > whole:
            return f"+{format_size(size)}"
        return f"{format_size(size)} of the {format_size(whole)} that RSS grew by"

    @property
    def pid(self) -> str:
        """The pid for a command line, or the word that stands for it."""
        return str(self.evidence.subject.pid or "PID")
