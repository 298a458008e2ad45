from __future__ import annotations

from hypothesis import given

from memops.profile.growth.condense import Condenser
from memops.profile.growth.estimate import Profile, estimate, keep, merge, subtract
from memops.profile.growth.naming import Lexicon, Vocabulary
from memops.profile.heap.parse import parse_heap
from memops.profile.heap.runs import read_dump
from memops.profile.symbols.allocator import allocator_module, allocator_test
from memops.profile.symbols.files import ElfSymbols
from memops.profile.symbols.jit import JitSymbols
from memops.profile.symbols.names import Names
from tests.corpus import read
from tests.profile.strategies import PROFILES
from tests.profile.test_heap import WHOLE


@given(PROFILES, PROFILES)
def test_merging_commutes(one: Profile, other: Profile) -> None:
    assert merge(one, other) == merge(other, one)


@given(PROFILES, PROFILES, PROFILES)
def test_merging_associates(one: Profile, other: Profile, third: Profile) -> None:
    assert merge(merge(one, other), third) == merge(one, merge(other, third))


@given(PROFILES, PROFILES)
def test_subtracting_undoes_merging(one: Profile, other: Profile) -> None:
    assert subtract(merge(one, other), other) == one


@given(PROFILES)
def test_keeping_splits_a_profile_into_two_that_make_it_up(profile: Profile) -> None:
    deep = keep(profile, lambda frames: len(frames) > 1)
    flat = keep(profile, lambda frames: len(frames) <= 1)

    assert merge(deep, flat) == profile
    assert not set(deep.stacks) & set(flat.stacks)


def test_a_difference_survives_other_addresses() -> None:
    moved = WHOLE.replace(b"7f00000", b"7f99990").replace(b"5555000", b"5566000")
    one, other = parse_heap(WHOLE, "a"), parse_heap(moved, "b")

    assert list(one.stacks) != list(other.stacks)
    assert subtract(estimate(one, {}), estimate(other, {})).stacks == {}


def test_a_library_is_the_same_by_its_build_id_on_both_sides_only() -> None:
    heap = parse_heap(WHOLE, "a")
    known = estimate(heap, {"/usr/lib/libz.so.1": "1f95"})

    assert {frame.build_id for stack in known.stacks for frame in stack} == {"1f95", ""}
    assert len(subtract(known, estimate(heap, {})).stacks) == 4


def test_the_variance_is_the_interval_times_the_bytes() -> None:
    total = estimate(parse_heap(WHOLE, "a"), {}).total

    assert total.variance == total.bytes * 524288
    assert total.error == (total.bytes * 524288) ** 0.5


def test_what_is_condensed_is_what_is_estimated() -> None:
    for name in read.NAMES:
        dump = read_dump(read.dumps(name)[-1])
        is_allocator = allocator_test(allocator_module(dump))
        words = Vocabulary(Names((ElfSymbols(), JitSymbols())), is_allocator, Lexicon())
        found, whole = Condenser(words, {}).condense(dump), estimate(dump.profile(), {}).total
        rows = found.rows.values()

        assert sum(row.bytes for row in rows) == whole.bytes
        assert sum(row.objects for row in rows) == whole.objects
        assert sum(row.variance for row in rows) == whole.variance
        assert found.live == dump.live == whole.bytes
