"""What is the same function in two lives, and what is not."""

from __future__ import annotations

import pytest

from memops.profile.growth.naming import Lexicon, Vocabulary
from memops.profile.memory.maps import AddressSpace, Mapping
from memops.profile.symbols.files import ElfSymbols
from memops.profile.symbols.frame import JIT, Frame, locate
from memops.profile.symbols.jit import JitSymbols
from memops.profile.symbols.names import Names
from memops.profile.symbols.perfmap import parse_perf_map

ID, OTHER = "aa" * 20, "bb" * 20
LIBZ = "/usr/lib/libz.so.1"
FIRST, MOVED = 0x7F00_0000_0000, 0x7FFF_1234_5000  # where two lives map the library


def code(
    lexicon: Lexicon, base: int, offset: int = 0xAA20, *, build_id: str = "", jit: str = ""
) -> int:
    """The code of the frame at *offset* of what a life has mapped at *base*."""
    mapping = Mapping(base, base + 0x20000, "r-xp", 0, "" if jit else LIBZ, 0 if jit else 7)
    maps = (parse_perf_map(jit.encode()),) if jit.strip() else ()
    words = Vocabulary(
        Names((ElfSymbols(), JitSymbols(maps))), lambda _frame, _name: False, lexicon
    )
    frame = locate(base + offset, AddressSpace.of((mapping,)), {LIBZ: build_id})
    assert words[frame] == words[frame]
    return words[frame]


@pytest.mark.parametrize("build_id", ["", ID])
def test_what_has_no_name_is_the_same_at_the_same_offset_wherever_it_is_mapped(
    build_id: str,
) -> None:
    lexicon = Lexicon()
    one = code(lexicon, FIRST, build_id=build_id)

    assert one == code(lexicon, MOVED, build_id=build_id)
    assert one != code(lexicon, MOVED, 0xAA30, build_id=build_id)
    assert lexicon.calls[one].function == "libz.so.1+0xaa20"


def test_what_has_no_name_differs_in_another_build() -> None:
    lexicon = Lexicon()

    codes = {code(lexicon, FIRST, build_id=each) for each in (ID, OTHER, "")}

    assert len(codes) == 3


def test_jit_code_without_a_name_is_never_the_same_in_two_lives() -> None:
    lexicon = Lexicon()

    assert code(lexicon, FIRST, jit=" ") != code(lexicon, FIRST, jit=" ")


def test_jit_code_without_a_name_is_the_same_throughout_a_life() -> None:
    words = Vocabulary(Names((JitSymbols(),)), lambda _frame, _name: False, Lexicon())

    assert words[Frame.at(JIT, 0x7F00, "1")] == words[Frame.at(JIT, 0x7F00, "2")]
    assert words[Frame.at(JIT, 0x7F00, "1")] != words[Frame.at(JIT, 0x7F10, "1")]


def test_jit_code_with_a_name_is_the_same_wherever_it_was_compiled() -> None:
    lexicon = Lexicon()
    here = code(lexicon, FIRST, jit=f"{FIRST + 0xAA00:x} 40 void a.B.c(int)")
    there = code(lexicon, MOVED, jit=f"{MOVED + 0xAA00:x} 40 void a.B.c(int)")

    assert here == there
    assert lexicon.calls[here].function == "a.B.c"
