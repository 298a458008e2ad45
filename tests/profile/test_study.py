from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memops.errors import UsageError
from memops.profile.growth.naming import Call
from memops.profile.heap.files import by_process, dump_file
from memops.profile.study import Inputs, study
from memops.profile.symbols.frame import UNMAPPED, Frame
from memops.profile.symbols.names import Name
from memops.profile.unpack import read_file
from memops.report import FORMATS
from memops.report.samples import samples
from memops.report.view import View
from tests.corpus import read

JEMALLOC = Path("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


@pytest.mark.parametrize(
    ("name", "prefix", "pid", "seq", "kind"),
    [
        ("app.12.3.i2.heap", "app", 12, 3, "i"),
        ("orders.web-1.r9.12.10.f.heap.gz", "orders.web-1.r9", 12, 10, "f"),
        ("ns.4026531836.16155.0.m7.heap", "ns.4026531836", 16155, 0, "m"),
        ("one.heap", "", None, 0, ""),
        ("app.12.x.i2.heap", "", None, 0, ""),
    ],
)
def test_a_name_tells_process_and_order(
    name: str, prefix: str, pid: int | None, seq: int, kind: str
) -> None:
    found = dump_file(Path(name))

    assert (found.prefix, found.pid, found.seq, found.kind) == (prefix, pid, seq, kind)


def test_dumps_are_in_the_order_of_their_numbers_not_of_their_names() -> None:
    names = ["a.7.10.i10.heap", "a.7.9.i9.heap", "a.8.0.f.heap", "a.7.0.i0.heap"]

    groups = by_process(dump_file(Path(name)) for name in names)

    assert [[each.seq for each in group] for group in groups] == [[0, 9, 10], [0]]


def test_the_leaking_jvm_reads_as_in_the_article() -> None:
    analysis = study(read.inputs("jvm", perf=True)).analysis
    stacks = [[call.function for call in stack.calls] for stack in analysis.stacks[:2]]

    assert stacks[0][1:] == [
        "inflate",
        "Java_java_util_zip_Inflater_inflateBytesBytes",
        "java.util.zip.Inflater.inflateBytesBytes",
    ]
    assert stacks[1] == [
        "inflateInit2_",
        "Java_java_util_zip_Inflater_init",
        "java.util.zip.Inflater.init",
    ]
    assert analysis.stacks[0].amount.bytes + analysis.stacks[1].amount.bytes > (
        0.95 * analysis.growth.bytes
    )


def test_with_libunwind_and_frame_pointers_the_java_callers_are_named() -> None:
    found = study(read.inputs("jvm-unwind", perf=True))
    named = sum(
        stack.amount.bytes
        for stack in found.analysis.stacks
        if any(call.function.startswith("Inflaters.") for call in stack.calls)
    )

    assert named > 0.9 * found.analysis.growth.bytes
    assert any(note.startswith("the perf maps disagree") for note in found.notes) == (
        len(found.notes) > 0
    )


def test_inlined_calls_are_frames_of_their_own_and_functions_are_whole() -> None:
    analysis = study(read.inputs("inlines")).analysis
    stacks = [[(call.function.partition("(")[0], call.source) for call in stack.calls[:3]]
              for stack in analysis.stacks[:2]]  # fmt: skip
    rows = [row for row in analysis.functions if "rent" in row.call.function]

    assert stacks == [
        [("acme::Shelf<acme::Page>::rent", "inlines.cpp:21"),
         ("acme::open_template", "inlines.cpp:31"), ("acme::serve_request", "inlines.cpp:36")],
        [("acme::Shelf<acme::Page>::rent", "inlines.cpp:21"),
         ("acme::save_draft", "inlines.cpp:41"), ("main", "inlines.cpp:51")],
    ]  # fmt: skip
    assert [row.call.source for row in rows] == [""]
    assert rows[0].flat.bytes == sum(stack.amount.bytes for stack in analysis.stacks[:2])


def test_without_the_extra_the_same_bytes_are_named_by_function(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = study(read.inputs("inlines"))
    monkeypatch.setitem(sys.modules, "symbolic", None)
    found = study(read.inputs("inlines"))

    assert found.analysis.growth == whole.analysis.growth
    assert found.analysis.culprits[0].function.function == "acme::serve_request(unsigned int)"
    assert [note for note in found.notes if "memops[dwarf]" in note] == [
        "pip install 'memops[dwarf]' for lines and inlined calls: inlines has debug information"
    ]
    assert not any("memops[dwarf]" in note for note in whole.notes)


class AgentTable:
    """What a JVM agent would write: frames as numbers outside every mapping, and their names."""

    def __init__(self, names: dict[int, str]) -> None:
        self.names = names

    def name(self, frame: Frame) -> Name | None:
        if frame.path != UNMAPPED or frame.offset not in self.names:
            return None
        return Name(symbol=self.names[frame.offset], module="Java")


def test_a_source_of_names_plugs_in_through_the_inputs(tmp_path: Path) -> None:
    dump = tmp_path / "agent.7.0.f.heap"
    dump.write_text(
        "heap_v2/1\n  t*: 2: 300 [0: 0]\n"
        "@ 0x6000000000000001 0x6000000000000002 0x6000000000000003\n  t*: 2: 300 [0: 0]\n"
        "\nMAPPED_LIBRARIES:\n00400000-00500000 r-xp 00000000 00:00 7 /usr/bin/java\n"
    )
    table = AgentTable({
        0x6000000000000001: "java.util.zip.Inflater.<init>",
        0x6000000000000002: "com.acme.loader.jar.ZipInflaterInputStream.<init>",
    })  # fmt: skip

    found = study(Inputs([dump], names=[table]))

    assert found.analysis.stacks[0].calls == (
        Call("java.util.zip.Inflater.<init>", "Java"),
        Call("com.acme.loader.jar.ZipInflaterInputStream.<init>", "Java"),
        Call("[0x6000000000000003]", "[unmapped]", "outside every mapping"),
    )
    assert [sample.frames[0] for sample in samples(found).counts] == [
        Frame.at(UNMAPPED, 0x6000000000000001)
    ]
    assert "ZipInflaterInputStream.<init> (Java)" in FORMATS["text"](found, View())


def test_the_map_nearest_to_each_dump_names_its_code(tmp_path: Path) -> None:
    """The code of one method was thrown away, and another method came to lie at its address."""
    maps = "\nMAPPED_LIBRARIES:\n00001000-00002000 rwxp 00000000 00:00 0\n"
    for number, size in enumerate((100, 400)):
        row = f"  t*: 1: {size} [0: 0]\n"
        text = f"heap_v2/1\n{row}@ 0x1010\n{row}{maps}"
        (tmp_path / f"j.7.{number}.i{number}.heap").write_text(text)
        (tmp_path / f"perf.{number}.map").write_text(f"1000 20 void a.B.method{number}(int)\n")
    times = {path: 60.0 * int(path.name.split(".")[-2].strip("i")) for path in tmp_path.iterdir()}
    perf_maps = sorted(tmp_path.glob("perf.*"))

    found = study(Inputs([tmp_path], perf_maps=perf_maps, times=times))

    assert {stack.calls[0].function: stack.amount.bytes for stack in found.analysis.stacks} == {
        "a.B.method0": -100,
        "a.B.method1": 400,
    }
    assert found.notes == (
        "the perf maps disagree on 1 JIT addresses: the nearest to each dump names them",
    )
    assert sorted(count.bytes for count in samples(found).counts.values()) == [-100, 400]


def test_what_the_leaking_program_says_lies_within_the_error() -> None:
    """1000 pages of 7168, 8192 and 9216 bytes, which jemalloc rounds up to 10240 for the last."""
    said = (334 * 7168 + 333 * 8192 + 333 * 10240) * (1 - 1 / 20)  # less what the first dump holds
    worst = study(read.inputs("leak")).analysis.culprits[0]

    assert worst.function.function == "rent_page"
    assert abs(worst.amount.bytes - said) < 4 * worst.amount.error


def test_without_sampling_the_numbers_are_exact() -> None:
    analysis = study(read.inputs("unsampled")).analysis
    flat = {row.call.function: row.flat for row in analysis.functions}

    assert flat["rent_page"].bytes == 7 * 7168 + 7 * 8192 + 6 * 10240 - 0
    assert flat["rent_page"].objects == 20
    assert analysis.live.error == 0


def test_the_largest_process_is_analysed_and_its_children_are_listed() -> None:
    found = study(read.inputs("forks"))
    child = study(read.inputs("forks"), pid=found.others[0].pid)

    assert len(found.others) == 2
    assert all(other.live < found.process.live for other in found.others)
    assert child.process == found.others[0]
    assert child.others == ()


def test_a_pid_without_dumps_is_refused_with_those_that_have() -> None:
    pid = study(read.inputs("leak")).process.pid

    with pytest.raises(UsageError, match=f"no dumps of this process; there are: {pid}"):
        study(read.inputs("leak"), pid=1)


def test_a_final_dump_after_the_program_freed_all_is_not_compared() -> None:
    found = study(read.inputs("python"))

    assert ".f.heap" not in found.last.name
    assert found.analysis.culprits[0].amount.bytes > 10_000_000


def test_the_dumps_that_were_compared_are_told_in_their_order() -> None:
    found = study(read.inputs("jvm"))

    assert [read.sequence(each) for each in found.compared] == [0, 2, 4, 6, 7]
    assert [found.first, found.last] == [found.compared[0], found.compared[-1]]


def test_a_base_of_the_users_choice_is_compared_with() -> None:
    first, *_, last = (Path("leak") / path.name for path in sorted(
        read.dumps("leak"), key=lambda path: int(path.name.split(".")[2])))  # fmt: skip

    same = study(Inputs([last]), base=last)

    assert same.analysis.growth.bytes == 0
    assert same.analysis.stacks == ()
    assert study(Inputs([last]), base=first).analysis == study(Inputs([first, last])).analysis


@pytest.mark.parametrize(
    ("text", "says"),
    [(b"\x1f\x8b\x08broken", "damaged gzip data"), (b"", "the file is empty")],
)
def test_a_damaged_file_is_named(text: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "x.heap").write_bytes(text)

    with pytest.raises(UsageError, match=says) as refused:
        study(Inputs([tmp_path / "x.heap"]))
    assert str(tmp_path / "x.heap") in str(refused.value)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no \.heap files here"):
        study(Inputs([tmp_path]))
    with pytest.raises(UsageError, match="no such file"):
        study(Inputs([tmp_path / "gone.heap"]))
    with pytest.raises(UsageError, match="not a file"):
        read_file(tmp_path)


def test_a_program_compiled_here_is_named_from_its_own_files(tmp_path: Path) -> None:
    """The whole way without a corpus: compile, run under jemalloc, analyse."""
    assert JEMALLOC.exists(), "apt-get install libjemalloc2"
    source = read.HERE / "programs" / "leak.c"
    subprocess.run(["gcc", "-O1", "-o", tmp_path / "leak", source], check=True)
    conf = f"prof:true,lg_prof_sample:10,lg_prof_interval:20,prof_prefix:{tmp_path}/leak"
    environment = {"LD_PRELOAD": str(JEMALLOC), "MALLOC_CONF": conf}
    said = subprocess.run(
        [tmp_path / "leak", "3000"], env=environment, check=True, capture_output=True, text=True
    )
    leaked = int(said.stdout.split()[1])

    worst = study(Inputs([tmp_path])).analysis.culprits[0]

    assert worst.function.function == "rent_page"
    assert worst.caller is not None
    assert worst.caller.function == "serve_request"
    assert abs(worst.amount.bytes - leaked) < 0.15 * leaked
    shutil.rmtree(tmp_path)
