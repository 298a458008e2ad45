"""One pass over a dump's frames names them as looking each of them up alone would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memops.profile.growth.condense import Condenser
from memops.profile.growth.naming import Call, Lexicon, Vocabulary
from memops.profile.heap.parse import look_through
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


def stacks(dump: Dump, symbols: Path) -> list[tuple[Call, ...]]:
    """The stacks of *dump* as `Condenser` has them, in their order."""
    words = vocabulary(dump, symbols)
    rows = Condenser(words, {}).condense(dump).rows
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
