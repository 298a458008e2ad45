"""How Java is named: on real dumps of each kind of unwinder, and in stacks of every shape."""

from __future__ import annotations

import pytest

from memops.profile.growth.analysis import analyse
from memops.profile.growth.java import JAVA, JavaNaming, is_application, java_naming
from memops.profile.growth.naming import Call, Codes, Row
from memops.profile.memory.maps import Mapping
from memops.profile.study import study
from memops.profile.symbols.frame import JIT
from memops.report import FORMATS
from memops.report.json import as_object
from memops.report.view import View
from tests.corpus import read

JVM = (Mapping(0x1000, 0x2000, "r-xp", 0, "/usr/lib/jvm/lib/server/libjvm.so (deleted)"),)
WORDS = (
    Call("inflate", "libz.so.1"),
    Call("java.util.zip.Inflater.inflateBytesBytes", JIT),
    Call("com.acme.Shop.serve", JIT),
    Call("[interpreter]", JIT),
    Call("JavaThread::run()", "libjvm.so"),
    Call("[JIT 0x7f00]", JIT, "not in the perf map"),
    Call("com.acme.Shop.open", "Java"),
)
LIBZ, NATIVE, SERVE, INTERPRETED, THREAD, UNKNOWN, AGENTS = range(7)


def naming(*stacks: Codes, maps: bool = True, host: str = "web-1") -> JavaNaming | None:
    """Of *stacks* that hold 100 bytes each."""
    rows = {codes: Row(100, 1, 0) for codes in stacks}
    return java_naming(analyse(rows, None, WORDS), JVM, maps=maps, host=host, pid=7)


CALLERS = "memops enable-profiling --hosts web-1 --unwinder libunwind --frame-pointers"


@pytest.mark.parametrize(
    ("stacks", "maps", "kind", "next_"),
    [
        ([(LIBZ, THREAD)], True, "no frames", ""),
        ([(LIBZ, UNKNOWN, UNKNOWN, THREAD)], False, "no map", "memops collect --hosts web-1 --jvm"),
        ([(LIBZ, NATIVE)], True, "first frame", CALLERS),
        ([(LIBZ, UNKNOWN)], True, "first frame", CALLERS),
        ([(LIBZ, NATIVE, UNKNOWN), (LIBZ, NATIVE, INTERPRETED)], True, "lost", CALLERS),
        ([(LIBZ, NATIVE, INTERPRETED, THREAD), (LIBZ, NATIVE, SERVE, THREAD)], True, "in part", ""),
        ([(LIBZ, NATIVE, SERVE, INTERPRETED, THREAD)], True, "named", ""),
        ([(LIBZ, AGENTS)], False, "named", ""),
        ([(LIBZ, SERVE)], True, "named", ""),
    ],
)
def test_each_situation_is_told_with_what_to_do(
    stacks: list[Codes], *, maps: bool, kind: str, next_: str
) -> None:
    found = naming(*stacks, maps=maps)

    assert found is not None
    assert (found.kind, found.next, found.maps) == (kind, next_, maps)
    assert found.sentence.startswith("Java: ")


def test_the_shares_are_those_of_the_bytes() -> None:
    found = naming((LIBZ, NATIVE), (LIBZ, NATIVE, SERVE, SERVE, THREAD), (LIBZ,), (LIBZ, THREAD))

    assert found is not None
    assert (found.frames, found.named, found.ends) == (2, 0.25, 0.25)
    assert "25 % of the live memory" in found.sentence


def test_without_a_jvm_and_without_growth_there_is_nothing_to_say() -> None:
    rows: dict[Codes, Row] = {(LIBZ, NATIVE): Row(100, 1, 0)}

    assert java_naming(analyse(rows, None, WORDS), (), maps=True) is None
    assert naming() is None


@pytest.mark.parametrize(
    ("corpus", "perf", "kind", "next_"),
    [
        ("jvm", False, "no map", "jcmd 3090 Compiler.perfmap"),
        ("jvm", True, "first frame", CALLERS.replace("web-1", "PATTERN")),
        ("jvm-unwind", False, "no map", "jcmd "),
        ("jvm-unwind", True, "named", ""),
    ],
)
def test_real_dumps_of_either_unwinder(
    corpus: str, *, perf: bool, kind: str, next_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(read.HERE)
    found = study(read.inputs(corpus, perf=perf))
    java = found.java

    assert java is not None
    assert (java.kind, java.maps) == (kind, perf)
    assert java.next.startswith(next_)
    assert java.sentence in FORMATS["text"](found, View(width=200))
    assert as_object(found, View())["java"]
    assert (java.ends > 0.95) == (corpus == "jvm")
    assert (java.named > 0.9) == (kind == "named")


def test_other_programs_are_not_asked_about_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)

    assert study(read.inputs("redis")).java is None


@pytest.mark.parametrize(
    ("function", "module", "expected"),
    [
        ("com.acme.shop.Shop.handle", JIT, True),
        ("Inflaters$Unended.<init>", JIT, True),
        ("com.acme.Kt.open-impl", JIT, True),
        ("com.acme.Лавка.открыть", JIT, True),
        ("com.acme.Agent.named", JAVA, True),
        ("java.util.zip.Inflater.init", JIT, False),
        ("sun.misc.Unsafe.park", JIT, False),
        ("sunny.Day.begin", JIT, True),
        ("[interpreter]", JIT, False),
        ("LazyCompile:~f /app.js:3", JIT, False),  # V8
        ("$lists:map/2", JIT, False),  # Erlang
        ("com.acme.Looks.like_one", "libapp.so", False),
    ],
)
def test_which_call_is_a_method_of_the_application(
    *, function: str, module: str, expected: bool
) -> None:
    assert is_application(Call(function, module)) is expected
    assert not is_application(Call(function, module, "not in the perf map"))
