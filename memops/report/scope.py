"""Which stacks a report shows, where filters left some out, and how much that is of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.units import format_size

if TYPE_CHECKING:
    from memops.profile.growth.filters import Filters
    from memops.profile.study import Study


def filtered(study: Study, unit: str = "auto") -> str:
    """``shown: 175.0 MiB of 243.0 MiB live (72 %), ...: only stacks with /inflate/``."""
    live, whole = study.analysis.live.bytes, study.process.live
    parts = [f"{_part(live, whole, unit)} live{_share(live, whole)}"]
    if study.analysis.is_growth:
        grown, whole = study.analysis.growth.bytes, study.process.live - study.before
        parts.append(f"{_part(grown, whole, unit)} growth{_share(grown, whole)}")
    said = ", ".join(_said(study.filters)) if study.filters else ""
    return f"shown: {', '.join(parts)}: {said}"


def _said(filters: Filters) -> list[str]:
    """Each filter in words."""
    words = {
        "focus": "only stacks with /{}/",
        "ignore": "no stacks with /{}/",
        "hide": "functions with /{}/ hidden",
        "show_from": "callers of /{}/ hidden",
    }
    found = {name: getattr(filters, name) for name in words}
    return [words[name].format(each.pattern) for name, each in found.items() if each]


def _part(part: int, whole: int, unit: str) -> str:
    return f"{format_size(part, unit)} of {format_size(whole, unit)}"


def _share(part: int, whole: int) -> str:
    return f" ({100 * part / whole:.0f} %)" if whole > 0 else ""
