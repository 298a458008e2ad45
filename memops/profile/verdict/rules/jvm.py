"""Rules about a JVM: what it uses for itself, its threads' stacks, and its own heap."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from memops.profile.verdict import kinds
from memops.profile.verdict.case import LEAST, Missing
from memops.profile.verdict.values import Finding
from memops.units import format_size

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Mapping as Map

    from memops.profile.verdict.case import Case
    from memops.profile.verdict.values import Region

INTERNAL, HEAP, STACKS = "JVM-internal", "Java heap", "thread stacks"
_MOST = 0.5
"""Of the RSS's growth: what makes up half of it is what it is about."""
_LARGE = 64 << 20
"""Bytes that are worth a sentence without knowing whether they grow."""
_ALONE = 0.3
"""Of the RSS, for what is not known to grow."""
_OTHERS = frozenset(("Java Heap", "Thread", "Thread Stack", "Shared class space"))
METASPACE, _METASPACE = "metaspace", frozenset(("Class", "Metaspace"))
_CAUSES = {
    METASPACE: ("classes and their loaders", "VM.classloader_stats  # loaders that pile up"),
    "Code": ("compiled code", "Compiler.codecache  # JDK 9; -XX:ReservedCodeCacheSize bounds it"),
    "Other": ("direct buffers and Unsafe.allocateMemory",
              "GC.class_histogram -all  # DirectByteBuffer, netty; -XX:MaxDirectMemorySize bounds it"),
    "Internal": ("JVMTI and, before JDK 11, direct buffers", "VM.native_memory detail  # who allocates"),
    "GC": ("the collector's own tables", "GC.heap_info  # they grow with the heap and its regions"),
    "Compiler": ("the JIT compilers' arenas", "Compiler.memory  # JDK 22: the method that costs it"),
    "Symbol": ("names of classes and methods", "VM.symboltable -verbose  # JDK 9; names made while running"),
}  # fmt: skip
"""What HotSpot's categories hold (``memTag.hpp`` and JEP 387), and whom to ask."""


def jvm_internal(case: Case) -> Finding | Missing | None:
    """A category of native memory tracking that grows: metaspace, direct buffers, code, GC, ...

    Direct buffers are *Other* from JDK 11 on (netty's are not all in BufferPoolMXBean: arthas issue
    1552). The JVM counts for itself, so that the category grew is certain; committed is not resident,
    so that the RSS grew by it is certain only if it is half of its growth.
    """
    snapshot = case.after.snapshot
    if not snapshot.is_jvm:
        return None
    if snapshot.nmt is None and snapshot.diff is None:
        needs = "native memory tracking (the JVM started with -XX:NativeMemoryTracking=summary)"
        return Missing(INTERNAL, needs, f"jcmd {case.pid} VM.native_memory summary")
    sizes, since = _growth(case)
    name, size = max(sizes.items(), key=lambda each: each[1], default=("", 0))
    if case.explains(size):
        return _grown(case, name, sizes, since)
    return None if sizes else _held(case)


def _growth(case: Case) -> tuple[dict[str, int], str]:
    """Committed bytes by which each category grew, and since when; nothing where that is not known."""
    nmt, diff = case.after.snapshot.nmt, case.after.snapshot.diff
    earlier = case.before.snapshot.nmt if case.before else None
    if nmt and earlier:
        before = {key: each.committed for key, each in earlier.categories.items()}
        now = {key: each.committed for key, each in nmt.categories.items()}
        grown = {key: size - before.get(key, 0) for key, size in now.items()}
        return _own(case, grown), "since the first snapshot"
    if diff:
        grown = {key: each.committed_growth for key, each in diff.categories.items()}
        return _own(case, grown), "since its baseline"
    return {}, ""


def _own(case: Case, sizes: Map[str, int]) -> dict[str, int]:
    """*sizes* of the JVM's own categories, with classes and metaspace (apart since JDK 16) as one.

    Stacks have a rule of their own, where the address space is known.
    """
    others = _OTHERS if case.after.regions else _OTHERS - {"Thread"}
    found = {key: size for key, size in sizes.items() if key not in others | _METASPACE}
    return {**found, METASPACE: sum(sizes.get(key, 0) for key in _METASPACE)}


def _grown(case: Case, name: str, sizes: Map[str, int], since: str) -> Finding:
    what, ask = _CAUSES.get(name, (f"NMT's category {name}", "VM.native_memory detail"))
    size = sizes[name]
    sentence = f"{case.of_growth(size)} are the JVM's own, for {what} ({name})"
    evidence = [
        f"native memory tracking: {key} +{format_size(grown)} committed {since}"
        for key, grown in sorted(sizes.items(), key=lambda each: -each[1])
        if key == name or grown >= LEAST
    ]
    evidence += _site(case, _METASPACE if name == METASPACE else {name})
    places = (kinds.METASPACE, kinds.CLASS_SPACE) if name == METASPACE else ()
    resident = sum(case.grown(kind) or 0 for kind in places)
    if resident:
        evidence.append(f"metaspace and class space: {format_size(resident)} more are resident")
    sure = "certain" if case.explains(size, _MOST) else "likely"
    return Finding(INTERNAL, sentence, tuple(evidence), sure, f"jcmd {case.pid} {ask}", size)


def _site(case: Case, names: Collection[str]) -> list[str]:
    """Who in the JVM allocated what grew of the categories *names*, where a diff of details tells."""
    diff = case.after.snapshot.diff
    sites = [each for each in diff.sites if each.category in names] if diff else []
    largest = max(sites, key=lambda each: each.growth, default=None)
    if largest is None or largest.growth < LEAST:
        return []
    callers = " < ".join(frame or "code without a name" for frame in largest.frames)
    return [f"+{format_size(largest.growth)} of it by {callers}"]


def _held(case: Case) -> Finding | None:
    """The largest category, where nothing tells whether it grows."""
    nmt = case.after.snapshot.nmt
    sizes = {key: each.committed for key, each in nmt.categories.items()} if nmt else {}
    name, size = max(_own(case, sizes).items(), key=lambda each: each[1])
    if not case.matters(size, _ALONE, _LARGE):
        return None
    what, ask = _CAUSES.get(name, (f"NMT's category {name}", "VM.native_memory detail"))
    held = f"the JVM holds {format_size(size)} for {what} ({name}); whether it grows is not known"
    evidence = (f"native memory tracking: {name} {format_size(size)} committed",)
    return Finding(INTERNAL, held, evidence, "possible", f"jcmd {case.pid} {ask}", size)


def java_heap(case: Case) -> Finding | Missing | None:
    """The Java heap itself: touched pages grow up to -Xmx whether objects live or not.

    A collector keeps what it has (JEP 346 made G1 give some back): RSS that grows so is not a leak.
    GC.run tells: what falls was garbage (vcell issue 1899: 1934 to 1032 MiB, after 183 days of
    restarts); what stays lives, and is for a heap dump.
    """
    after = case.after
    if not after.snapshot.is_jvm:
        return None
    if not after.regions or after.waterfall is None or not after.sums[kinds.JAVA_HEAP]:
        return Missing(
            HEAP, "where the Java heap lies", f"cat /proc/{case.pid}/smaps, and GC.heap_info"
        )
    resident, grown = after.sums[kinds.JAVA_HEAP], case.grown(kinds.JAVA_HEAP)
    told = f"the Java heap has {format_size(resident)} of {format_size(after.rss)} of RSS"
    evidence = [told] + [
        f"GC.heap_info: {format_size(heap.used)} used of {format_size(heap.total)}, garbage too"
        for heap in (after.snapshot.java_heap,)
        if heap
    ]
    ask = f"jcmd {case.pid} GC.run  # a pause; what RSS falls by was garbage, the rest is for a heap dump"
    if grown is not None and case.explains(grown, _MOST):
        sentence = f"{case.of_growth(grown)} are the Java heap itself: no native leak"
        return Finding(HEAP, sentence, tuple(evidence), "likely", ask, grown)
    if grown is None and case.matters(resident, _MOST, _LARGE):
        sentence = f"most of the RSS is the Java heap: {format_size(resident)}"
        return Finding(HEAP, sentence, tuple(evidence), "possible", ask, resident)
    return None


def thread_stacks(case: Case) -> Finding | Missing | None:
    """Stacks of many threads, or of few that went deep.

    A stack is resident as deep as it ever was (glibc and HotSpot never trim one). A JVM names its
    threads in System.map; else a stack is told by NMT or by the guard below it.
    """
    after = case.after
    if not after.regions:
        return Missing(STACKS, "the address space", f"cat /proc/{case.pid}/smaps")
    size, grown = after.sums[kinds.STACK], case.grown(kinds.STACK)
    worth = case.explains(grown) if grown is not None else case.matters(size, _ALONE, _LARGE)
    if not worth:
        return None
    stacks = [each for each in after.regions if each.kind == kinds.STACK and each.rss]
    threads = after.snapshot.threads
    evidence = [f"{len(stacks)} stacks are resident with {format_size(size)}"]
    evidence += [f"/proc/PID/status: {threads} threads"] if threads else []
    evidence += [f"{count} are named {name}" for name, count in _names(stacks).most_common(3)]
    told = any("behind a guard" not in each.label and "main" not in each.label for each in stacks)
    amount = case.of_growth(grown) if grown is not None else format_size(size)
    sentence = f"{amount} are the stacks of {threads or len(stacks)} threads"
    ask = (
        f"jcmd {case.pid} Thread.print"
        if after.snapshot.is_jvm
        else f"ls /proc/{case.pid}/task | wc -l"
    )
    return Finding(STACKS, sentence, tuple(evidence), "certain" if told else "likely",
                   f"{ask}  # again later: does their number grow?", grown or size)  # fmt: skip


def _names(stacks: list[Region]) -> Counter[str]:
    """How many stacks there are of threads with like names: ``worker-N`` for ``worker-12``."""
    named = (each.label.partition(" (tid ")[0] for each in stacks if " (tid " in each.label)
    return Counter(re.sub(r"\d{1,9}", "N", name) for name in named)
