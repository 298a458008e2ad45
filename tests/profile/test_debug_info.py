"""Lines, inlined calls and separate debug files, on programs compiled here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.profile.symbols.demangle import demangle
from memops.profile.symbols.dwarf import Lines
from memops.profile.symbols.elf import Elf, open_elf
from memops.profile.symbols.files import ElfSymbols
from memops.profile.symbols.frame import Frame
from memops.profile.symbols.names import Name

if TYPE_CHECKING:
    from pathlib import Path

    from memops.profile.symbols.elf import Function

SOURCE = """#include <cstdlib>
namespace acme {
struct Page { char *bytes; };
inline __attribute__((always_inline)) char *rent(unsigned size)
{
    char *volatile page = static_cast<char *>(malloc(size));
    return page;
}
template <int Way>
inline __attribute__((always_inline)) Page open(unsigned request)
{
    return Page{rent(4096 + Way * request)};
}
__attribute__((noinline, noipa)) int serve(unsigned request)
{
    return open<3>(request).bytes[0];
}
}
int main(int argc, char **)
{
    return acme::serve(argc);
}
"""


def compiled(home: Path, *flags: str) -> Path:
    (home / "shop.cpp").write_text(SOURCE)
    argv = ["g++", "-O1", "-g", "-Wl,--build-id", *flags, "-o", "shop", "shop.cpp"]
    subprocess.run(argv, cwd=home, check=True)
    return home / "shop"


def function(elf: Elf, name: str) -> Function:
    starts, _ = elf._functions
    found = (elf.function_at(start) for start in starts)
    return next(each for each in found if each and demangle(each.name).startswith(name))


def frame(elf: Elf, address: int) -> Frame:
    """The frame of the return address after the byte at *address*."""
    for kind, offset, start, size in elf.segments:
        if kind == 1 and start <= address < start + size:
            return Frame.at("/srv/bin/shop", address - start + offset + 1, elf.build_id)
    raise AssertionError


def call_of_malloc(program: Path) -> int:
    """The address of the last byte of the call, which belongs to the call as the first does."""
    said = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", program], capture_output=True, text=True, check=True
    )
    lines = said.stdout.splitlines()
    at = next(
        index for index, line in enumerate(lines) if "call" in line and "<malloc@plt>" in line
    )
    return int(lines[at + 1].partition(":")[0], 16) - 1


def addr2line(program: Path, address: int) -> list[tuple[str, str]]:
    said = subprocess.run(
        ["addr2line", "-Cif", "-e", program, hex(address)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = said.stdout.splitlines()
    return [(name, line.rpartition("/")[2].partition(" ")[0])
            for name, line in zip(rows[::2], rows[1::2], strict=True)]  # fmt: skip


def calls(name: Name) -> list[tuple[str, str]]:
    """Function and line, the innermost first."""
    inlined = [(demangle(each.symbol), each.source) for each in name.inlined]
    return [*inlined, (demangle(name.symbol), name.source)]


@pytest.mark.parametrize("flags", [(), ("-no-pie",), ("-static-pie",), ("-gz",), ("-gdwarf-4",)])
def test_inlined_calls_read_as_addr2line_reads_them(flags: tuple[str, ...], tmp_path: Path) -> None:
    program = compiled(tmp_path, *flags)
    elf = open_elf(program)
    serve = function(elf, "acme::serve")
    symbols = ElfSymbols((tmp_path,))

    for address in range(serve.address, serve.address + serve.size):
        name = symbols.name(frame(elf, address))
        assert name is not None
        assert calls(name) == addr2line(program, address)


def test_the_call_of_malloc_is_three_calls_deep(tmp_path: Path) -> None:
    program = compiled(tmp_path)
    name = ElfSymbols((tmp_path,)).name(frame(open_elf(program), call_of_malloc(program)))

    assert name is not None
    assert calls(name) == [
        ("acme::rent(unsigned int)", "shop.cpp:6"),
        ("acme::Page acme::open<3>(unsigned int)", "shop.cpp:12"),
        ("acme::serve(unsigned int)", "shop.cpp:16"),
    ]


def test_without_the_extra_the_function_is_named_and_the_file_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = compiled(tmp_path)
    monkeypatch.setitem(sys.modules, "symbolic", None)
    symbols = ElfSymbols((tmp_path,))

    found = symbols.name(frame(open_elf(program), call_of_malloc(program)))
    assert found is not None
    assert found._replace(span=(0, 0)) == Name("_ZN4acme5serveEj")
    assert symbols.without_lines == ["shop"]


def test_a_file_without_debug_information_asks_for_nothing(tmp_path: Path) -> None:
    compiled(tmp_path, "-g0")
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from memops.profile.symbols.files import ElfSymbols\n"
        "from memops.profile.symbols.frame import Frame\n"
        f"symbols = ElfSymbols((Path({str(tmp_path)!r}),))\n"
        "assert symbols.name(Frame.at('/srv/bin/shop', 0x1140)).symbol\n"
        "assert symbols.without_lines == []\n"
        "assert 'symbolic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def split(home: Path, *flags: str) -> tuple[Path, Path, Frame]:
    """A stripped program with a debug link, its debug file, and the frame of its call of malloc."""
    program = compiled(home, *flags)
    debug = home / "shop.debug"
    found = frame(open_elf(program), call_of_malloc(program))
    subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
    subprocess.run(["strip", program], check=True)
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", program], check=True)
    return program, debug, found


@pytest.mark.parametrize("build_id", ["sha1", "none"])
@pytest.mark.parametrize(
    "where",
    [
        "bin/shop.debug", "bin/.debug/shop.debug", "debug/srv/bin/shop.debug", "debug/shop.debug",
        "debug/usr/lib/debug/srv/bin/shop.debug",
    ],
)  # fmt: skip
def test_a_debug_file_is_found_by_its_link(where: str, build_id: str, tmp_path: Path) -> None:
    program, debug, found = split(tmp_path, f"-Wl,--build-id={build_id}")
    for path in (tmp_path / "bin/shop", tmp_path / where):
        path.parent.mkdir(parents=True, exist_ok=True)
    program.rename(tmp_path / "bin/shop")
    symbols = ElfSymbols((tmp_path / "bin", tmp_path / "debug"))
    bare = symbols.name(found)
    debug.rename(tmp_path / where)
    name = ElfSymbols((tmp_path / "bin", tmp_path / "debug")).name(found)

    assert bare is not None
    assert bare.reason == "shop is stripped"
    assert name is not None
    assert (name.symbol, name.source) == ("_ZN4acme5serveEj", "shop.cpp:16")
    assert len(name.inlined) == 2


def test_a_debug_file_of_another_build_names_nothing(tmp_path: Path) -> None:
    _, debug, found = split(tmp_path)
    subprocess.run(["objcopy", "--remove-section", ".comment", debug], check=True)

    name = ElfSymbols((tmp_path,)).name(found)

    assert name is not None
    assert name.reason == "shop is stripped"


def test_a_debug_file_by_build_id_has_lines(tmp_path: Path) -> None:
    program, debug, found = split(tmp_path)
    build_id = open_elf(program).build_id
    place = tmp_path / "usr/lib/debug/.build-id" / build_id[:2] / f"{build_id[2:]}.debug"
    place.parent.mkdir(parents=True)
    debug.rename(place)

    name = ElfSymbols((tmp_path,)).name(found)

    assert name is not None
    assert [name.source, *(each.source for each in name.inlined)] == [
        "shop.cpp:16", "shop.cpp:6", "shop.cpp:12",
    ]  # fmt: skip


def test_files_are_found_as_debuginfod_keeps_them(tmp_path: Path) -> None:
    """``~/.cache/debuginfod_client/<build-id>/{executable,debuginfo}`` (man 3 debuginfod_find_debuginfo)."""
    program, debug, found = split(tmp_path)
    kept = tmp_path / "cache" / open_elf(program).build_id
    kept.mkdir(parents=True)
    program.rename(kept / "executable")
    debug.rename(kept / "debuginfo")

    name = ElfSymbols((tmp_path / "cache",)).name(found)

    assert name is not None
    assert (name.symbol, name.source) == ("_ZN4acme5serveEj", "shop.cpp:16")


def test_names_that_dwz_moved_into_another_file_leave_the_function_and_its_line(
    tmp_path: Path,
) -> None:
    """As Debian and Fedora ship debug files: names shared with others, by .gnu_debugaltlink."""
    program = compiled(tmp_path)
    found, other = frame(open_elf(program), call_of_malloc(program)), tmp_path / "other"
    shutil.copy(program, other)
    subprocess.run(["dwz", "-m", tmp_path / "shared", program, other], check=True)
    said = subprocess.run(["readelf", "-SW", program], capture_output=True, text=True, check=True)
    assert ".gnu_debugaltlink" in said.stdout

    name = ElfSymbols((tmp_path,)).name(found)

    assert name is not None
    assert (name.symbol, name.source) == ("_ZN4acme5serveEj", "shop.cpp:16")
    assert all(each.symbol for each in name.inlined)


def test_what_takes_long_to_read_is_kept_and_found_again(tmp_path: Path) -> None:
    program, kept = compiled(tmp_path), tmp_path / "kept"
    found = frame(open_elf(program), call_of_malloc(program))
    told = ElfSymbols((tmp_path,)).name(found)

    def named() -> Name | None:
        symbols = ElfSymbols((tmp_path,), kept=kept)
        name = symbols.name(found)
        symbols.keep()
        return name

    assert named() == told
    stamps = {each: each.stat().st_mtime_ns for each in kept.iterdir()}
    assert {each.suffix for each in stamps} == {".json", ".symcache"}
    assert named() == told
    assert {each: each.stat().st_mtime_ns for each in kept.iterdir()} == stamps

    for damage in (b"damaged", b"[[1, 2]]", b'{"1": []}', b"[[1, [[2]]]]"):
        for each in stamps:
            each.write_bytes(damage)
        assert named() == told

    os.utime(program, ns=(1, 1))  # another file at the same place: what was kept is not its own
    assert named() == told
    assert len(list(kept.iterdir())) == 4


def test_a_line_that_was_kept_is_not_asked_for_again(tmp_path: Path) -> None:
    program, kept = compiled(tmp_path), tmp_path / "kept"
    found = frame(open_elf(program), call_of_malloc(program))
    symbols = ElfSymbols((tmp_path,), kept=kept)
    told = symbols.name(found)
    symbols.keep()
    (cache,) = kept.glob("*.symcache")
    cache.unlink()

    assert ElfSymbols((tmp_path,), kept=kept).name(found) == told
    assert not cache.exists()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("debug"))


@given(st.lists(st.tuples(st.integers(0, 1 << 14), st.binary(min_size=1, max_size=4)), max_size=9))
def test_no_debug_information_crashes_its_reader(
    program: Path, changes: list[tuple[int, bytes]]
) -> None:
    raw = bytearray(program.read_bytes())
    start = raw.index(b"shop.cpp") // 2
    for at, replaced in changes:
        raw[start + at : start + at + len(replaced)] = replaced
    hostile = program.with_name("hostile")
    hostile.write_bytes(raw)
    lines = Lines(hostile, 0)

    for address in (0, 0x1145, 1 << 63, os.getpid()):
        assert all(place.source for place in lines.at(address))
