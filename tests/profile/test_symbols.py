from __future__ import annotations

import lzma
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.profile.memory.maps import AddressSpace, Mapping, parse_maps
from memops.profile.symbols.elf import open_elf
from memops.profile.symbols.files import ElfSymbols, files_here
from memops.profile.symbols.frame import JIT, UNMAPPED, Frame, locate
from memops.profile.symbols.jit import JitSymbols, readable
from memops.profile.symbols.names import Name, Names
from memops.profile.symbols.perfmap import parse_perf_map
from tests.corpus.read import HERE
from tests.corpus.slim import Load, Symbol, elf_bytes

BUILD_ID = "aa" * 20
ELF = elf_bytes([Symbol(0x1100, 0x40, "inflate")], [Load(0, 0, 0x9000)], BUILD_ID, stripped=True)
LIBZ = "/usr/lib/libz.so.1"
PLACES = [
    BUILD_ID,
    "usr/lib/libz.so.1",
    "libz.so.1",
]
INFLATE = Name(
    "inflate", span=(0x1101, 0x1141)
)  # the frames of calls from its first byte to its last


@pytest.mark.parametrize("place", PLACES)
def test_a_file_is_found_by_build_id_path_or_name(place: str, tmp_path: Path) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_bytes(ELF)
    symbols = ElfSymbols((tmp_path,))

    assert symbols.name(Frame.at(LIBZ, 0x1120, BUILD_ID)) == INFLATE
    assert symbols.name(Frame.at(f"{LIBZ} (deleted)", 0x1120, BUILD_ID)) == INFLATE


def test_a_file_of_another_build_names_nothing(tmp_path: Path) -> None:
    (tmp_path / "libz.so.1").write_bytes(ELF)
    symbols = ElfSymbols((tmp_path,))

    assert symbols.name(Frame.at(LIBZ, 0x1120, "bb" * 20)) == Name(
        label="libz.so.1+0x1120", reason="libz.so.1 found here is another build"
    )


def test_the_call_before_the_return_address_is_named(tmp_path: Path) -> None:
    (tmp_path / "libz.so.1").write_bytes(ELF)
    symbols = ElfSymbols((tmp_path,))

    assert symbols.name(Frame.at(LIBZ, 0x1140)) == INFLATE  # a call at its very end
    assert symbols.name(Frame.at(LIBZ, 0x1100)) == Name(
        label="libz.so.1+0x1100", reason="libz.so.1 is stripped"
    )


def test_what_is_here_under_the_same_name_is_not_taken_for_the_same_file(tmp_path: Path) -> None:
    library = tmp_path / "libz.so.1"
    library.write_bytes(ELF)
    inode = library.stat().st_ino
    frame = Frame.at(str(library), 0x1120)

    def named(inode: int) -> Name | None:
        mapping = Mapping(0, 0x9000, "r-xp", 0, str(library), inode)
        return ElfSymbols((), files_here([mapping])).name(frame)

    assert named(inode) == INFLATE
    assert named(inode + 1) == Name(
        label="libz.so.1+0x1120",
        reason="libz.so.1 here may be another build; --symbols / trusts it",
    )
    assert ElfSymbols((Path("/"),)).name(frame) == INFLATE


def test_a_pipe_in_place_of_a_library_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "libz.so.1")

    found = ElfSymbols((tmp_path,)).name(Frame.at(LIBZ, 0x1120))
    assert found is not None
    assert found.reason == "no file libz.so.1 with the names"


def test_each_kind_of_memory_makes_its_own_frame() -> None:
    text = b"""1000-2000 r-xp 00003000 fe:00 7 /usr/lib/libz.so.1
3000-4000 rwxp 00000000 00:00 0
5000-6000 r-xp 00000000 00:00 0 [vdso]
7000-8000 rw-p 00000000 00:00 0 [heap]
"""
    space = AddressSpace.of(parse_maps(text))

    assert locate(0x1010, space, {}) == Frame.at(LIBZ, 0x3010)
    assert locate(0x2000, space, {}) == Frame.at(LIBZ, 0x4000)
    assert locate(0x3010, space, {}) == Frame.at(JIT, 0x3010)
    assert locate(0x5010, space, {}) == Frame.at("[vdso]", 0x10)
    assert locate(0x7010, space, {}) == Frame.at(UNMAPPED, 0x7010)
    assert locate(0x9999, space, {}) == Frame.at(UNMAPPED, 0x9999)
    assert locate(0, space, {}) == Frame.at(UNMAPPED, 0)


@given(
    st.text(st.characters(exclude_characters="\n"), min_size=1),
    st.integers(0, 2**64),
    st.sampled_from(["", "1f95d549"]),
)
def test_a_frame_gives_back_what_it_was_made_of(path: str, offset: int, build_id: str) -> None:
    frame = Frame.at(path, offset, build_id)

    assert (frame.path, frame.offset, frame.build_id) == (path, offset, build_id)


OLD = b"0x7f00 0x100 void a.B.old(int)\n0x8000 0x10 Interpreter\n"
NEW = b"7f00 100 java.lang.String[] a.B.new(int, byte[])\nnoise\n9000 20 StubRoutines (1)\n"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0x7F01, Name("a.B.new", module=JIT)),
        (
            0x8000,
            Name("a.B.new", module=JIT),
        ),  # the return address after a call at the end of the code
        (0x8001, Name("[interpreter]", module=JIT)),
        (0x9001, Name("[stub StubRoutines (1)]", module=JIT)),
        (0x9021, Name(label="[JIT 0x9021]", reason="not in the perf map")),
    ],
)
def test_the_newest_perf_map_that_knows_an_address_names_it(address: int, name: Name) -> None:
    symbols = JitSymbols((parse_perf_map(OLD), parse_perf_map(NEW)))

    assert symbols.name(Frame.at(JIT, address)) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("long java.util.zip.Inflater.init(boolean)", "java.util.zip.Inflater.init"),
        ("void a.B$C.<init>()", "a.B$C.<init>"),
        ("Interpreter", "[interpreter]"),
        ("I2C/C2I adapters", "[stub I2C/C2I adapters]"),
        ("monitorexit Runtime1 stub", "[stub monitorexit Runtime1 stub]"),
        ("jni_fast_GetIntField", "[stub jni_fast_GetIntField]"),
        ("LazyCompile:~resolve /app/main.js:3", "LazyCompile:~resolve /app/main.js:3"),
        ("py::compress:/app/grow.py", "py::compress:/app/grow.py"),
        (
            "java.lang.Object a.Shop$$Lambda$14/0x00000008c0001200.apply(java.lang.Object)",
            "a.Shop$$Lambda$14.apply",
        ),
        ("void a.Shop$$Lambda.0x00007f3c10001200.run()", "a.Shop$$Lambda.run"),
        ("JS:*stubOut /app/blob.js:12:3", "JS:*stubOut /app/blob.js:12:3"),
        ("Builtin:ArrayPrototypePush", "Builtin:ArrayPrototypePush"),
        ("Stub:CEntryStub", "[stub Stub:CEntryStub]"),
        ("TRACE_12::pool.lua:34", "TRACE_12::pool.lua:34"),
        ("$Elixir.Stub.Server:handle_call/3", "$Elixir.Stub.Server:handle_call/3"),
        (
            "void [shop] Acme.StubFactory::Rent(int32)[OptimizedTier1]",
            "void [shop] Acme.StubFactory::Rent(int32)[OptimizedTier1]",
        ),
        ("wasm[0]::function[3]", "wasm[0]::function[3]"),
        ("Lcom/acme/Shop;::serve", "com.acme.Shop.serve"),
        ("Lcom/acme/Shop$Cart;.<init>", "com.acme.Shop$Cart.<init>"),
        ("com.acme.Shop::serve", "com.acme.Shop.serve"),
        ("StubRoutines::call_stub", "[stub StubRoutines::call_stub]"),
    ],
)
def test_jit_code_is_shown_as_its_authors_know_it(name: str, shown: str) -> None:
    assert readable(name) == shown


MAPS = tuple(
    parse_perf_map(f"1000 10 void a.B.at{time}()\n{2000 + time} 1 only{time}\n".encode())
    for time in (100, 200, 300)
)
"""Three methods that lay at one address one after the other, and code of which one map knows."""


@pytest.mark.parametrize(
    ("time", "name"),
    [(0, "at100"), (149, "at100"), (150, "at200"), (251, "at300"), (9e9, "at300")],
)
def test_of_several_maps_the_nearest_to_the_dump_is_asked_first(time: float, name: str) -> None:
    symbols = JitSymbols(MAPS, (100, 200, 300))
    epoch = symbols.epoch(time)

    assert symbols.name(Frame.at(JIT, 0x1001, epoch)) == Name(f"a.B.{name}", module=JIT)
    assert symbols.name(Frame.at(JIT, 0x2101, epoch)) == Name("only100", module=JIT)
    assert symbols.settled(Frame.at(JIT, 0x1001, epoch)) == Frame.at(JIT, 0x1001, epoch)
    assert symbols.settled(Frame.at(JIT, 0x2101, epoch)) == Frame.at(JIT, 0x2101)


def test_maps_of_one_moment_are_asked_from_the_newest_on() -> None:
    for times in ((), (100, 100, 100)):
        symbols = JitSymbols(MAPS, times)
        assert symbols.epoch(150) == ""
        assert symbols.name(Frame.at(JIT, 0x1001)) == Name("a.B.at300", module=JIT)


def test_an_epoch_of_nowhere_is_none() -> None:
    for epoch in ("7", "x", "\u0664"):
        found = JitSymbols(MAPS, (100, 200, 300)).name(Frame.at(JIT, 0x1001, epoch))
        assert found == Name("a.B.at300", module=JIT)


def test_maps_that_disagree_are_known() -> None:
    symbols = JitSymbols((parse_perf_map(OLD), parse_perf_map(NEW)))

    assert symbols.disagree(0x7F01)
    assert not symbols.disagree(0x8005)
    assert not symbols.disagree(0x1)


def compiled(directory: Path) -> tuple[Path, str, Frame]:
    """A program stripped of `rent_page`, its build-id, and a frame inside that function."""
    program = directory / "leak"
    source = HERE / "programs" / "leak.c"
    subprocess.run(["gcc", "-O1", "-g", "-Wl,--build-id", "-o", program, source], check=True)
    elf = open_elf(program)
    found = next(
        function
        for address in range(elf.segments[0].size + 0x2000)
        if (function := elf.function_at(address)) and function.name == "rent_page"
    )
    return program, elf.build_id, Frame.at("/srv/leak", found.address + 5, elf.build_id)


def test_a_stripped_file_is_named_by_its_debug_file(tmp_path: Path) -> None:
    program, build_id, frame = compiled(tmp_path)
    debug = tmp_path / "place" / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug"
    debug.parent.mkdir(parents=True)
    subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
    subprocess.run(["strip", program], check=True)

    assert ElfSymbols((tmp_path,)).name(frame) == Name(
        label=f"leak+{frame.offset:#x}", reason="leak is stripped"
    )
    found = ElfSymbols((tmp_path, tmp_path / "place")).name(frame)
    assert found is not None
    assert found.symbol == "rent_page"


def test_names_packed_into_the_file_are_found(tmp_path: Path) -> None:
    """As Fedora packs them: the symbol table alone, xz, in .gnu_debugdata."""
    program, _, frame = compiled(tmp_path)
    names, packed, whole = (tmp_path / each for each in ("names", "names.xz", "place/leak"))
    whole.parent.mkdir()
    subprocess.run(["objcopy", "--only-keep-debug", "--strip-debug", program, names], check=True)
    packed.write_bytes(lzma.compress(names.read_bytes()))
    subprocess.run(["strip", program], check=True)
    add = f".gnu_debugdata={packed}"
    subprocess.run(["objcopy", "--add-section", add, program, whole], check=True)

    assert ElfSymbols((whole.parent,)).name(frame) == Name("rent_page")

    packed.write_bytes(lzma.compress(names.read_bytes())[:-40] + bytes(40))
    subprocess.run(["objcopy", "--add-section", add, program, whole], check=True)
    found = ElfSymbols((whole.parent,)).name(frame)
    assert found is not None
    assert found.reason in {"", "leak is stripped"}


def test_code_in_an_unnamed_file_is_jit_code() -> None:
    text = b"1000-2000 r-xp 00003000 00:01 7 /memfd:doublemapper (deleted)\n"

    assert locate(0x1010, AddressSpace.of(parse_maps(text)), {}) == Frame.at(JIT, 0x1010)


def test_every_frame_without_a_name_has_its_reason() -> None:
    names = Names((ElfSymbols(), JitSymbols()))
    reasons = {
        names.of(Frame.at("/no/such/file", 1)).reason,
        names.of(Frame.at(JIT, 1)).reason,
        names.of(Frame.at(UNMAPPED, 1)).reason,
        names.of(Frame.at("[vdso]", 1)).reason,
    }

    assert reasons == {
        "no file file with the names",
        "JIT code without a perf map",
        "outside every mapping",
        "the kernel's own code",
    }


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_readers_of_maps(noise: bytes) -> None:
    parse_maps(noise)
    parse_perf_map(noise).name_at(0x1000)
