from __future__ import annotations

import gzip
import json
import math
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.profile.heap.parse import parse_heap
from memops.profile.heap.profile import Count, HeapProfile, unsample
from memops.profile.heap.runs import read_heap
from tests.corpus import read
from tests.profile.strategies import COUNTS, HEAPS

WHOLE = b"""heap_v2/524288
  t*: 3: 196608 [0: 0]
  t0: 2: 131072 [0: 0] main
  t7: 1: 65536 [0: 0] C2 CompilerThre
@ 0x7f0000001005 0x55550000abcd
  t*: 2: 131072 [0: 0]
  t0: 2: 131072 [0: 0]
@ 0x7f0000002005
  t*: 1: 65536 [0: 0]
  t7: 1: 65536 [0: 0]

MAPPED_LIBRARIES:
55550000a000-55550000b000 r-xp 00001000 fe:00 7                          /usr/bin/app
7f0000001000-7f0000003000 r-xp 00000000 fe:00 8                          /usr/lib/libz.so.1
"""


def test_a_dump_is_read_as_it_stands() -> None:
    heap = parse_heap(WHOLE, "a.heap")

    assert heap.interval == 524288
    assert heap.total.live == Count(3, 196608)
    assert [(each.uid, each.name) for each in heap.threads] == [(0, "main"), (7, "C2 CompilerThre")]
    assert heap.stacks[0x7F0000001005, 0x55550000ABCD].samples.live == Count(2, 131072)
    assert heap.executable == "/usr/bin/app"
    assert heap.scaling == "raw"


def test_each_thread_line_is_scaled_before_they_are_added() -> None:
    heap = parse_heap(WHOLE, "a.heap")

    assert heap.live_by_thread() == {
        "main": unsample(Count(2, 131072), 524288),
        "C2 CompilerThre": unsample(Count(1, 65536), 524288),
    }


@given(HEAPS)
def test_a_printed_profile_reads_back_the_same(heap: HeapProfile) -> None:
    assert parse_heap(heap.text().encode(), "printed.heap") == heap


@pytest.mark.parametrize("name", read.NAMES)
def test_real_dumps_print_and_read_back_the_same(name: str) -> None:
    for path in read.dumps(name):
        heap = read_heap(path)

        assert parse_heap(heap.text().encode(), "printed") == heap
        assert heap.scaling == ("none" if name in read.EVERY else "unbiased")


@pytest.mark.parametrize("name", read.NAMES)
def test_every_stack_agrees_with_jeprof_to_rounding(name: str) -> None:
    frozen = json.loads(gzip.decompress((read.HERE / name / "jeprof.json.gz").read_bytes()))

    for path in read.dumps(name):
        ours = read_heap(path).live.values()
        theirs = frozen[path.name]
        assert len(ours) == len(theirs)
        for (objects, size), (their_objects, their_size) in zip(ours, theirs, strict=True):
            assert math.isclose(objects, their_objects, abs_tol=0.501, rel_tol=1e-9)
            if name != "unsampled":  # jeprof scales by an interval of 1: by 1.6 for a byte
                assert math.isclose(size, their_size, abs_tol=0.501, rel_tol=1e-9)


@given(COUNTS, st.integers(1, 2**64))
def test_scaling_never_makes_less(count: Count, interval: int) -> None:
    scaled = unsample(count, interval)

    assert scaled.objects >= count.objects * (1 - 1e-9)
    assert scaled.bytes >= count.bytes * (1 - 1e-9)


def test_samples_of_before_530_add_up_to_the_header_and_mixed_files_to_nothing() -> None:
    real = read_heap(read.dumps("leak")[-1])
    raw = sum(each.samples.live.bytes for each in real.stacks.values())
    old = real.text().replace(f": {real.total.live.bytes} [", f": {raw} [", 1)
    mixed = real.text().replace(f": {real.total.live.bytes} [", f": {raw * 3} [", 1)

    assert real.scaling == "unbiased"
    assert parse_heap(old.encode(), "old").scaling == "raw"
    assert parse_heap(mixed.encode(), "mixed").scaling == "inconsistent"


BROKEN = {
    "empty": (b"", "x.heap:1: the file is empty"),
    "zeros": (b"\0" * 5000, "x.heap:1: the file is empty"),
    "an ELF file": (b"\x7fELF\2\1\1\0\0\0", "x.heap:1: not a jemalloc heap profile (it begins"),
    "gperftools": (b"heap profile: 1: 2 [3: 4] @ heap_v2/5\n", "x.heap:1: the header of this heap"),
    "cut in the header": (WHOLE[:30], "x.heap:2: the header of this heap profile cannot be read"),
    "cut in a stack": (WHOLE[:150], "x.heap:6: cut short: it has no MAPPED_LIBRARIES"),
    "no interval": (WHOLE.replace(b"524288", b"0", 1), "x.heap:1: the sampling interval is 0"),
    "a word for a number": (WHOLE.replace(b"t7: 1: 65536", b"t7: 1: many"), "x.heap:4: this thread's line"),
    "huge numbers": (WHOLE.replace(b"131072", b"9" * 100), "x.heap:3: this thread's line"),
    "a huge count": (WHOLE.replace(b"2: 131072 [0: 0]\n  t0", b"2: " + b"9" * 50 + b" [0: 0]\n  t0"),
                     "x.heap:5: '@ 0x7f0000001005 0x55550000abcd' is not a stack"),
    "a long address": (WHOLE.replace(b"0x7f0000002005", b"0x1" + b"0" * 17), "x.heap:8: an address"),
    "a word for an address": (WHOLE.replace(b"@ 0x7f0000002005", b"@ 0xx"), "x.heap:8: a frame is not"),
    "a thread in a stack": (WHOLE.replace(b"  t7: 1: 65536 [0: 0]\n\n", b"  t7: 1: [0: 0]\n\n"),
                            "x.heap:10: this thread's line"),
    "two files in one": (WHOLE[:-300] + WHOLE, "x.heap:"),
    "a line of noise": (WHOLE.replace(b"@ 0x7f0000002005", b"\xff\xfe\n@ 0x7f0000002005"),
                        "x.heap:8: '\ufffd\ufffd' is not a stack"),
    "a line of 2 MB": (WHOLE.replace(b"@ 0x7f0000002005", b"@" + b" 0x7f0000002006" * 140000),
                       "x.heap:8: the stack is too long"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_dump_is_refused_in_one_line_that_says_where(text: bytes, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_heap(text, "x.heap")

    assert str(refused.value).startswith(says)
    assert "\n" not in str(refused.value)
    assert refused.value.remedy


@given(st.binary(max_size=300), st.integers(0, len(WHOLE)), st.integers(0, 60))
def test_no_bytes_crash_the_reader(noise: bytes, at: int, gone: int) -> None:
    for text in (noise, b"heap_v2/" + noise, WHOLE[:at] + noise + WHOLE[at + gone :]):
        try:
            heap = parse_heap(text, "noise")
        except UsageError:
            continue
        assert heap.live_by_thread() is not None
        assert heap.scaling


@pytest.mark.parametrize(
    "line",
    [b" 0x7f0000002005" * 7_000_000, b"0" * 100_000_000, b" " * 100_000_000],
    ids=["frames", "digits", "blanks"],
)
def test_a_line_of_100_mb_takes_neither_time_nor_memory(line: bytes) -> None:
    text = WHOLE.replace(b"@ 0x7f0000002005", b"@" + line)
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises(UsageError):
            parse_heap(text, "long.heap")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 150_000_000  # the line itself, once
    assert time.process_time() - start < 20
