"""A verdict as text for people: each finding with its evidence and what next, then the waterfall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.report.safe import printable
from memops.units import format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.profile.inspection import Inspection
    from memops.profile.verdict.values import Finding, Verdict, Waterfall
    from memops.report.view import View

_MINOR = 0.01


def inspection_text(found: Inspection, view: View) -> str:
    """*found* in lines that fit the *view*: for a process of which there are no heap profiles."""
    blocks = [
        [printable(inspection_title(found))],
        findings(found.verdict),
        waterfall(found.verdict, view.width),
        [printable(f"note: {each}") for each in found.notes],
    ]
    return "\n".join("\n".join(block) + "\n" for block in blocks if block)


def inspection_title(found: Inspection) -> str:
    """Which process this is: ``orders on web-1, pid 12: 2 snapshots over 10 min, 122 MiB RSS``."""
    place = " on ".join(filter(None, (found.inputs.app, found.inputs.host)))
    who = f"pid {found.pid}" if found.pid else "process"
    head = f"{place}, {who}" if place else who
    count = len(found.times)
    over = f" over {format_duration(found.times[-1] - found.times[0])}" if count > 1 else ""
    last = found.rss[-1] if found.rss else None
    told = f"{count} snapshot{'s' * (count != 1)}{over}"
    return f"{head}: {told}, {'RSS not known' if last is None else format_size(last) + ' RSS'}"


def findings(verdict: Verdict | None) -> list[str]:
    """The findings of *verdict*, the weightiest first; whole sentences are not cut."""
    return [line for each in (verdict.findings if verdict else ()) for line in _finding(each)]


def _finding(each: Finding) -> Iterator[str]:
    sure = "" if each.confidence == "certain" else f" ({each.confidence})"
    yield printable(f"{each.kind}{sure}: {each.sentence}")
    yield from (printable(f"    {line}") for line in each.evidence)
    yield printable(f"    next: {each.next}")


def waterfall(verdict: Verdict | None, width: int) -> list[str]:
    """Where the RSS is, a share a line, with the file that tells it."""
    if verdict is None or verdict.waterfall is None:
        return []
    from memops.report.text import clip  # noqa: PLC0415 - text needs this module too

    return [clip(line, width) for line in _shares(verdict.waterfall)]


def _shares(each: Waterfall) -> Iterator[str]:
    """The shares, the largest first; the small ones together, and what is not explained at the end."""
    *known, rest = each.shares
    small = [share for share in known if share.bytes < _MINOR * each.rss]
    large = sorted((share for share in known if share not in small), key=lambda share: -share.bytes)
    yield f"{format_size(each.rss):>22} {'':>6}  RSS, of which are"
    yield from (_share(share.bytes, each.rss, f"{share.name} ({share.source})") for share in large)
    if small:
        names = ", ".join(share.name for share in small)
        yield _share(sum(share.bytes for share in small), each.rss, f"others: {names}")
    yield _share(rest.bytes, each.rss, f"{rest.name} ({rest.source})")


def _share(size: int, rss: int, name: str) -> str:
    part = f"{100 * size / rss:.0f} %" if rss else ""
    return f"{format_size(size):>22} {part:>6}  {name}"
