"""What a verdict is made of, for reports to show and programs to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Region(NamedTuple):
    """Addresses from *start* to *end* (exclusive), what *kind* of memory they are, and whose.

    *kind* is one of a short list (``glibc arena``, ``Java heap``, ``thread stack``, ``file``, ...);
    *label* tells which: a path, a thread's name, an NMT category. *rss* is in bytes, None where no
    file told of it.
    """

    start: int
    end: int
    kind: str
    label: str
    rss: int | None


class Share(NamedTuple):
    """A part of the RSS: its *name*, its *bytes*, and where the number comes from."""

    name: str
    bytes: int
    source: str


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All of the *rss* in *shares*, which add up to it to the byte; what is not explained is one."""

    rss: int
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A *sentence* about the process, its *evidence*, and the command to type next.

    *kind* names the rule (``native leak``, ``glibc retention``, ``not enough to say``, ...);
    *confidence* is ``certain``, ``likely`` or ``possible``; *bytes* is what it is about.
    """

    kind: str
    sentence: str
    evidence: tuple[str, ...]
    confidence: str
    next: str
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The *findings*, the weightiest first; where the memory is, as far as files told."""

    findings: tuple[Finding, ...]
    waterfall: Waterfall | None = None
    regions: tuple[Region, ...] = ()
