"""The RSS of an app as text: before and after a change, and where it is on each host of a fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.profile.fleet.comparison import FELL, ROSE, TOO_EARLY
from memops.profile.verdict.judge import NOT_ENOUGH, NOT_JUDGED
from memops.report.comparison import place, silent, table, verdict
from memops.report.rates import moment, notes, pace_of, paragraphs
from memops.report.safe import printable
from memops.report.text import clip
from memops.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memops.profile.fleet.comparison import ResidentChange, ResidentComparison
    from memops.profile.fleet.memory import HostMemory
    from memops.profile.fleet.resident import ResidentHost
    from memops.profile.verdict.values import Verdict
    from memops.report.rates import Pace
    from memops.report.view import View

_IS_RSS = "RSS is not live bytes: what malloc keeps, the Java heap, files are in it"
_SHARES = 3
_FEW = "three snapshots"  # `memops.profile.fleet.resident.LEAST`


def resident_text(found: ResidentComparison, view: View) -> str:
    """*found* in lines that fit the *view*: for an app of which there are no heap profiles."""
    pace = _pace(found, view)
    blocks = [
        [*_sentences(found, pace), *(clip(line, view.width) for line in _spans(found))],
        _table(found, view, pace),
        notes((*_remarks(found), *found.notes), view.width),
        [f"next: {_next(found)}"],
    ]
    return paragraphs(blocks)


def beside(found: ResidentComparison, view: View, pace: Pace) -> Iterator[str]:
    """The RSS in a few lines, below the live bytes of the same windows; rates at the same *pace*."""
    yield from _sentences(found, pace)
    yield from _table(found, view, pace)


def _pace(found: ResidentComparison, view: View) -> Pace:
    rates = [rate for each in found.hosts for rate in (each.change.before, each.change.after)]
    return pace_of(rates, view.unit)


def _sentences(found: ResidentComparison, pace: Pace) -> Iterator[str]:
    whole, told = found.whole, verdict(found.whole, "snapshot")
    said = f"growth of RSS {told}" if whole.verdict in {FELL, ROSE} else f"RSS: {told}"
    means = ""
    if whole.before and whole.after:
        means = f": {pace.mean(whole.before)} {pace.name} before, {pace.mean(whole.after)} after"
    yield printable(f"{place(found)}: {said}{means}")
    yield _IS_RSS
    if whole.difference:
        between = pace.bounds(whole.difference)
        yield f"difference: {pace.mean(whole.difference)} {pace.name}, with 95 % in {between}"


def _spans(found: ResidentComparison) -> Iterator[str]:
    counting = [each for each in found.hosts if each.change.difference] or found.hosts
    yield _span("before", [each.before for each in counting])
    yield _span("after", [each.after for each in counting])


def _span(name: str, hosts: Sequence[ResidentHost | None]) -> str:
    lives = [life for each in hosts if each for life in each.lives]
    if not lives:
        return f"{name}: no snapshots"
    many = sum(len(life.moments) for life in lives)
    first, last = min(life.moments[0] for life in lives), max(life.moments[-1] for life in lives)
    kinds = ", ".join(dict.fromkeys(life.source for life in lives))
    return (
        f"{name}: {many} snapshot{'s' * (many != 1)} of "
        f"{len(lives)} {'lives' if len(lives) > 1 else 'life'} from {moment(first)}, over "
        f"{format_duration(last - first)} ({kinds})"
    )


def _table(found: ResidentComparison, view: View, pace: Pace) -> list[str]:
    if len(found.hosts) == 1:
        return []
    ordered = sorted(found.hosts, key=_fastest)
    rows = [(each.host, each.change) for each in ordered]
    return table("host", rows, view, pace)


def _fastest(each: ResidentChange) -> float:
    rates = (each.change.before, each.change.after)
    return -max((abs(rate.mean) for rate in rates if rate), default=0.0)


def _remarks(found: ResidentComparison) -> Iterator[str]:
    yield from silent([(each.host, each.change) for each in found.hosts], _FEW)
    again = [each for each in found.hosts if each.before and each.after
             and _last(each.before) != _last(each.after)]  # fmt: skip
    if again and any(each.change.verdict == ROSE for each in found.hosts):
        what = "the app was restarted in between: heaps and caches that fill look like growth"
        yield f"{what}; let --after begin later"


def _last(host: ResidentHost) -> frozenset[int]:
    return host.lives[-1].pids


def _next(found: ResidentComparison) -> str:
    if found.whole.verdict == TOO_EARLY:
        return "memops collect again after a while, then the same"
    if found.whole.verdict == FELL and found.whole.after and found.whole.after.low <= 0:
        return "memops compare again in some hours: a heap that has filled grows no more either"
    return "memops enable-profiling, which tells what grows"


def hosts_memory(hosts: Sequence[HostMemory], view: View) -> list[str]:
    """The RSS of the top *hosts*, where it is and the weightiest finding, a few lines each."""
    pace = pace_of([each.rate for each in hosts], view.unit)
    ordered = sorted(hosts, key=lambda each: -each.rss)
    lines = ["RSS of each host, and where it is:"]
    for each in ordered[: view.top]:
        lines += _host(each, pace)
    if ordered[view.top :]:
        lines.append(f"... and {len(ordered) - view.top} more hosts; --top shows more")
    return lines


def _host(each: HostMemory, pace: Pace) -> Iterator[str]:
    rate = each.rate
    grows = f", {pace.mean(rate)} {pace.name} ({pace.bounds(rate)})" if rate else ""
    bare = "" if each.profiled else ", no heap profiles"
    yield printable(f"{each.host}: {pace.size(each.rss)}{grows}{bare}")
    if shares := _shares(each.verdict):
        yield f"    {shares}"
    if said := _verdict(each.verdict):
        yield printable(f"    {said}")


def _shares(found: Verdict) -> str:
    """The largest parts of the RSS: ``C heap: other live 61 %, Java heap 20 %``."""
    fall = found.waterfall
    if fall is None or not fall.rss:
        return ""
    largest = sorted(fall.shares, key=lambda share: -share.bytes)[:_SHARES]
    parts = [(each.name, f"{100 * each.bytes / fall.rss:.0f} %") for each in largest]
    return ", ".join(f"{name} {part}" for name, part in parts if part != "0 %")


def _verdict(found: Verdict) -> str:
    """The weightiest finding in a line; what lacks only files is no finding."""
    told = [each for each in found.findings if each.kind not in {NOT_JUDGED, NOT_ENOUGH}]
    for each in [*told, *(one for one in found.findings if one.kind == NOT_ENOUGH)]:
        sure = "" if each.confidence == "certain" else f" ({each.confidence})"
        return f"{each.kind}{sure}: {each.sentence}"
    return ""
