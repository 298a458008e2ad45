"""How far the stacks of a JVM tell which Java method called, and how to get further.

libgcc's unwinder ends at the first Java frame, for the JVM describes none of its code to it. libunwind
goes on along frame pointers, where the JVM keeps them. Either way names come from a perf map.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from memops.profile.growth.analysis import blamed
from memops.profile.memory.maps import DELETED
from memops.profile.symbols.frame import JIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from memops.profile.growth.analysis import Analysis, Culprit
    from memops.profile.growth.naming import Call, Codes
    from memops.profile.memory.maps import Mapping

Kind = Literal["no frames", "no map", "first frame", "lost", "in part", "named"]

JAVA = "Java"
"""The module of Java methods whose names came from elsewhere than a perf map."""

_JDK = re.compile(r"(?:javax?|jdk|sun|com\.sun)(?:\.|$)")
# Not what other runtimes write into perf maps: ``LazyCompile:~f /app.js:3``, ``[interpreter]``.
_METHOD = re.compile(r"[^\W\d][\w$-]*+(?:\.[\w$<>-]++)++")
_FEW, _HALF, _MOST = 0.05, 0.5, 0.9


@dataclass(frozen=True, slots=True)
class JavaNaming:
    """What the stacks of a JVM say of Java, by the bytes that grew (or are live).

    *frames* are the Java frames of a stack that has some, on average; *named* is the share of the
    bytes whose stack names a method of the application, *ends* the share whose stack ends at its
    first Java frame; *maps* is whether there was a perf map. *next* is a command, or empty.
    """

    kind: Kind
    frames: float
    named: float
    ends: float
    maps: bool
    sentence: str
    next: str


def java_naming(
    analysis: Analysis,
    mappings: Iterable[Mapping],
    *,
    maps: bool,
    host: str = "",
    pid: int | None = None,
) -> JavaNaming | None:
    """How Java is named in *analysis*.

    None for a process without a JVM (libjvm.so) in *mappings*, and where nothing grew. The command is for *host* where that is known, else for *pid*.
    """
    is_jvm = any(each.path.removesuffix(DELETED).endswith("/libjvm.so") for each in mappings)
    if not is_jvm or not analysis.grown:
        return None
    sums, total = _sums(analysis), analysis.grown
    kind = _kind(sums, total, maps=maps)
    return JavaNaming(
        kind=kind,
        frames=sums.frames / max(sums.java, 1),
        named=sums.named / total,
        ends=sums.ends / total,
        maps=maps,
        sentence=_sentence(kind, sums, total, "growth" if analysis.is_growth else "live memory"),
        next=_next(kind, host, pid),
    )


def calling_method(analysis: Analysis, culprit: Culprit) -> tuple[str, float] | None:
    """The application's Java method behind most of what *culprit* allocates, and its share of it.

    Of a stack it is the innermost one; None where the stacks name none.
    """
    words = analysis.words
    own = frozenset(code for code, call in enumerate(words) if is_application(call))
    sums: Counter[str] = Counter()
    total = 0
    for codes, row in analysis.rows.items():
        if row[0] > 0 and _blames(blamed(codes, words), words, culprit):
            total += row[0]
            sums[next((words[code].function for code in codes if code in own), "")] += row[0]
    del sums[""]
    if not sums:
        return None
    method, size = sums.most_common(1)[0]
    return method, size / total


def _blames(codes: Codes, words: Sequence[Call], culprit: Culprit) -> bool:
    """Whether *codes*, a function and its caller, are those of *culprit*."""
    if not codes or words[codes[0]] != culprit.function:
        return False
    return (words[codes[1]] if codes[1:] else None) == culprit.caller


@dataclass(slots=True)
class _Sums:
    """Bytes of stacks: with *java* frames, that *ends* there, that come *back* out of Java, ...

    *known* have a Java frame with a name, *named* one of the application. *frames* are bytes times
    frames.
    """

    java: int = 0
    frames: int = 0
    ends: int = 0
    back: int = 0
    known: int = 0
    named: int = 0


def _sums(analysis: Analysis) -> _Sums:
    words = enumerate(analysis.words)
    java = {code: call for code, call in words if is_java(call)}
    known = frozenset(code for code, call in java.items() if not call.reason)
    own = frozenset(code for code in known if is_application(java[code]))
    sums = _Sums()
    for codes, row in analysis.rows.items():
        places = [at for at, code in enumerate(codes) if code in java]
        if row[0] <= 0 or not places:
            continue
        sums.java += row[0]
        sums.frames += row[0] * len(places)
        sums.ends += row[0] * (places[0] == len(codes) - 1)
        sums.back += row[0] * (places[-1] < len(codes) - 1)
        sums.known += row[0] * (not known.isdisjoint(codes))
        sums.named += row[0] * (not own.isdisjoint(codes))
    return sums


def is_java(call: Call) -> bool:
    """Whether *call* is code that a JVM may have made: a method, or a stub of its own."""
    return call.module in {JIT, JAVA}


def of_jdk(name: str) -> bool:
    """Whether the package or method *name* is the JDK's own."""
    return bool(_JDK.match(name))


def is_application(call: Call) -> bool:
    """Whether *call* is a Java method with a name, and not the JDK's own."""
    if not is_java(call) or call.reason:
        return False
    return bool(_METHOD.fullmatch(call.function)) and not of_jdk(call.function)


def _kind(sums: _Sums, total: int, *, maps: bool) -> Kind:
    if sums.java < _FEW * total:
        return "no frames"
    if not maps and sums.known < _HALF * sums.java:
        return "no map"
    if sums.named >= _MOST * sums.java:
        return "named"
    if sums.ends > _HALF * sums.java:
        return "first frame"
    return "lost" if sums.back < _HALF * sums.java else "in part"


def _sentence(kind: Kind, sums: _Sums, total: int, what: str) -> str:
    java, named = (f"{100 * part / total:.0f} % of the {what}" for part in (sums.java, sums.named))
    return {
        "no frames": f"Java: hardly any of the {what} was called by Java methods",
        "no map": f"Java: {java} was called by Java methods, and no perf map names them",
        "first frame": f"Java: {java} has stacks that end at their first Java frame, as libgcc unwinds",
        "lost": f"Java: {named} names a method of the application: stacks are lost among Java frames",
        "in part": f"Java: {named} names a method of the application: others were not compiled yet",
        "named": f"Java: {named} names the method of the application that called",
    }[kind]


def _next(kind: Kind, host: str, pid: int | None) -> str:
    if kind == "no map":
        return (
            f"memops collect --hosts {host} --jvm"
            if host
            else f"jcmd {pid or 'PID'} Compiler.perfmap"
        )
    if kind in {"first frame", "lost"}:
        hosts = host or "PATTERN"
        return f"memops enable-profiling --hosts {hosts} --unwinder libunwind --frame-pointers"
    return ""
