from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.profile.symbols.demangle import demangle
from memops.profile.symbols.elf import open_elf, read_elf
from tests.corpus.read import HERE
from tests.corpus.slim import Load, Symbol, elf_bytes

if TYPE_CHECKING:
    from pathlib import Path

BUILD_ID = "00112233445566778899aabbccddeeff00112233"
LOADS = [Load(0, 0x10000, 0x1000), Load(0x1000, 0x21000, 0x5000)]
SYMBOLS = [
    Symbol(0x21100, 0x40, "inflate"),
    Symbol(0x21200, 0x100, "__libc_malloc"),
    Symbol(0x21200, 0x100, "malloc"),
    Symbol(0x21200, 0x100, "a", 0x02),
    Symbol(0x21400, 0x200, "outer"),
    Symbol(0x21440, 0x10, "inner"),
    Symbol(0x21700, 0, "sizeless"),
    Symbol(0x21800, 8, "table", 0x11),
]
ELF = elf_bytes(SYMBOLS, LOADS, BUILD_ID)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0x21100, "inflate"),
        (0x2113F, "inflate"),
        (0x21140, None),  # the byte after it: a static function that a strip took the name of
        (0x21250, "malloc"),
        (0x21445, "inner"),
        (0x21450, "outer"),
        (0x21600, None),
        (0x21700, None),
        (0x21801, None),  # an object is no function
        (0, None),
        (2**64 - 1, None),
    ],
)
def test_an_address_is_named_only_by_the_function_that_holds_it(
    address: int, name: str | None
) -> None:
    found = read_elf(ELF, "x").function_at(address)

    assert (found.name if found else None) == name


def test_offsets_become_addresses_by_the_segments() -> None:
    elf = read_elf(ELF, "x")

    assert elf.build_id == BUILD_ID
    assert elf.address_of(0x1234) == 0x21234
    assert elf.address_of(0x6000) is None


@pytest.fixture(scope="module", params=[[], ["-s"], ["-m32"], ["-no-pie"]], ids=" ".join)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("elf") / "leak"
    flags = [flag for flag in request.param if flag != "-m32"]
    argv = ["gcc", "-O1", "-rdynamic", "-Wl,--build-id", *flags, "-o", str(out)]
    source = HERE / "programs" / "leak.c"
    if "-m32" in request.param:  # no 32-bit libc is needed to make an object for one
        argv = ["gcc", "-m32", "-O1", "-shared", "-nostdlib", "-fPIC", "-Wl,--build-id"]
        argv += ["-Wl,--unresolved-symbols=ignore-all", "-o", str(out), "-x", "c", "-"]
        code = "int rent_page(int n){return n*3;} int serve_request(int n){return n+rent_page(n);}"
        subprocess.run(argv, check=True, input=code, text=True)
    else:
        subprocess.run([*argv, str(source)], check=True)
    return out


def test_a_compiled_program_is_read_as_nm_and_readelf_read_it(program: Path) -> None:
    elf = open_elf(program)
    said = subprocess.run(
        ["nm", "-D", "-S", "--defined-only", str(program)],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split() for line in said.stdout.splitlines()]
    functions = [(int(row[0], 16), int(row[1], 16), row[3]) for row in rows if row[2:3] == ["T"]]
    notes = subprocess.run(
        ["readelf", "-n", str(program)], capture_output=True, text=True, check=True
    )

    assert {name for _, _, name in functions} >= {"rent_page", "serve_request"}
    for address, size, name in functions:
        for inside in (address, address + size - 1):
            found = elf.function_at(inside)
            assert found is not None
            assert found[:3] == (address, size, name)
    assert elf.build_id
    assert f"Build ID: {elf.build_id}" in notes.stdout


@given(st.lists(st.tuples(st.integers(0, len(ELF) - 1), st.integers(0, 255)), max_size=40),
       st.integers(0, len(ELF)))  # fmt: skip
def test_no_elf_file_crashes_the_reader(changes: list[tuple[int, int]], end: int) -> None:
    raw = bytearray(ELF)
    for at, byte in changes:
        raw[at] = byte
    for text in (bytes(raw), bytes(raw[:end])):
        try:
            elf = read_elf(text, "hostile")
        except UsageError:
            continue
        elf.function_at(0x21110)
        elf.address_of(0x1100)
        assert len(elf.build_id) <= 128


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(noise: bytes) -> None:
    for text in (noise, b"\x7fELF\2\1" + noise, b"\x7fELF\1\2" + noise):
        try:
            elf = read_elf(text, "noise")
        except UsageError:
            continue
        elf.function_at(1)
        assert len(elf.build_id) <= 128


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("#!/bin/sh\n" * 20)

    for name, says in (("gone", "no such file"), ("empty", "empty"), ("text", "not an ELF file")):
        with pytest.raises(UsageError, match=says):
            open_elf(tmp_path / name)


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("malloc", "malloc"),
        ("_ZN4acme6Walker4stepILi2EEEijj",
         "int acme::Walker::step<2>(unsigned int, unsigned int)"),
        ("_Znwm", "operator new(unsigned long)"),
        ("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"),
        ("_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE",
         "<alloc::string::String as core::fmt::Display>::fmt"),
        ("_ZN4core3fmt5write17h0123456789abcdefE.llvm.123", "core::fmt::write"),
        # v0: the examples of the rustc book and of rustc-demangle's own tests
        ("_RNvCs15kBYyAo9fc_7mycrate7example", "mycrate::example"),
        ("_RNvMs_Cs4Cv8Wi1oAIB_7mycrateNtB4_7Example3foo", "<mycrate::Example>::foo"),
        ("_RNvXCs15kBYyAo9fc_7mycrateNtB2_7ExampleNtB2_5Trait3foo",
         "<mycrate::Example as mycrate::Trait>::foo"),
        ("_RINvCsgStHSCytQ6I_7mycrate7examplelKj1_EB2_", "mycrate::example::<i32, 1>"),
        ("_RNCNCNgCs6DXkGYLi8lr_2cc5spawn00B5_", "cc::spawn::{closure#0}::{closure#0}"),
        (("_RNCINkXs25_NgCsbmNqQUJIY6D_4core5sliceINyB9_4IterhENuNgNoBb_4iter8iterator8Iterator9"
         "rpositionNCNgNpB9_6memchr7memrchrs_0E0Bb_"),
         ("<core::slice::Iter<u8> as core::iter::iterator::Iterator>::rposition"
         "::<core::slice::memchr::memrchr::{closure#1}>::{closure#0}")),
        (("_RINbNbCskIICzLVDPPb_5alloc5alloc8box_freeDINbNiB4_5boxed5FnBoxuEp6OutputuEL_ECs1iopQbu"
         "Biw2_3std"), "alloc::alloc::box_free::<dyn alloc::boxed::FnBox<(), Output = ()>>"),
        ("_RMC0INtC8arrayvec8ArrayVechKj7b_E", "<arrayvec::ArrayVec<u8, 123>>"),
        ("_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y",
         "utf8_idents::საჭმელად_გემრიელი_სადილი"),
        ("_RNvCs15kBYyAo9fc_7mycrate7example.llvm.9", "mycrate::example"),
        ("_RNvB_1a", "_RNvB_1a"),  # refers to itself
        ("_Rubbish", "_Rubbish"),
        ("_RYYYY" + "B_" * 90, "_RYYYY" + "B_" * 90),
        ("__mod_solver_MOD_grow", "__mod_solver_MOD_grow"),  # Fortran
        ("main.(*Server).Serve.func1", "main.(*Server).Serve.func1"),  # Go
        ("_D3std5stdio4File5closeMFZv", "_D3std5stdio4File5closeMFZv"),  # D
        ("caml_alloc_shr", "caml_alloc_shr"),
        ("_Znonsense", "_Znonsense"),
        ("_Z" + "9" * 5000, "_Z" + "9" * 5000),
    ],
)  # fmt: skip
def test_names_read_as_their_authors_wrote_them(symbol: str, name: str) -> None:
    assert demangle(symbol) == name


@given(st.text("CNMXYIBLGTERQPOFDKSAsp0123456789_abuhjvt", max_size=200))
def test_no_rust_name_crashes_or_stalls_its_reader(noise: str) -> None:
    assert demangle("_R" + noise)


def test_a_rust_name_that_doubles_itself_is_given_up() -> None:
    """Each tuple holds the one before it twice: forty of them would be 2^40 names."""

    def doubling(times: int) -> str:
        text, digits = "IC1aThhE", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        last = 4
        for _ in range(times):
            number = last - 1
            back = digits[number // 62] * (number > 61) + digits[number % 62]
            last, text = len(text), f"{text}TB{back}_B{back}_E"
        return f"_R{text}E"

    assert demangle(doubling(2)) == (
        "a::<(u8, u8), ((u8, u8), (u8, u8)), (((u8, u8), (u8, u8)), ((u8, u8), (u8, u8)))>"
    )
    assert demangle(doubling(40)) == doubling(40)
