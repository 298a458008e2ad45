"""The exported profile, read again by another reader, and by `go tool pprof`.

What `go tool pprof` printed is kept beside the golden files. ``python -m tests.report.test_pprof PPROF``
writes it anew with the program at PPROF (in Debian's golang-1.19-go: pkg/tool/linux_amd64/pprof).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.profile.study import Study, study
from memops.report.pprof import pprof
from memops.report.protobuf import number, packed, signed, varint
from memops.report.samples import share
from memops.report.view import View
from tests.corpus import read
from tests.report import decode, dumps

FROZEN = Path(__file__).parent / "golden" / "go-pprof.json"
CASES = [*read.NAMES, "jvm-perf"]


@cache
def of_corpus(case: str) -> Study:
    corpus = case.removesuffix("-perf")
    return study(read.inputs(corpus, perf=case != corpus))


def export(each: Study) -> decode.Decoded:
    return decode.decode(pprof(each, View()))


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


@pytest.mark.parametrize("case", CASES)
def test_the_profile_adds_up_to_the_analysis_to_the_byte(case: str) -> None:
    analysis = of_corpus(case).analysis
    found = export(of_corpus(case))
    functions = found.flat_and_cumulative()

    assert sum(each.bytes for each in found.samples) == analysis.growth.bytes
    assert sum(each.objects for each in found.samples) == analysis.growth.objects
    for row in analysis.functions:
        of_that_name = [r for r in analysis.functions if r.call.function == row.call.function]
        assert functions.get(row.call.function, (0, 0))[0] == sum(
            r.flat.bytes for r in of_that_name
        )
    assert found.kinds == [("inuse_objects", "count"), ("inuse_space", "bytes")]
    assert found.default == "inuse_space"
    assert found.period_type == ("space", "bytes")
    assert found.period == of_corpus(case).interval


@pytest.mark.parametrize("case", CASES)
def test_every_address_lies_in_its_mapping(case: str) -> None:
    found = export(of_corpus(case))
    for sample in found.samples:
        for each in sample.stack:
            if each.mapping:
                mapping = found.mappings[each.mapping - 1]
                assert mapping.start <= each.address < mapping.end


def test_mappings_have_build_ids_and_say_whether_all_names_are_known() -> None:
    each = of_corpus("jvm")
    found = {mapping.path.rpartition("/")[2]: mapping for mapping in export(each).mappings}

    assert export(each).mappings[0].path == each.process.executable
    assert found["libz.so.1.2.13"].build_id == "1f95d5498d283b79505861523e20b3db2afdf518"
    assert not found["libz.so.1.2.13"].has_functions
    assert found["libzip.so"].has_functions


def test_threads_are_told_apart_by_name() -> None:
    threads = {sample.labels["thread"] for sample in export(of_corpus("jvm")).samples}

    assert {"http-exec-0", "C2 CompilerThre"} <= threads


def test_a_cpp_function_keeps_its_symbol() -> None:
    stacks = [sample.stack for sample in export(of_corpus("jvm")).samples]
    symbols = {each.function: each.symbol for stack in stacks for each in stack}

    assert symbols["Thread::Thread()"] == "_ZN6ThreadC1Ev"


def test_comments_tell_where_the_numbers_come_from() -> None:
    comments = export(of_corpus("leak")).comments

    assert comments[0].startswith("memops ")
    assert any(line.startswith("compared with leak/leak.2696.0.i0.heap.gz sha256 ")
               for line in comments)  # fmt: skip
    assert export(of_corpus("leak")).nanos == 19 * 60 * 10**9


def test_the_same_study_gives_the_same_bytes() -> None:
    assert pprof(of_corpus("jvm-perf"), View()) == pprof(of_corpus("jvm-perf"), View())


def test_hostile_names_and_negative_growth_come_back(tmp_path: Path) -> None:
    found = export(dumps.hostile(tmp_path, *dumps.GREW))
    rows = {sample.names: (sample.objects, sample.bytes) for sample in found.samples}

    assert rows[dumps.NAMES[0], dumps.NAMES[1], dumps.NAMES[2]] == (2, 4000)
    assert rows[dumps.NAMES[3], dumps.NAMES[2]] == (-1, -400)
    assert rows[()] == (1, 10)
    assert not any(stack[0].startswith("\udcff") for stack in rows if stack)
    assert found.samples[0].labels["host"] == "web;1"
    assert {sample.labels["thread"] for sample in found.samples} == {"<th>&;\x1b"}


def test_of_an_empty_dump_there_is_an_empty_profile(tmp_path: Path) -> None:
    found = export(dumps.hostile(tmp_path, dumps.EMPTY))

    assert found.samples == []
    assert [each.path for each in found.mappings] == ['/opt/<b>&"a b']


def test_equal_offsets_of_two_libraries_stay_apart(tmp_path: Path) -> None:
    text = b"heap_v2/1\n  t*: 2: 30 [0: 0]\n" + b"".join(
        b"@ %#x\n  t*: 1: %d [0: 0]\n" % (start + 0x123, size)
        for start, size in ((0x10000, 10), (0x20000, 20))
    )
    maps = b"".join(b"%x-%x r-xp 00000000 00:00 7 /lib/%s.so\n" % (start, start + 0x1000, name)
                    for start, name in ((0x10000, b"a"), (0x20000, b"b")))  # fmt: skip
    found = export(dumps.hostile(tmp_path, text + b"\nMAPPED_LIBRARIES:\n" + maps))

    assert [(each.names, each.bytes) for each in found.samples] == [
        (("a.so+0x123",), 10), (("b.so+0x123",), 20)]  # fmt: skip
    assert [each.path for each in found.mappings] == ["/lib/a.so", "/lib/b.so"]


def test_a_base_at_other_addresses_is_the_same_place(tmp_path: Path) -> None:
    def dump(start: int, size: int) -> bytes:
        return (
            b"heap_v2/1\n  t*: 1: %d [0: 0]\n@ %#x\n  t*: 1: %d [0: 0]\n\nMAPPED_LIBRARIES:\n"
            b"%x-%x r-xp 00002000 00:00 7 /lib/a.so\n"
            % (size, start + 0x123, size, start, start + 0x1000)
        )

    found = export(dumps.hostile(tmp_path, dump(0x10000, 10), dump(0x50000, 40)))

    (sample,) = found.samples
    assert (sample.bytes, sample.stack[0].address) == (30, 0x50122)
    assert [mapping.start for mapping in found.mappings] == [0x50000]


@given(st.integers(-(2**63), 2**64 - 1))
def test_a_varint_is_read_as_it_was_written(value: int) -> None:
    assert decode.varint(varint(value), 0) == (value % 2**64, len(varint(value)))


@given(st.lists(st.integers(-(10**20), 10**20), max_size=9))
def test_packed_numbers_are_read_as_they_were_written_or_cut(values: list[int]) -> None:
    cut = [min(max(value, -(2**63)), 2**63 - 1) for value in values]

    assert decode.numbers(decode.message(packed(3, values))[3][0]) == cut
    assert b"".join(map(signed, values)) == b"".join(map(signed, cut))


def test_a_number_of_nothing_is_left_out() -> None:
    assert (number(5, 0), number(5, 1)) == (b"", b"\x28\x01")


@given(st.integers(0, 10**20), st.lists(st.integers(0, 10**20), min_size=1, max_size=9))
def test_shares_add_up_to_the_whole(whole: int, weights: list[int]) -> None:
    parts = share(whole, weights)

    assert sum(parts) == (whole if sum(weights) else 0)
    assert all(part >= 0 for part in parts)


def test_inlined_calls_are_lines_of_one_location() -> None:
    largest = max(export(of_corpus("inlines")).samples, key=lambda sample: sample.bytes)
    program = [each for each in largest.stack if each.source]

    assert [(each.function, each.source) for each in program] == [
        ("acme::Shelf<acme::Page>::rent(unsigned long)", "inlines.cpp:21"),
        ("acme::open_template(unsigned int)", "inlines.cpp:31"),
        ("acme::serve_request(unsigned int)", "inlines.cpp:36"),
        ("main", "inlines.cpp:51"),
    ]
    assert len({each.address for each in program[:3]}) == 1


_ROW = re.compile(r"^ *(-?\d+)B? +\S+ +\S+ +(-?\d+)B? +\S+ {2}(.*)$", re.MULTILINE)


@pytest.mark.parametrize("case", CASES)
def test_go_tool_pprof_read_the_same(case: str) -> None:
    printed = json.loads(FROZEN.read_text())[case]
    found = export(of_corpus(case))
    rows = {name.removesuffix(" (inline)"): (int(flat), int(cum))
            for flat, cum, name in _ROW.findall(printed)}  # fmt: skip
    mine = found.flat_and_cumulative()

    assert f" {sum(abs(each.bytes) for each in found.samples)}B total" in printed
    assert rows == {name: row for name, row in mine.items() if name in rows}
    assert {name for name, row in mine.items() if any(row)} <= set(rows)


def freeze(program: str) -> None:
    """Print each profile of the corpus with `go tool pprof` and keep what it says."""
    version = subprocess.run(["dpkg-query", "-W", "golang-1.19-go"], capture_output=True, text=True,
                             check=False).stdout.strip()  # fmt: skip
    command = [program, "-symbolize=none", "-unit=B", "-nodecount=0", "-nodefraction=0", "-top"]
    said = {"version": version or "golang-1.19-go 1.19.8-2", "command": " ".join(command[1:])}
    with tempfile.TemporaryDirectory() as home:
        os.environ["PPROF_TMPDIR"] = home
        for case in CASES:
            path = Path(home, case)
            path.write_bytes(pprof(of_corpus(case), View()))
            said[case] = subprocess.check_output([*command, str(path)], text=True)
    FROZEN.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    os.chdir(read.HERE)
    freeze(sys.argv[1])
