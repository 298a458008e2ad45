"""What a file is, told by its content whatever its name: every captured file, renamed."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.profile.memory import kinds
from memops.profile.memory.kinds import cgroup_file, kind_of, read_content
from memops.profile.verdict.collect import read_snapshots
from tests.corpus.read import HERE, verdict_case

MEMORY = {
    "jemalloc-stats": kinds.JEMALLOC, "malloc_info": kinds.MALLOC_INFO, "maps": kinds.MAPS,
    "nmt-detail": kinds.NMT, "nmt-summary": kinds.NMT, "nmt-summary.diff": kinds.NMT_DIFF,
    "pmap-X": kinds.PMAP, "pmap-x": kinds.PMAP, "smaps": kinds.SMAPS, "smaps_rollup": kinds.ROLLUP,
    "status": kinds.STATUS, "tc.0001.heap": kinds.HEAP, "v1-memory.stat": kinds.CGROUP,
    "vm-info": kinds.VM_INFO,
}  # fmt: skip
JVM = {
    "heap_info": kinds.HEAP_INFO, "nmt": kinds.NMT, "nmt.diff": kinds.NMT_DIFF,
    "smaps": kinds.SMAPS, "smaps_rollup": kinds.ROLLUP, "status": kinds.STATUS,
    "system_map": kinds.SYSTEM_MAP, "vminfo": kinds.VM_INFO,
}  # fmt: skip


def captured(name: str) -> bytes:
    return gzip.decompress((HERE / "memory" / f"{name}.gz").read_bytes())


@pytest.mark.parametrize("name", MEMORY)
@pytest.mark.parametrize("packed", ["plain", "gzip", "zstd"])
def test_a_file_is_known_whatever_its_name_and_packing(
    name: str, packed: str, tmp_path: Path
) -> None:
    path = tmp_path / "attachment.txt"
    if packed == "gzip":
        shutil.copy(HERE / "memory" / f"{name}.gz", path)
    else:
        path.write_bytes(captured(name))
    if packed == "zstd":
        subprocess.run(["zstd", "-q", "--rm", "-o", f"{path}.zst", path], check=True)
        path = Path(f"{path}.zst")

    found = read_content(path)

    assert (found.kind, found.text) == (MEMORY[name], captured(name))


@pytest.mark.parametrize("case", ["java-direct", "java-g1-leak", "java25-threads"])
def test_what_a_jvm_says_is_known(case: str) -> None:
    for path in verdict_case(case)["1"]:
        assert kind_of(path.read_bytes(), "x") == JVM[path.name], path


@pytest.mark.parametrize(
    "answer",
    [
        b"4711:\nNative memory tracking is not enabled\n",
        b"Native memory tracking is not enabled\n",
        b"4711:\njava.lang.IllegalArgumentException: Unknown diagnostic command\n",
    ],
)
def test_a_jvm_that_refuses_is_no_reason_to_refuse_the_other_files(
    answer: bytes, tmp_path: Path
) -> None:
    (tmp_path / "status").write_bytes(captured("status"))
    (tmp_path / "nmt").write_bytes(answer)

    (found,) = read_snapshots([tmp_path / "nmt", tmp_path / "status"], {})

    assert found.kinds == {kinds.STATUS}


def test_the_corpus_of_heap_profiles_and_perf_maps_is_known() -> None:
    for path in HERE.glob("*/*.heap.gz"):
        assert kind_of(gzip.decompress(path.read_bytes()), "x") == kinds.HEAP
    assert kind_of(gzip.decompress((HERE / "jvm/perf.map.gz").read_bytes()), "x") == kinds.PERF_MAP


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("memory.max", "memory.max"), ("cgroup.memory.current", "memory.current"),
        ("web-1.memory.swap.current.gz", "memory.swap.current"),
        ("v1-memory.limit_in_bytes.zst", "memory.limit_in_bytes"),
        ("notmemory.max", ""), ("memory", ""), ("smaps", ""),
    ],
)  # fmt: skip
def test_a_file_of_a_mere_number_is_known_by_the_kernels_name(name: str, file: str) -> None:
    assert cgroup_file(name) == file
    assert kind_of(b"1024\n", name) == (kinds.CGROUP if file else kinds.UNKNOWN)
    assert kind_of(b"some words\n", name) == kinds.UNKNOWN


def test_statistics_are_found_in_the_log_of_a_program() -> None:
    log = b"INFO starting\n" * 9000 + captured("jemalloc-stats") + b"INFO more\n"

    assert kind_of(log, "app.log") == kinds.JEMALLOC


@pytest.mark.parametrize("text", [b"", b"\n", b"#!/bin/sh\n", b"\x7fELF\x02\x01", b"<xml/>", b"{}"])
def test_other_files_are_of_no_kind(text: bytes) -> None:
    assert kind_of(text, "x") == kinds.UNKNOWN


def test_damaged_data_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "smaps.gz"
    path.write_bytes((HERE / "memory/smaps.gz").read_bytes()[:900])

    with pytest.raises(UsageError, match="damaged gzip data") as refused:
        read_content(path)
    assert refused.value.where == str(path)


@given(st.binary(max_size=3000))
def test_any_bytes_have_a_kind(text: bytes) -> None:
    assert isinstance(kind_of(text, "memory.max"), str)


@pytest.mark.parametrize(
    "tail", [b" ", b"a", b"0", b"\n", b"0x0 ", b"- ", b"a-b ", b"Name:\t", b" A total "]
)
def test_a_long_file_takes_no_time(tail: bytes) -> None:
    start = time.process_time()
    kind_of(tail * (4_000_000 // len(tail)), "x")
    assert time.process_time() - start < 2
