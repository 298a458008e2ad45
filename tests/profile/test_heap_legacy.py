from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.profile.heap.legacy import look_through_legacy
from memops.profile.heap.profile import Count
from memops.profile.heap.runs import read_heap
from memops.profile.study import Inputs, study
from tests.corpus.read import HERE, dumps, inputs

if TYPE_CHECKING:
    from pathlib import Path

DUMPS = sorted((HERE / "memory").glob("tc.*.heap.gz"))

SAMPLED = b"""heap profile:      3:   196608 [     9:  900000] @ heap_v2/524288
     2:   131072 [     2:   131072] @ 0x7f0000001005 0x55550000abcd
     1:    65536 [     1:    65536] @ 0x7f0000002005

MAPPED_LIBRARIES:
55550000a000-55550000b000 r-xp 00001000 fe:00 7                          /usr/bin/app
"""


def test_every_allocation_of_gperftools_is_counted() -> None:
    first, *_, last = (read_heap(path) for path in DUMPS)

    assert last.writer == "tcmalloc"
    assert last.interval == 1
    assert sum(count.bytes for count in last.live.values()) == last.total.live.bytes
    assert last.total.live.bytes > first.total.live.bytes


def test_what_leaked_is_exactly_what_the_program_said() -> None:
    found = study(Inputs([DUMPS[-1]]))
    worst = max(found.analysis.stacks, key=lambda stack: stack.amount.bytes)

    assert worst.amount.bytes == 8_190_976
    assert worst.amount.objects == 1000
    assert worst.amount.error == 0


def test_sampled_profiles_are_scaled_as_pprof_scales_them() -> None:
    heap = look_through_legacy(SAMPLED, "x").profile()
    half = look_through_legacy(SAMPLED.replace(b"heap_v2/524288", b"heap/1048576"), "x").profile()

    assert heap.live == half.live
    assert heap.live[0x7F0000002005,] == Count(9, 557738)  # 65536 / (1 - exp(-1/8))
    assert heap.executable == "/usr/bin/app"


BROKEN = {
    "kind": (SAMPLED.replace(b"heap_v2", b"growth"), "x:1: the header"),
    "cut": (SAMPLED[:100], "x:2: cut short"),
    "noise": (SAMPLED.replace(b"     1: ", b"     one: "), "x:3: this line is not a stack"),
    "no interval": (SAMPLED.replace(b"524288", b"0"), "x:1: the header"),
}


@pytest.mark.parametrize(("text", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_profile_is_refused_in_one_line_that_says_where(text: bytes, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        look_through_legacy(text, "x").profile()

    assert str(refused.value).startswith(says)


@given(st.binary(max_size=200), st.integers(0, len(SAMPLED)))
def test_no_bytes_crash_the_reader(noise: bytes, at: int) -> None:
    for text in (noise, SAMPLED[:at] + noise + SAMPLED[at:]):
        try:
            assert look_through_legacy(text, "noise").profile().live is not None
        except UsageError:
            continue


def test_zstd_is_unpacked_and_damage_is_said(tmp_path: Path) -> None:
    plain = tmp_path / "a.heap"
    plain.write_bytes(SAMPLED)
    subprocess.run(["zstd", "-q", str(plain)], check=True)
    packed = tmp_path / "a.heap.zst"

    assert read_heap(packed) == read_heap(plain)

    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(UsageError, match="damaged zstd data"):
        read_heap(packed)


def test_keep_going_uses_the_whole_files_and_tells_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(HERE)
    files = sorted(dumps("leak"), key=lambda path: int(path.name.split(".")[2]))
    for path in files:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / files[0].name).write_bytes(b"")
    (tmp_path / files[-1].name).write_bytes(b"heap_v2/5\nnoise\n")
    broken = Inputs([tmp_path], build_ids=inputs("leak").build_ids, symbols=inputs("leak").symbols)

    with pytest.raises(UsageError):
        study(broken)
    found = study(broken, keep_going=True)

    assert found.last.name == files[-2].name
    assert found.first is not None
    assert found.first.name == files[1].name
    assert sorted(note.partition(":")[0] for note in found.notes) == sorted(
        f"left out {tmp_path / path.name}" for path in (files[0], files[-1])
    )
    assert found.analysis.culprits[0].function.function == "rent_page"


def test_keep_going_with_nothing_whole_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.heap").write_bytes(b"")

    with pytest.raises(UsageError, match="none of the files can be used"):
        study(Inputs([tmp_path]), keep_going=True)
