"""Rules about malloc: what leaks, what glibc or jemalloc keeps, and what is mapped past malloc."""

from __future__ import annotations

from dataclasses import replace
from shlex import quote
from typing import TYPE_CHECKING

from memops.profile.verdict import kinds
from memops.profile.verdict.case import LEAST, Missing
from memops.profile.verdict.evidence import GLIBC, JEMALLOC
from memops.profile.verdict.values import Finding
from memops.units import format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memops.profile.verdict.case import Case
    from memops.profile.verdict.evidence import HeapGrowth

LEAK, RETENTION, DIRTY = "native leak", "glibc retention", "jemalloc dirty pages"
OUTSIDE = "memory outside malloc"
_SURE = 6  # dumps, from which on the trend of the second half was looked at too (growth/trend.py)
_SEVERAL, _SIGMAS = 3, 3
"""Profiles without times whose growth is likely, where it is so many times its sampling error."""
_MUCH = 64 << 20
"""Bytes of native memory that are worth a look without knowing whether they grow."""
_MOST = 0.5
"""Of the RSS's growth: what makes up half of it is what it is about."""
_FLAT = 0.1
"""Of a growth: less than this beside it, or in its second half, is none."""
_ENOUGH = 4  # snapshots, from which on the second half of them is looked at apart
_HOUR = 3600
_DAY = 24 * _HOUR


def native_leak(case: Case) -> Finding | Missing | None:
    """Memory that malloc gave to native code and that is not given back.

    With heap profiles: their trend is above 0 with 95 % (growth/trend.py), which tells the function.
    Without: what is live in malloc less what NMT tracks (JDK-8286198) grows; NMT does not see what
    other libraries get from malloc. It is not retention, for that is free; not a cache, if the trend
    goes on to the end; and below a day of profiles, the load of the day may be what rises. Presto issue 8993 and jemalloc issue 1851 are cases of the one and the other.
    """
    growth = case.evidence.growth
    if growth is None or growth.dumps < 2:  # noqa: PLR2004 - growth is between two
        return _leak_by_counters(case)
    by_profiles = _leak_by_profiles(growth, case)
    if isinstance(by_profiles, Finding) or len(case.natives) < 2:  # noqa: PLR2004
        return by_profiles
    counted = _leak_by_counters(case)
    if not isinstance(counted, Finding):
        return by_profiles or counted
    doubt = f"the heap profiles do not show it ({growth.verdict or 'they grew little'}): did they begin later?"
    return replace(counted, evidence=(*counted.evidence, doubt))


def _leak_by_profiles(growth: HeapGrowth, case: Case) -> Finding | Missing | None:
    if not growth.verdict:
        return _leak_between_dumps(growth, case) if growth.grown >= LEAST else None
    if growth.verdict == "too early to tell":
        return Missing(LEAK, "more heap profiles: it is too early to tell a trend", _dumps(case))
    if growth.verdict != "leaks" or growth.low <= 0:
        return None
    per, unit = (_HOUR, "an hour") if growth.span >= _HOUR / 12 else (60, "a minute")
    pace = " .. ".join(format_size(per * each) for each in (growth.low, growth.high))
    over = f"{growth.dumps} heap profiles over {format_duration(growth.span)}"
    sentence = f"{_first(growth)}, and it goes on: {pace} {unit}"
    evidence = (
        f"{over}: it grows to the end, {pace} {unit} with 95 %",
        *growth.culprits,
        *_seen_in_rss(growth, case),
        *_too_short(growth),
    )
    sure = "certain" if growth.dumps >= _SURE and growth.span >= _DAY else "likely"
    return Finding(LEAK, sentence, evidence, sure, _deeper(case), max(growth.grown, 0))


def _too_short(growth: HeapGrowth) -> Iterator[str]:
    """What profiles of less than a day cannot tell."""
    if growth.span < _DAY:
        span = format_duration(growth.span)
        yield f"what rises for longer than {span} before it falls, as load by day, would look the same"


def _leak_between_dumps(growth: HeapGrowth, case: Case) -> Finding:
    sentence = f"{_first(growth)} since the first heap profile"
    evidence = (f"{growth.dumps} heap profiles, which tell growth but no trend", *growth.culprits)
    clear = growth.dumps >= _SEVERAL and growth.grown > _SIGMAS * growth.error
    sure = "likely" if clear else "possible"
    return Finding(LEAK, sentence, evidence, sure, _dumps(case), growth.grown)


def _first(growth: HeapGrowth) -> str:
    return growth.culprits[0] if growth.culprits else f"+{format_size(growth.grown)} live"


def _seen_in_rss(growth: HeapGrowth, case: Case) -> tuple[str, ...]:
    if not case.after.rss:
        return ()
    live, rss = format_size(growth.live), format_size(case.after.rss)
    return (f"{live} are live in malloc by the profile, of {rss} of RSS",)


def _leak_by_counters(case: Case) -> Finding | Missing | None:
    after, natives = case.after, case.natives
    now = after.native
    if now is None:
        return _lacking(case)
    jvm = after.snapshot.is_jvm
    if len(natives) < 2:  # noqa: PLR2004 - growth is between two
        if not case.matters(now, least=_MUCH):
            return None
        what = "that the JVM does not track" if jvm else "by its own count"
        sentence = f"{format_size(now)} are live in malloc {what}; whether they grow is not known"
        return Finding(LEAK, sentence, _counted(case), "possible", _again(case), now)
    grown = now - natives[0]
    if not case.explains(grown):
        return None
    who = "malloc that the JVM does not track" if jvm else "malloc"
    sizes = f"{format_size(natives[0])} before and {format_size(now)} now"
    sentence = f"+{format_size(grown)} are live in {who}: {sizes}"
    if _stands_still(natives):
        sentence += "; it grew no more in the second half: a cache or a pool, perhaps"
        return Finding(LEAK, sentence, _counted(case), "possible", _again(case), grown)
    return Finding(LEAK, sentence, _counted(case), "likely", _profile(case), grown)


def _stands_still(sizes: Sequence[int]) -> bool:
    """Whether what grew did so in the first half of at least four snapshots, and no more."""
    half = sizes[len(sizes) // 2 :]
    return len(sizes) >= _ENOUGH and half[-1] - half[0] < _FLAT * (sizes[-1] - sizes[0])


def _counted(case: Case) -> tuple[str, ...]:
    malloc, tracked = case.after.malloc, case.after.tracked
    lines = []
    if malloc and malloc.live is not None:
        lines.append(f"{malloc.source}: {format_size(malloc.live)} live in malloc")
    if tracked is not None:
        lines.append(f"native memory tracking: {format_size(tracked)} of malloc are the JVM's own")
    if case.rss_growth is not None:
        lines.append(f"RSS grew by {format_size(case.rss_growth)}")
    return tuple(lines)


def _lacking(case: Case) -> Missing:
    if case.after.snapshot.is_jvm:
        needs = "native memory tracking and what malloc holds (VM.info)"
        if case.after.snapshot.allocator == JEMALLOC:
            return Missing(LEAK, "heap profiles, or jemalloc's statistics", _profile(case))
        return Missing(LEAK, needs, f"jcmd {case.pid} VM.native_memory summary, and VM.info")
    return Missing(LEAK, "heap profiles, or what malloc says of itself", _profile(case))


def glibc_retention(case: Case) -> Finding | Missing | None:
    """Memory that the program gave back and that glibc keeps, in many arenas or between live pieces.

    ``free`` returns only the top of a heap to the kernel (glibc manual, "Freeing after Malloc"), and an
    arena is made for every 8th part of a core (M_ARENA_MAX). The free part is told by VM.info
    ("retained", JDK-8286198) or malloc_info; as live bytes grow it is a leak, not this. Under jemalloc
    it goes away (presto issue 8993).
    """
    after, before = case.after, case.before
    if after.snapshot.allocator != GLIBC:
        return None
    arenas = [each for each in after.regions if each.kind == kinds.ARENA]
    resident = sum(each.rss or 0 for each in arenas)
    if after.malloc is None or after.malloc.free is None:
        ask = (
            f"jcmd {case.pid} VM.info"
            if after.snapshot.is_jvm
            else "let it call malloc_info(0, file)"
        )
        return Missing(RETENTION, "what malloc keeps (VM.info or malloc_info)", ask)
    if not after.sums:
        return _retention_at_most(case, after.malloc.free)
    if not case.matters(after.free):
        return None
    live = format_size(after.malloc.live or 0)
    kept = format_size(after.malloc.free)
    sentence = (
        f"glibc keeps {format_size(after.free)} that was freed; only {live} are live in malloc"
    )
    evidence = [
        f"{after.malloc.source}: {kept} free and kept",
        f"{len({each.label for each in arenas})} heaps of glibc's arenas hold {format_size(resident)} of RSS",
    ]
    sure = "likely"
    if (
        before
        and before.malloc
        and before.malloc.live is not None
        and after.malloc.live is not None
    ):
        grown, freed = after.malloc.live - before.malloc.live, after.free - before.free
        evidence.append(
            f"live in malloc: {format_size(grown)} more than before; free: {format_size(freed)}"
        )
        if case.explains(freed, _MOST) and grown < _FLAT * freed:
            sure = "certain"
    return Finding(RETENTION, sentence, tuple(evidence), sure, _trim(case), after.free)


def _retention_at_most(case: Case, free: int) -> Finding | Missing | None:
    """What glibc keeps, where no file tells how much of that is resident."""
    rss = case.after.snapshot.rss
    if rss is None:
        return Missing(RETENTION, "the RSS", f"cat /proc/{case.pid}/smaps")
    size = min(free, case.after.snapshot.status.get("RssAnon", rss))
    if not case.matters(size):
        return None
    sentence = f"glibc keeps {format_size(free)} that was freed, of which at most {format_size(size)} are resident"
    return Finding(
        RETENTION, sentence, ("smaps would tell how much is",), "possible", _trim(case), size
    )


def jemalloc_dirty(case: Case) -> Finding | Missing | None:
    """Pages that jemalloc has in memory without using them.

    ``resident`` less ``active`` are dirty pages and metadata, ``active`` less ``allocated`` are gaps in
    pages in use (jemalloc's manual, stats.*). Dirty pages decay only as threads allocate, unless there
    is a background thread (jemalloc issues 1398, 2688).
    """
    after = case.after
    if after.snapshot.allocator != JEMALLOC:
        return None
    stats = after.snapshot.jemalloc
    if stats is None:
        how = "export MALLOC_CONF=stats_interval:1073741824,stats_interval_opts:J  # to stderr"
        return Missing(DIRTY, "jemalloc's statistics", how)
    dirty, gaps = max(0, stats.resident - stats.active), max(0, stats.active - stats.allocated)
    if not case.matters(dirty + gaps) or dirty + gaps < 0.2 * stats.resident:
        return None
    most = "dirty pages" if dirty >= gaps else "gaps in pages in use"
    sentence = (
        f"jemalloc has {format_size(stats.resident)} in memory for {format_size(stats.allocated)} "
        f"that are allocated: mostly {most}"
    )
    evidence = (
        f"dirty pages and metadata: {format_size(dirty)} (resident less active)",
        f"gaps: {format_size(gaps)} (active less allocated)",
    )
    fix = "MALLOC_CONF=background_thread:true,dirty_decay_ms:5000,muzzy_decay_ms:5000"
    if dirty < gaps:
        fix = "MALLOC_CONF=narenas:4"
    return Finding(
        DIRTY, sentence, evidence, "certain", f"export {fix}  # at its start", dirty + gaps
    )


def outside_malloc(case: Case) -> Finding | Missing | None:
    """Anonymous memory that neither malloc, nor the JVM, nor a stack accounts for.

    Other runtimes, databases and io_uring map for themselves, which no malloc profile shows (jemalloc
    issue 1851: 4.6 GB of RSS, of which the profile knows 180 MB). It can be told only where malloc
    told what it has and, for a JVM, where the JVM told its mappings.
    """
    after, before = case.after, case.before
    if not after.regions:
        return Missing(OUTSIDE, "the address space", f"cat /proc/{case.pid}/smaps")
    nmt = after.snapshot.nmt
    told = bool(nmt and nmt.regions) or any(each.tags for each in after.snapshot.system_map)
    if after.snapshot.is_jvm and not told:
        return Missing(
            OUTSIDE, "the JVM's own mappings", f"jcmd {case.pid} VM.native_memory detail"
        )
    if after.malloc is None:
        return Missing(OUTSIDE, "what malloc has", _lacking(case).next)
    huge = sum(
        area.sizes.get("AnonHugePages", 0) for area in after.snapshot.areas if not area.mapping.path
    )
    rest = max(0, after.unexplained - huge)
    grown = rest - before.unexplained if before else None
    if not (case.explains(grown) if grown is not None else case.matters(rest)):
        return None
    largest = max(
        (each for each in after.regions if each.kind == kinds.ANONYMOUS),
        key=lambda each: each.rss or 0,
    )
    size = rest if grown is None else grown
    sign = "" if grown is None else "+"
    sentence = f"{sign}{format_size(size)} of anonymous memory was mapped past malloc"
    evidence = (
        f"{after.malloc.source} accounts for {format_size(after.malloc.live or 0)} live bytes",
        f"the largest such region: {largest.start:#x}, {format_size(largest.rss or 0)} of RSS",
    )
    ask = f"perf trace -e mmap,munmap,mprotect -p {case.pid} --call-graph dwarf  # who maps it"
    return Finding(OUTSIDE, sentence, evidence, "likely", ask, size)


def _trim(case: Case) -> str:
    if case.after.snapshot.is_jvm:
        return f"jcmd {case.pid} System.trim_native_heap  # JDK 18+, late 11 and 17: RSS falls if this is so"
    return "export MALLOC_ARENA_MAX=2  # at its start; or jemalloc with background_thread:true"


def _profile(case: Case) -> str:
    host = quote(case.evidence.subject.host)
    if case.evidence.subject.host:
        return f"memops enable-profiling --hosts {host}  # for the function that allocates"
    return "memops enable-profiling --hosts HOST  # or preload jemalloc, MALLOC_CONF=prof:true"


def _dumps(case: Case) -> str:
    host = case.evidence.subject.host
    return (
        f"memops collect --hosts {quote(host)}  # later" if host else "analyze with later dumps too"
    )


def _again(case: Case) -> str:
    host = case.evidence.subject.host
    if host:
        return f"memops collect --hosts {quote(host)} --jvm  # again later"
    return "take the same files again later"


def _deeper(case: Case) -> str:
    app, host, _ = case.evidence.subject
    which = f"--app {quote(app)} --host {quote(host)}" if host else "FILES"
    return f"memops analyze {which} --html report.html  # all its stacks"
