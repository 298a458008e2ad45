"""What is named on the command line, sorted by content."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

import pytest

from memops.errors import UsageError
from memops.profile.sorting import sort_files
from tests.corpus.read import HERE, verdict_case

if TYPE_CHECKING:
    from pathlib import Path


def test_a_directory_and_files_in_any_order_are_sorted(tmp_path: Path) -> None:
    profiles = [*HERE.glob("jvm/*.heap.gz"), HERE / "jvm/perf.map.gz"]
    for number, path in enumerate([*profiles, *verdict_case("java-leak")["0"]]):
        packed = path.read_bytes() if path.suffix == ".gz" else gzip.compress(path.read_bytes())
        (tmp_path / f"{number}.bin").write_bytes(packed)
    (tmp_path / "notes.txt").write_text("what I saw\n")
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b\x08 nothing")

    found = sort_files([tmp_path])

    assert (len(found.dumps), len(found.memory), len(found.perf_maps)) == (5, 6, 1)
    by_name = sort_files(sorted(tmp_path.glob("*.bin"), reverse=True))
    assert sorted(by_name.dumps) == found.dumps
    assert sorted(by_name.memory) == found.memory


def test_a_file_of_no_kind_is_refused_where_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("what I saw\n")

    with pytest.raises(UsageError, match="neither a heap profile nor any other file") as refused:
        sort_files([path])
    assert refused.value.where == f"{path}:1"
    assert sort_files([path], keep_going=True).memory == [path]
    with pytest.raises(UsageError, match=r"no \.heap files here, nor other files"):
        sort_files([tmp_path])


def test_a_damaged_heap_profile_stays_one_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.1.0.i0.heap"
    path.write_bytes(b"")

    assert sort_files([path]).dumps == [path]


def test_nothing_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(UsageError, match=r"no \.heap files here"):
        sort_files([tmp_path])


def test_statistics_far_down_in_a_log_are_found(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    stats = gzip.decompress((HERE / "memory/jemalloc-stats.gz").read_bytes())
    path.write_bytes(b"INFO a line\n" * 20_000 + stats)

    assert sort_files([path]).memory == [path]
