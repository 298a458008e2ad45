"""The verdict: all rules over one case, the weightiest finding first, and what could not be judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.profile.verdict.case import Case, Missing
from memops.profile.verdict.rules.jvm import java_heap, jvm_internal, thread_stacks
from memops.profile.verdict.rules.kernel import huge_pages, mapped_files, page_cache, shared_memory
from memops.profile.verdict.rules.native import (
    glibc_retention,
    jemalloc_dirty,
    native_leak,
    outside_malloc,
)
from memops.profile.verdict.values import Finding, Verdict
from memops.units import format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from memops.profile.verdict.evidence import Evidence

RULES: tuple[Callable[[Case], Finding | Missing | None], ...] = (
    native_leak, glibc_retention, jemalloc_dirty, outside_malloc,
    jvm_internal, java_heap, thread_stacks,
    mapped_files, page_cache, shared_memory, huge_pages,
)  # fmt: skip
NOT_ENOUGH, NOT_JUDGED, NOTHING = "not enough to say", "not judged", "nothing stands out"
_WEIGHT = {"certain": 1.0, "likely": 0.7, "possible": 0.3}
"""By how sure a finding is: a likely 100 MiB comes before a possible 200."""
_HALF = 0.5


def judge(evidence: Evidence) -> Verdict:
    """The verdict on *evidence*: findings, the waterfall and the regions of the last snapshot.

    The last finding tells which rules could not be judged, for want of which files.
    """
    case = Case.of(evidence)
    said = [rule(case) for rule in RULES]
    findings = [each for each in said if isinstance(each, Finding)]
    missing = [each for each in said if isinstance(each, Missing)]
    findings.sort(key=lambda each: -each.bytes * _WEIGHT[each.confidence])
    rest = not_enough(case, findings, missing)
    return Verdict((*findings, *rest), case.after.waterfall, case.after.regions)


def not_enough(
    case: Case, findings: Sequence[Finding], missing: Sequence[Missing]
) -> tuple[Finding, ...]:
    """What remains open: growth that no finding explains, and rules that lack their files."""
    grown = max(case.rss_growth or 0, 0)
    explained = sum(each.bytes for each in findings)
    evidence = tuple(f"{each.rule}: needs {each.needs}" for each in missing)
    ask = missing[0].next if missing else f"cat /proc/{case.pid}/smaps, again later"
    if case.explains(grown) and explained < _HALF * grown:
        known = f"what is known explains {format_size(explained)} of it"
        sentence = f"the RSS grew by {format_size(grown)}; {known}"
        return (Finding(NOT_ENOUGH, sentence, evidence, "certain", ask),)
    if case.before is None and not (case.evidence.growth and case.evidence.growth.verdict):
        sentence = "one snapshot tells what there is, not what grows"
        ask = "memops collect again later, or take the same files again"
        return (Finding(NOT_ENOUGH, sentence, evidence, "certain", ask),)
    calm = () if findings else (_nothing(case),)
    names = ", ".join(each.rule for each in missing)
    rest = Finding(NOT_JUDGED, f"{names}: files are missing", evidence, "certain", ask)
    return (*calm, rest) if missing else calm


def _nothing(case: Case) -> Finding:
    grown = case.rss_growth
    told = f"the RSS changed by {format_size(grown)}" if grown is not None else "nothing grows"
    ask = "take a snapshot again when it has grown"
    return Finding(NOTHING, f"{told}, and no rule found a cause for concern", (), "likely", ask)
