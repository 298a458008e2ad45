"""From the analysis of heap profiles to what the rules need of it: the one place that knows both."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memops.profile.growth.java import is_application
from memops.profile.verdict.evidence import HeapGrowth
from memops.units import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Mapping as Map

    from memops.profile.growth.analysis import Analysis, Culprit
    from memops.profile.growth.naming import Call
    from memops.profile.growth.series import Growing, Series

_CULPRITS, _THREADS = 3, 3
_LEAKS = "leaks"
_NUMBER = re.compile(r"t\d{1,20}")
_SHARE = 0.05
"""Of the growth: a culprit below is not named."""


def heap_growth(
    analysis: Analysis, series: Series | None, threads: Map[str, int], dumps: int
) -> HeapGrowth:
    """What *analysis* and *series* say; *threads* are the live bytes by the names of threads.

    The trend is that of the stacks that leak together, so that what shrinks or waves beside them does
    not hide them; of everything, if none leaks.
    """
    leaking = _leaking(series)
    whole = [each.trend for each in leaking] or ([series.whole] if series else [])
    return HeapGrowth(
        live=analysis.live.bytes,
        grown=analysis.growth.bytes if analysis.is_growth else 0,
        error=analysis.growth.error,
        dumps=dumps if analysis.is_growth else 1,
        span=series.times[-1] - series.times[0] if series else 0.0,
        low=sum(each.low for each in whole),
        high=sum(each.high for each in whole),
        verdict=whole[0].verdict if whole else "",
        culprits=tuple(_told(analysis, leaking, threads)),
    )


def _leaking(series: Series | None) -> list[Growing]:
    stacks = series.stacks if series else ()
    return [each for each in stacks if each.trend.verdict == _LEAKS and each.trend.low > 0]


def _told(analysis: Analysis, leaking: Sequence[Growing], threads: Map[str, int]) -> Iterator[str]:
    least = _SHARE * max(analysis.growth.bytes, 0)
    for each in analysis.largest_culprits(_CULPRITS):
        if each.amount.bytes > least:
            yield _culprit(each, sign="+" * analysis.is_growth)
    calls = leaking[0].calls if leaking else _largest(analysis)
    if method := next(filter(is_application, calls), None):
        yield f"the first Java method of the app above it: {method.function}"
    yield from _by_thread(threads)


def _culprit(culprit: Culprit, sign: str) -> str:
    module = culprit.function.module.partition(".so")[0]
    name = culprit.function.function
    named = (
        f"{module} {name}" if module and not module.startswith("[") and module not in name else name
    )
    called = f" called from {culprit.caller.function}" if culprit.caller else ""
    return f"{named}{called} {sign}{format_size(culprit.amount.bytes)}"


def _largest(analysis: Analysis) -> tuple[Call, ...]:
    return next((each.calls for each in analysis.largest_stacks(1)), ())


def _by_thread(threads: Map[str, int]) -> Iterator[str]:
    """Who allocated what is live, if any thread has a name (``prof_sys_thread_name``)."""
    total = sum(threads.values())
    if total and not all(_NUMBER.fullmatch(name) for name in threads):
        most = sorted(threads.items(), key=lambda each: -each[1])[:_THREADS]
        told = ", ".join(f"{name} {100 * size / total:.0f} %" for name, size in most)
        yield f"allocated by the threads: {told}"
