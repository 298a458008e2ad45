"""Which files were taken together: told by directories, by times, or by their order."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.profile.memory.kinds import CGROUP, NMT, SMAPS, STATUS
from memops.profile.verdict.collect import SNAPSHOTS, File, group, read_snapshots
from memops.profile.verdict.evidence import GLIBC, JEMALLOC
from tests.corpus.read import HERE, verdict_case

if TYPE_CHECKING:
    from collections.abc import Sequence


def file(kind: str, time: float, directory: str = "d", name: str = "x") -> File:
    return File(Path(directory) / name, kind, time)


@pytest.mark.parametrize(
    ("files", "sizes"),
    [
        ([], []),
        ([file(SMAPS, 5), file(STATUS, 900)], [2]),
        ([file(SMAPS, 5, "a"), file(SMAPS, 5, "b"), file(STATUS, 5, "b")], [1, 2]),
        ([file(SMAPS, 10), file(SMAPS, 20), file(STATUS, 11), file(STATUS, 21)], [2, 2]),
        ([file(SMAPS, 10), file(STATUS, 11), file(NMT, 500), file(SMAPS, 501)], [2, 2]),
        ([file(SMAPS, 7), file(SMAPS, 7), file(STATUS, 7), file(STATUS, 7), file(NMT, 7)], [3, 2]),
        ([file(CGROUP, 7, name="memory.max"), file(CGROUP, 7, name="memory.stat")], [2]),
    ],
)
def test_files_that_were_taken_together_are_one_snapshot(
    files: Sequence[File], sizes: list[int]
) -> None:
    assert [len(each) for each in group(files)] == sizes


@given(st.lists(st.builds(file, st.sampled_from((SMAPS, STATUS, NMT)), st.floats(0, 1e4),
                          st.sampled_from("ab")), max_size=12))  # fmt: skip
def test_every_file_is_in_one_snapshot_and_no_kind_twice(files: list[File]) -> None:
    found = group(files)

    assert sorted(map(id, (each for one in found for each in one))) == sorted(map(id, files))
    assert all(len({each.slot for each in one}) == len(one) for one in found)
    first = [min(each.time for each in one) for one in found]
    assert all(before <= after for before, after in pairwise(first))


def test_a_long_series_is_thinned_to_its_ends_and_between(tmp_path: Path) -> None:
    source = verdict_case("c-steady")["0"]
    status = next(path for path in source if path.name == "status").read_bytes()
    for number in range(40):
        (tmp_path / f"status.{number:02}").write_bytes(status)
        os.utime(tmp_path / f"status.{number:02}", (1000 + 60 * number,) * 2)

    found = read_snapshots(sorted(tmp_path.iterdir()), {})

    assert len(found) == SNAPSHOTS
    assert (found[0].time, found[-1].time) == (1000, 1000 + 60 * 39)


def test_files_of_two_processes_are_refused_by_name() -> None:
    paths = [verdict_case("java-leak")["1"], verdict_case("java-direct")["1"]]
    one, other = (next(path for path in each if path.name == "status") for each in paths)
    nmt = next(path for path in paths[1] if path.name == "nmt")

    with pytest.raises(UsageError, match="give the files of one process") as refused:
        read_snapshots([one, nmt], {})
    assert refused.value.where == str(nmt)
    left_out: list[str] = []
    assert [each.kinds for each in read_snapshots([one, nmt], {}, left_out)] == [{STATUS}]
    assert str(other) not in left_out[0]


def test_the_pid_in_a_container_is_the_same_process(tmp_path: Path) -> None:
    """NSpid is written in by hand: this machine ran no container."""
    status, nmt = (
        next(path for path in verdict_case("java-leak")["1"] if path.name == name)
        for name in ("status", "nmt")
    )
    inside = nmt.read_bytes()
    pid = inside.partition(b":")[0]
    (tmp_path / "nmt").write_bytes(inside.replace(pid, b"7", 1))
    text = status.read_bytes()
    (tmp_path / "status").write_bytes(text.replace(b"NSpid:\t" + pid, b"NSpid:\t" + pid + b"\t7"))

    (found,) = read_snapshots([tmp_path / "nmt", tmp_path / "status"], {})

    assert found.pids == (int(pid), 7)


@pytest.mark.parametrize(
    ("case", "allocator", "jvm"),
    [("c-leak", GLIBC, False), ("je-leak", JEMALLOC, False), ("java-leak", GLIBC, True),
     ("java-je-leak", JEMALLOC, True)],
)  # fmt: skip
def test_the_process_is_known_by_what_it_maps(case: str, allocator: str, jvm: bool) -> None:  # noqa: FBT001 - a row of the table
    (found,) = read_snapshots(verdict_case(case)["1"], {})

    assert (found.allocator, found.is_jvm) == (allocator, jvm)


def test_pmap_stands_in_for_smaps() -> None:
    paths = [HERE / "memory" / f"{name}.gz" for name in ("pmap-x", "status", "nmt-detail")]
    (by_pmap,) = read_snapshots(paths, {})
    (by_smaps,) = read_snapshots([HERE / "memory/smaps.gz", *paths[1:]], {})

    assert by_pmap.rss == by_smaps.rss
    assert (by_pmap.is_jvm, by_pmap.allocator) == (True, GLIBC)


def test_a_damaged_file_is_one_line_and_may_be_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "rollup"
    broken.write_bytes(b"00400000-7fff0000 ---p 00000000 00:00 0     [rollup]\nnothing\n")
    good = next(path for path in verdict_case("c-leak")["1"] if path.name == "status")

    with pytest.raises(UsageError, match="no sizes in kB here") as refused:
        read_snapshots([broken, good], {})
    assert refused.value.where == f"{broken}:1"
    left_out: list[str] = []
    (found,) = read_snapshots([broken, good], {}, left_out)
    assert found.rss
    assert left_out == [f"left out {broken}:1: no sizes in kB here"]
