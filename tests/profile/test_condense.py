"""One pass over a dump's frames names them as looking each of them up alone would."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memops.profile.growth.condense import Condenser
from memops.profile.growth.estimate import estimate
from memops.profile.growth.naming import Call, Lexicon, Vocabulary
from memops.profile.heap.parse import look_through
from memops.profile.heap.profile import without_echo
from memops.profile.heap.runs import read_dump
from memops.profile.symbols.allocator import allocator_module, allocator_test
from memops.profile.symbols.files import ElfSymbols
from memops.profile.symbols.frame import locate
from memops.profile.symbols.jit import JitSymbols
from memops.profile.symbols.names import Names
from tests.corpus import read
from tests.corpus.slim import Load, Symbol, elf_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from memops.profile.heap.dump import Dump

HEAP = """heap_v2/1
  t*: 1: 64 [0: 0]
  t0: 1: 64 [0: 0]
{}
MAPPED_LIBRARIES:
1000-2000 r-xp 00001000 fe:00 7                          /lib/one.so
2000-3000 r-xp 00000000 fe:00 8                          /lib/two.so
"""


def vocabulary(dump: Dump, symbols: Path) -> Vocabulary:
    names = Names((ElfSymbols((symbols,)), JitSymbols()))
    return Vocabulary(names, allocator_test(allocator_module(dump)), Lexicon())


def stacks(dump: Dump, symbols: Path, ids: dict[str, str] | None = None) -> list[tuple[Call, ...]]:
    """The stacks of *dump* as `Condenser` has them, in their order."""
    words = vocabulary(dump, symbols)
    rows = Condenser(words, ids or {}).condense(dump).rows
    return [tuple(words.lexicon.calls[code] for code in codes) for codes in rows]


def alone(dump: Dump, symbols: Path, address: int) -> tuple[Call, ...]:
    """The calls at *address* by a vocabulary that knows of no other."""
    words = vocabulary(dump, symbols)
    codes = words.spread((words[locate(address, dump.space, {})],))
    return tuple(words.lexicon.calls[code] for code in codes)


@pytest.mark.parametrize("name", [*read.NAMES])
def test_every_frame_of_the_corpus_has_the_name_that_it_has_alone(name: str) -> None:
    dump = read_dump(read.dumps(name)[-1])
    symbols = read.HERE / name / "symbols"
    addresses = {int(token, 16) for frames, _, _ in dump.samples() for token in frames.split()}
    text = "".join(f"@ 0x1 {address:#x}\n  t*: 1: 64 [0: 0]\n" for address in sorted(addresses))
    mapped = dump.text[dump.mapped :].decode()
    every = look_through(
        f"heap_v2/1\n  t*: 1: 64 [0: 0]\n{text}\nMAPPED_LIBRARIES:\n{mapped}".encode(), "every"
    )

    found = {stack[1:] for stack in stacks(every, symbols)}

    assert found == {alone(every, symbols, address) for address in addresses}


SYMBOLS = st.lists(
    st.tuples(st.integers(0x1000, 0x2200), st.integers(1, 0x1800)), min_size=1, max_size=6
)


@example([(4096, 1), (4096, 2)], [4097, 4098])
@example([(4096, 1), (4096, 2)], [4098, 4097])
@given(SYMBOLS, st.lists(st.integers(0x1001, 0x3000), min_size=1, max_size=30, unique=True))
def test_symbols_may_overlap_and_reach_beyond_their_mapping(
    tmp_path_factory: pytest.TempPathFactory, symbols: list[tuple[int, int]], addresses: list[int]
) -> None:
    home = tmp_path_factory.mktemp("symbols")
    made = sorted(Symbol(at, size, f"f{number}") for number, (at, size) in enumerate(symbols))
    (home / "one.so").write_bytes(elf_bytes(made, [Load(0x1000, 0x1000, 0x1000)], "ab"))
    text = "".join(f"@ 0x1 {address:#x}\n  t*: 1: 64 [0: 0]\n" for address in addresses)
    dump = look_through(HEAP.format(text).encode(), "made up")

    found = {stack[1:] for stack in stacks(dump, home)}

    assert found == {alone(dump, home, address) for address in addresses}


@example([0x1007, 0x1006])
@example([0x100000001007] * 30 + [0x100000001007, 0x100000001006])  # as long as most are, and deep
@given(st.lists(st.integers(0x1001, 0x100C), min_size=1, max_size=4))
def test_a_frame_is_dropped_only_where_it_repeats_the_end_of_the_call_before(
    stack: list[int],
) -> None:
    frames = "".join(f" {address:#x}" for address in stack)
    text = HEAP.format(f"@{frames}\n  t*: 1: 64 [0: 0]\n")
    text += "100000001000-100000002000 r-xp 00001000 fe:00 7                          /lib/one.so\n"
    dump = look_through(text.encode(), "made up")
    echo = len(stack) > 1 and stack[-1] % 4 == 2 and stack[-2] == stack[-1] + 1
    kept = stack[:-1] if echo else stack

    (found,) = stacks(dump, read.HERE)

    assert [call.symbol for call in found] == [f"one.so+{address & 0xFFFF:#x}" for address in kept]
    assert without_echo(tuple(stack)) == tuple(kept)
    (frames_of,) = estimate(dump.profile(), {}).stacks
    assert len(frames_of) == len(kept)


def test_where_libunwind_goes_no_further_no_function_calls_itself() -> None:
    """It repeated the last frame it had in most stacks of this program, whose addresses are signed."""
    dump = read_dump(read.dumps("arm64-signed")[-1])
    written = [[int(token, 16) for token in frames.split()] for frames, _, _ in dump.samples()]
    repeated = [stack for stack in written if stack[-2] == stack[-1] + 1]

    found = stacks(dump, read.HERE / "arm64-signed" / "symbols", _ids("arm64-signed"))
    named = [[call.symbol for call in stack] for stack in found]

    assert len(repeated) > len(written) // 2
    assert ["_ZN4acme7compareEPKvS1_"] in named
    assert all(one != other for stack in named for one, other in pairwise(stack))


def _ids(name: str) -> dict[str, str]:
    ids: dict[str, str] = json.loads((read.HERE / name / "build-ids.json").read_text())
    return ids
