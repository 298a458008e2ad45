"""Programs as linkers lay them out: each is named as binutils name it."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.profile.memory.maps import AddressSpace, parse_maps
from memops.profile.symbols.elf import open_elf, read_elf
from memops.profile.symbols.files import ElfSymbols
from memops.profile.symbols.frame import JIT, UNMAPPED, Frame, locate
from memops.profile.symbols.names import Name
from memops.profile.symbols.plt import plt_name
from tests.corpus.read import HERE
from tests.corpus.slim import Load, Symbol, elf_bytes

if TYPE_CHECKING:
    from pathlib import Path

LAYOUTS = [
    ("-no-pie",),
    ("-static-pie",),
    ("-static",),
    ("-shared", "-fPIC"),
    ("-shared", "-fPIC", "-Wl,-Ttext-segment=0x3000000"),  # as prelink does
    ("-Wl,-Ttext=0x140000",),  # offset and address differ, as lld has it
    ("-Wl,-z,noseparate-code", "-Wl,-z,max-page-size=0x200000"),
    ("-fuse-ld=gold",),
]


def built(home: Path, *flags: str, source: Path = HERE / "programs" / "leak.c") -> Path:
    out = home / "leak"
    subprocess.run(["gcc", "-O1", "-Wl,--build-id", *flags, "-o", out, source], check=True)
    return out


def output(*argv: str | Path) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def segments(program: Path) -> list[tuple[int, int, int]]:
    """Offset, address and size of each segment that is loaded, as readelf has them."""
    rows = [line.split() for line in output("readelf", "-lW", program).splitlines()]
    return [
        (int(row[1], 16), int(row[2], 16), int(row[4], 16)) for row in rows if row[:1] == ["LOAD"]
    ]


@pytest.mark.parametrize("flags", LAYOUTS, ids=" ".join)
def test_every_function_is_named_as_nm_names_it(flags: tuple[str, ...], tmp_path: Path) -> None:
    program = built(tmp_path, *flags)
    loads, symbols = segments(program), ElfSymbols((tmp_path,))
    rows = [line.split() for line in output("nm", "-S", program).splitlines()]
    functions = [(int(row[0], 16), int(row[1], 16), row[3]) for row in rows
                 if len(row) == 4 and row[2] in "tTiW" and int(row[1], 16)]  # fmt: skip
    names: dict[int, set[str]] = {}
    for address, _, name in functions:
        names.setdefault(address, set()).add(name.partition("@")[0])

    assert {"rent_page", "serve_request"} <= {name for _, _, name in functions}
    for address, _, _ in functions[:: max(1, len(functions) // 200)]:
        offset = next(off + address - at for off, at, size in loads if at <= address < at + size)
        found = symbols.name(Frame.at("/srv/leak", offset + 1))
        assert found is not None
        assert found.symbol.partition("@")[0] in names[address]


IFUNC = """#include <stdlib.h>
static void *plain(size_t n) { return malloc(n); }
static void *(*choose(void))(size_t) { return plain; }
void *rent(size_t) __attribute__((ifunc("choose")));
int main(void) { return rent(9) == 0; }
"""


def test_an_indirect_function_is_the_code_that_chooses(tmp_path: Path) -> None:
    (tmp_path / "ifunc.c").write_text(IFUNC)
    program = built(tmp_path, "-no-pie", source=tmp_path / "ifunc.c")
    address = {line.split()[-1]: int(line.split()[0], 16) for line in output("nm", program).splitlines()
               if len(line.split()) == 3}  # fmt: skip
    elf = open_elf(program)

    assert elf.function_at(address["plain"]) is not None
    assert {getattr(elf.function_at(address[each]), "name", "") for each in ("plain", "rent")} == {
        "plain", "rent",
    }  # fmt: skip


@pytest.mark.parametrize("flags", [(), ("-no-pie",), ("-fcf-protection", "-Wl,-z,ibtplt")])
def test_the_linkers_stubs_are_named_as_objdump_names_them(
    flags: tuple[str, ...], tmp_path: Path
) -> None:
    program = built(tmp_path, *flags, "-Wl,-z,lazy")
    elf = open_elf(program)
    said = output("objdump", "-d", program)
    stubs = [line.split() for line in said.splitlines() if line.endswith("@plt>:")]

    assert {"<malloc@plt>:", "<free@plt>:"} <= {row[1] for row in stubs}
    for row in stubs:
        named = plt_name(elf, int(row[0], 16) + 5)
        assert named in {row[1].strip("<>:"), "[plt]"}
        assert named != "[plt]" or "cxa_finalize" in row[1]  # which .plt.got holds
    assert plt_name(elf, elf.sections[1].address) == ""


def test_a_library_of_32_bits_is_named_with_its_stubs(tmp_path: Path) -> None:
    """No 32-bit C library is needed to make a library that leaves malloc to another."""
    (tmp_path / "rent.c").write_text(
        "void *malloc(unsigned); void *rent(int n) { return malloc(n); }"
    )
    flags = ("-m32", "-shared", "-fPIC", "-nostdlib", "-Wl,--unresolved-symbols=ignore-all")
    library = built(tmp_path, *flags, "-Wl,-z,lazy", source=tmp_path / "rent.c")
    elf = open_elf(library)
    lines = output("objdump", "-d", library).splitlines()
    named = {line.split()[1].strip("<>:"): int(line.split()[0], 16) for line in lines
             if line.endswith(">:")}  # fmt: skip

    assert plt_name(elf, named["malloc@plt"] + 3) == "malloc@plt"
    assert getattr(elf.function_at(named["rent"] + 1), "name", "") == "rent"


@pytest.mark.parametrize("order", ["<", ">"])
def test_either_byte_order_is_read(order: str) -> None:
    elf = read_elf(
        elf_bytes([Symbol(0x1100, 0x40, "inflate")], [Load(0x1000, 0x1000, 0x900)], "ab" * 20,
                  order=order), "x")  # fmt: skip

    assert elf.build_id == "ab" * 20
    assert elf.address_of(0x1110) == 0x1110
    assert getattr(elf.function_at(0x1110), "name", "") == "inflate"


REMAPPED = b"""00400000-00600000 r-xp 00000000 fe:00 7 /srv/app
00600000-00a00000 r-xp 00000000 00:0f 9 %s
00a00000-00b00000 r-xp 00600000 fe:00 7 /srv/app
00b00000-00c00000 rw-p 00700000 fe:00 7 /srv/app
"""


@pytest.mark.parametrize(
    "name", [b"", b"/anon_hugepage (deleted)", b"/dev/hugepages/app (deleted)"]
)
def test_text_that_was_copied_into_huge_pages_is_still_the_programs(name: bytes) -> None:
    space = AddressSpace.of(parse_maps(REMAPPED % name))
    expected = name.decode() if name.startswith(b"/dev") else "/srv/app"

    assert locate(0x500010, space, {}) == Frame.at("/srv/app", 0x100010)
    assert locate(0xA00010, space, {}) == Frame.at("/srv/app", 0x600010)
    found = locate(0x700010, space, {"/srv/app": "ab"})
    assert found.path == expected
    assert expected != "/srv/app" or found == Frame.at("/srv/app", 0x300010, "ab")


@pytest.mark.parametrize(
    ("maps", "kind"),
    [
        (REMAPPED.replace(b"00600000 fe", b"00500000 fe") % b"", JIT),  # the file does not go on
        (REMAPPED.replace(b"00a00000-00b00000", b"00a01000-00b00000") % b"", JIT),  # nor at once
        (REMAPPED.replace(b"r-xp 00000000 00:0f", b"rw-p 00000000 00:0f") % b"", UNMAPPED),
        (REMAPPED.replace(b"/srv/app", b"/memfd:jit") % b"", JIT),
    ],
)
def test_other_memory_between_mappings_is_no_text(maps: bytes, kind: str) -> None:
    assert locate(0x700010, AddressSpace.of(parse_maps(maps)), {}).path == kind


def test_a_library_that_was_replaced_is_known_by_its_build_id() -> None:
    space = AddressSpace.of(parse_maps(b"1000-2000 r-xp 00000000 fe:00 7 /tmp/libx.so (deleted)\n"))

    for path in ("/tmp/libx.so", "/tmp/libx.so (deleted)"):
        assert locate(0x1010, space, {path: "ab"}).build_id == "ab"


def test_the_reason_tells_a_stripped_file_from_one_that_names_nothing_there(tmp_path: Path) -> None:
    load, symbol = [Load(0, 0, 0x9000)], [Symbol(0x1100, 0x40, "inflate")]
    reasons = {}
    for stripped in (True, False):
        (tmp_path / "libz.so").write_bytes(elf_bytes(symbol, load, stripped=stripped))
        found = ElfSymbols((tmp_path,)).name(Frame.at("/lib/libz.so", 0x2000))
        assert found is not None
        reasons[stripped] = found.reason
    found = ElfSymbols((tmp_path,)).name(Frame.at("/lib/libz.so", 0x20000))

    assert reasons == {True: "libz.so is stripped", False: "libz.so names no function there"}
    assert found == Name(
        label="libz.so+0x20000", reason="libz.so found here is another build: it has no such code"
    )


@given(st.binary(max_size=300), st.integers(0, 2000), st.integers(0, 0x3000))
def test_no_stub_table_crashes_its_reader(noise: bytes, at: int, address: int) -> None:
    whole = elf_bytes([Symbol(0x1100, 0x40, "inflate")], [Load(0, 0, 0x9000)])
    try:
        elf = read_elf(whole[:at] + noise + whole[at + len(noise) :], "x")
    except UsageError:
        return
    assert isinstance(plt_name(elf, address), str)
    assert isinstance(elf.symbol_name(2, address), str)


FOREIGN = HERE / "stubs"
STUBS: dict[str, dict[str, str]] = json.loads((FOREIGN / "stubs.json").read_text())


@pytest.mark.parametrize("name", sorted(STUBS))
def test_stubs_of_other_processors_are_named_by_the_slot_they_jump_through(name: str) -> None:
    """Their sizes differ with what the processor is to check, and some stand for no function."""
    elf = read_elf(gzip.decompress((FOREIGN / f"{name}.gz").read_bytes()), name)
    known = {int(at, 16): stub for at, stub in STUBS[name].items()}
    (plt,) = (each for each in elf.sections if elf.name_of(each) == b".plt")

    assert len(known) > 4
    for at, stub in known.items():
        assert {plt_name(elf, at + inside) for inside in range(16)} == {stub}
    named = {plt_name(elf, at) for at in range(plt.address, plt.address + plt.size)}
    assert named == {*known.values(), "[plt]"}  # the first stub, and those for a thread's own
    assert plt_name(elf, min(known) - 1) == "[plt]"


def test_a_threads_own_variables_have_no_stubs_of_their_own(tmp_path: Path) -> None:
    """On x86-64, too, ``.rela.plt`` then has more rows than there are stubs."""
    flags = ("-shared", "-fPIC", "-mtls-dialect=gnu2", "-Wl,-z,lazy", "-fcf-protection=none")
    library = built(tmp_path, *flags, source=HERE / "programs" / "stubs.c")
    elf = open_elf(library)
    said = output("objdump", "-d", "-j", ".plt", library)
    jumps = re.findall(r"^ +([0-9a-f]+):.*jmp +\*.*<(\w+)@", said, re.MULTILINE)

    assert "R_X86_64_TLSDESC" in output("readelf", "-rW", library)
    assert {name for _, name in jumps} >= {"malloc", "calloc", "free", "strdup"}
    for at, name in jumps:
        assert plt_name(elf, int(at, 16) + 5) == f"{name}@plt"
