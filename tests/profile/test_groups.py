from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.profile.growth.analysis import Analysis, analyse
from memops.profile.growth.calltree import DEEPEST, Branch, call_tree, peek
from memops.profile.growth.filters import pattern
from memops.profile.growth.groups import Group, by_library, by_package, by_size, package, size_class
from memops.profile.growth.naming import Call, Codes, Row
from memops.profile.study import study
from memops.profile.symbols.frame import JIT
from memops.report.threads import by_thread
from tests.corpus import read
from tests.report.dumps import GREW, hostile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORDS = [
    Call("malloc", "libc.so.6"),
    Call("inflate", "libz.so.1"),
    Call("java.util.zip.Inflater.inflate", JIT),
    Call("com.acme.loader.Cache.put", JIT),
    Call("com.acme.web.Server.run", JIT),
    Call("StubRoutines (1)", JIT),
    Call("0x7f00", ""),
]
GROUPINGS = (by_library, by_package, by_size)

rows = st.dictionaries(
    st.lists(st.integers(0, len(WORDS) - 1), max_size=6).map(tuple),
    st.builds(
        lambda objects, size: Row(objects * size, objects, 100 * size),
        st.integers(1, 50),
        st.integers(1, 10**6),
    ),
    max_size=8,
)
analyses = st.builds(
    lambda after, before, grows: analyse(after, before if grows else None, WORDS),
    rows, rows, st.booleans(),
)  # fmt: skip


@pytest.mark.parametrize("grouping", GROUPINGS)
@given(analysis=analyses)
def test_groups_add_up_to_the_whole(
    grouping: Callable[[Analysis], tuple[Group, ...]], analysis: Analysis
) -> None:
    found = grouping(analysis)

    assert sum(each.flat.bytes for each in found) == analysis.growth.bytes
    assert sum(each.flat.objects for each in found) == analysis.growth.objects
    assert sum(each.flat.error**2 for each in found) == pytest.approx(analysis.growth.error**2)
    assert len({each.name for each in found}) == len(found)


@given(analysis=analyses, least=st.floats(0, 1))
def test_the_parts_of_a_branch_add_up_to_it(analysis: Analysis, least: float) -> None:
    def holds(branch: Branch) -> None:
        parts = [branch.own, branch.rest, *(child.amount for child in branch.children)]
        assert sum(each.bytes for each in parts) == branch.amount.bytes
        assert sum(each.objects for each in parts) == branch.amount.objects
        assert all(child.share >= least for child in branch.children)
        for child in branch.children:
            holds(child)

    root = call_tree(analysis, least)
    holds(root)
    assert root.amount[:2] == analysis.growth[:2]


@given(analysis=analyses)
def test_callers_and_callees_add_up_to_the_function(analysis: Analysis) -> None:
    functions = {row.call: row for row in analysis.functions}

    for found in peek(analysis, pattern(".", "--peek")):
        row = functions[found.call]
        assert (found.flat, found.cumulative) == (row.flat, row.cumulative)
        for edges in (found.callers, found.callees):
            assert sum(edge.amount.bytes for edge in edges) == row.cumulative.bytes
            assert sum(edge.amount.objects for edge in edges) == row.cumulative.objects


def of(stacks: dict[Codes, int]) -> Analysis:
    return analyse({codes: Row(size, 1, 0) for codes, size in stacks.items()}, None, WORDS)


def test_a_function_that_calls_itself_has_the_outermost_caller_and_the_innermost_callee() -> None:
    (found,) = peek(of({(0, 3, 3, 4): 10, (3, 1): 5}), pattern("Cache", "--peek"))

    assert {edge.call: edge.amount.bytes for edge in found.callers} == {WORDS[4]: 10, WORDS[1]: 5}
    assert {edge.call: edge.amount.bytes for edge in found.callees} == {WORDS[0]: 10, None: 5}
    assert found.flat.bytes == 5


@pytest.mark.parametrize(
    ("codes", "owner", "library"),
    [
        ((0, 1, 2, 3, 4), "com.acme.loader", "libc.so.6"),
        ((1, 2), "java.* (JDK)", "libz.so.1"),
        ((4, 3), "com.acme.web", "[jit]"),
        ((0, 5), "libc.so.6", "libc.so.6"),
        ((5, 0), "[jit]", "[jit]"),
        ((6,), "[no stack]", "[no stack]"),
        ((), "[no stack]", "[no stack]"),
    ],
)
def test_a_stack_is_of_its_innermost_package(codes: Codes, owner: str, library: str) -> None:
    analysis = of({codes: 7})

    assert [each.name for each in by_package(analysis) if each.flat.bytes] == [owner]
    assert [each.name for each in by_library(analysis) if each.flat.bytes] == [library]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("java.util.zip.Inflater.inflateBytesBytes", "java.util.zip"),
        ("void com.acme.loader.Cache$Entry.put(int, java.lang.Object)", "com.acme.loader"),
        ("com.acme.Loader.<init>", "com.acme"),
        ("com.acme.Loader$$Lambda/0x00007f12a8001000.run", "com.acme"),
        ("com.acme.Loader$$Lambda$14/0x0000000800c03.run", "com.acme"),
        ("Lcom/acme/web/Server;::run", "com.acme.web"),
        ("void [Acme.Core] Acme.Web.Server::Run()[Tier0]", "Acme.Web"),
        ("Inflaters.main", "(default package)"),
        ("Inflaters$Unended.<init>", "(default package)"),
        ("Inflaters", ""),
        ("StubRoutines (1)", ""),
        ("[interpreter]", ""),
        ("LazyCompile:~render /srv/app/view.js:12", ""),
        ("", ""),
        ("." * 50, ""),
    ],
)
def test_the_package_of_a_method(function: str, name: str) -> None:
    assert package(function) == name


@pytest.mark.parametrize(
    ("size", "large"),
    [(1, 8), (8, 8), (9, 16), (16, 16), (17, 32), (128, 128), (129, 160), (160, 160), (161, 192),
     (256, 256), (257, 320), (7000, 7168), (7168, 7168), (8192, 8192), (8193, 10240),
     (14336, 14336), (16385, 20480), (1 << 20, 1 << 20), ((1 << 20) + 1, 5 << 18)],
)  # fmt: skip
def test_sizes_are_those_of_jemalloc(size: int, large: int) -> None:
    """The expected ones are of the table in jemalloc's manual."""
    assert size_class(size) == large


@given(st.integers(1, 1 << 40))
def test_a_size_class_is_its_own_and_wastes_at_most_a_fifth(size: int) -> None:
    large = size_class(size)

    assert size <= large == size_class(large)
    assert large < 16 or large - size < max(16, large / 5 + 1)


def test_a_stack_that_is_gone_is_of_the_size_that_it_had() -> None:
    before: dict[Codes, Row] = {(1,): Row(3 * 7168, 3, 0), (2,): Row(100, 1, 0)}
    analysis = analyse({(2,): Row(400, 4, 0)}, before, WORDS)

    assert {each.name: each.flat.bytes for each in by_size(analysis)} == {
        "7168": -21504,
        "112": 300,
    }


@pytest.mark.parametrize("name", read.NAMES)
def test_threads_add_up_to_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)
    found = study(read.inputs(name))
    threads = by_thread(found)

    assert sum(each.flat.bytes for each in threads) == found.analysis.growth.bytes
    assert sum(each.flat.objects for each in threads) == found.analysis.growth.objects
    assert all(each.name for each in threads)
    if name == "jvm":
        assert {f"http-exec-{at}" for at in range(4)} < {each.name for each in threads}


def test_a_stack_deeper_than_a_tree_counts_where_it_is_cut() -> None:
    analysis = of({(0, *[3, 4] * DEEPEST): 10})
    branch, depth = call_tree(analysis, 0), 0
    while branch.children:
        (branch,), depth = branch.children, depth + 1

    assert (depth, branch.own.bytes) == (DEEPEST, 10)


def test_names_of_strangers_are_in_groups_too(tmp_path: Path) -> None:
    found = hostile(tmp_path, *GREW)

    for groups in (by_package(found.analysis), by_library(found.analysis), by_thread(found)):
        assert sum(each.flat.bytes for each in groups) == found.analysis.growth.bytes
