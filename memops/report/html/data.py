"""Studies as the data of a page: what is read at once as it is, what is bulky deflated.

Amounts are ``[bytes, objects, error]``, the error one sigma of the bytes; sizes are bytes, times
seconds since the epoch.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING

import memops
from memops.profile.growth.trend import median
from memops.report.html.files import files_read
from memops.report.html.stacks import bulk
from memops.report.safe import printable
from memops.report.text import missing_step, place_of, scope, sentences, who

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence

    from memops.profile.growth.analysis import Amount
    from memops.profile.growth.naming import Call
    from memops.profile.growth.trend import Trend
    from memops.profile.study import Study
    from memops.profile.verdict.values import Region, Verdict
    from memops.report.view import View

LINES = 7
"""Stacks in the chart of growth, beside the line of everything."""
_MINOR = 0.01  # of everything, below which a stack is no line of its own
_NAMED = 2


def as_data(studies: Sequence[Study], view: View) -> object:
    """All that the page shows, with nothing in its texts that is not to be seen."""
    return _clean(
        {
            "memops": memops.__version__,
            "made": view.made,
            "command": view.command,
            "studies": [_study(each) for each in studies],
        }
    )


def _study(study: Study) -> Map[str, object]:
    analysis, verdict = study.analysis, study.verdict
    return {
        "place": place_of(study),
        "who": who(study),
        "scope": scope(study, "auto"),
        "sentences": sentences(study),
        "isGrowth": analysis.is_growth,
        "interval": study.interval,
        "dumps": study.process.dumps,
        "live": _amount(analysis.live),
        "growth": _amount(analysis.growth),
        "findings": _findings(verdict),
        "next": missing_step(study),
        "waterfall": _waterfall(verdict),
        "series": _series(study),
        "unnamed": [list(each) for each in analysis.unnamed if each[1]],
        "others": [{"pid": each.pid, "executable": each.executable, "dumps": each.dumps,
                    "live": each.live} for each in study.others],
        "notes": list(study.notes),
        "java": study.java.sentence if study.java else "",
        "files": files_read(study),
        "packed": pack(_bulk(study)),
    }  # fmt: skip


def _amount(amount: Amount) -> list[float]:
    return [amount.bytes, amount.objects, round(amount.error)]


def _findings(verdict: Verdict | None) -> list[object]:
    return [
        {"kind": each.kind, "sentence": each.sentence, "evidence": list(each.evidence),
         "confidence": each.confidence, "next": each.next, "bytes": each.bytes}
        for each in (verdict.findings if verdict else ())
    ]  # fmt: skip


def _waterfall(verdict: Verdict | None) -> object:
    found = verdict.waterfall if verdict else None
    return found and {"rss": found.rss, "shares": [list(each) for each in found.shares]}


def _series(study: Study) -> object:
    """The lines of the chart: everything first, then large stacks, by how surely they grow."""
    series = study.series
    if series is None:
        return None
    least = _MINOR * max(series.sizes)
    drawn = [each for each in series.stacks if max(each.sizes) > least][:LINES]
    return {
        "times": list(series.times),
        "dumps": series.dumps,
        "interval": series.interval,
        "lines": [
            _line("everything", series.sizes, series.times, series.whole),
            *(_line(_label(each.calls), each.sizes, series.times, each.trend) for each in drawn),
        ],
    }


def _line(label: str, sizes: Sequence[int], times: Sequence[float], trend: Trend) -> object:
    """A line and its trend, which is *level* at the time 0 of the first dump."""
    start = times[0]
    offs = [size - trend.slope * (time - start) for time, size in zip(times, sizes, strict=True)]
    return {
        "label": label,
        "sizes": list(sizes),
        "level": median(offs) if offs else 0,
        "slope": trend.slope,
        "low": trend.low,
        "high": trend.high,
        "verdict": trend.verdict,
        "more": trend.more,
    }


def _label(calls: Sequence[Call]) -> str:
    """The first functions with a name, as in the text: ``inflate < Java_..._inflateBytes``."""
    named = [call for call in calls if not call.reason] or list(calls)
    return " < ".join(call.function for call in named[:_NAMED]) or "[no stack]"


def _bulk(study: Study) -> Map[str, object]:
    regions = study.verdict.regions if study.verdict else ()
    return {
        **bulk(study.analysis, study.interval),
        "interval": study.interval,
        "regions": [_region(each) for each in regions],
    }


def _region(region: Region) -> Map[str, object]:
    """A region; its address is text, for a number of JavaScript has 53 bits only."""
    return {
        "start": f"{region.start:#x}",
        "size": region.end - region.start,
        "kind": region.kind,
        "label": region.label,
        "rss": region.rss,
    }


def pack(value: object) -> str:
    """*value* as JSON, deflated, in base64; texts are cleaned as everywhere on the page."""
    text = json.dumps(_clean(value), ensure_ascii=False, separators=(",", ":"))
    # Numbers for the most part: 3 % less than by the usual strategy (zlib.net/manual.html, deflateInit2).
    deflate = zlib.compressobj(7, strategy=zlib.Z_FILTERED)
    return base64.b64encode(deflate.compress(text.encode()) + deflate.flush()).decode()


def _clean(value: object) -> object:
    """*value* with texts that can be seen; tuples are long columns of numbers and have none."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: _clean(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return value
