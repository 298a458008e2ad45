import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.facts import binary, dumps
from memops.model.action import Glob, Output, Run
from memops.model.entry import Entry, format_stat
from memops.model.step import Query

MAPS = (
    "00400000-00401000 r-xp 00000000 08:01 123 /srv/app/bin/shop\n"
    "00500000-00501000 rw-p 00000000 00:00 0 [heap]\n"
    "7f0000000000-7f0000001000 r-xp 00001000 08:01 456 /usr/lib/libz.so.1.2.13\n"
    "7f0000002000-7f0000003000 r--p 00001000 08:01 456 /usr/lib/libz.so.1.2.13\n"
    "7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0 [vdso]\n"
)
HEAP = (
    f"heap_v2/524288\n  t*: 1: 2 [0: 0]\n@ 0x1 0x2\n  t*: 1: 2 [0: 0]\n\nMAPPED_LIBRARIES:\n{MAPS}"
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop.web1.r1.1234.0.i0.heap", dumps.Name("shop.web1.r1", 1234, 0, "interval", 0)),
        ("jeprof.7.12.f.heap", dumps.Name("jeprof", 7, 12, "final")),
        ("a.1.2.m3.heap", dumps.Name("a", 1, 2, "manual", 3)),
        ("a.1.2.u30.heap", dumps.Name("a", 1, 2, "highwater", 30)),
        ("ns.4026531836.16155.0.f.heap", dumps.Name("ns.4026531836", 16155, 0, "final")),
        (".1.2.f.heap", dumps.Name("", 1, 2, "final")),
        ("a\nb.1.2.f.heap", dumps.Name("a\nb", 1, 2, "final")),
        ("a.1.2.x3.heap", None),
        ("a.1.f.heap", None),
        ("a.1.2.f.heap.gz", None),
        ("a.99999999999.2.f.heap", None),
        ("x.heap", None),
    ],
)
def test_names_of_heap_profiles(name: str, expected: dumps.Name | None) -> None:
    assert dumps.parse_name(name) == expected


@given(
    st.builds(
        dumps.Name,
        st.text(st.characters(exclude_characters="/\0")),
        st.integers(0, 4 << 20),
        st.integers(0, 1 << 60),
        st.sampled_from(["interval", "manual", "highwater"]),
        st.integers(0, 1 << 60),
    )
)
def test_a_name_is_read_back(name: dumps.Name) -> None:
    assert dumps.parse_name(name.text) == name


@given(st.text())
def test_any_other_name_is_only_refused(name: str) -> None:
    parsed = dumps.parse_name(name)
    assert parsed is None or name.endswith(".heap")


def _answer(entries: dict[str, Entry]) -> Output:
    return Output(
        0,
        b"".join(
            name.encode("utf-8", "surrogateescape") + b"\0" + format_stat(each)
            for name, each in entries.items()
        ),
    )


def test_only_files_that_jemalloc_wrote_are_listed_the_oldest_first() -> None:
    def entry(kind: str, mtime: int) -> Entry:
        return Entry(kind, 0o600, 0, 0, "root", "root", 10, mtime)  # type: ignore[arg-type] # given as text

    query = dumps.heap_files("/d")
    found = query.parse(
        (
            _answer(
                {
                    "a.1.1.i1.heap": entry("file", 20),
                    "a.1.0.i0.heap": entry("file", 10),
                    "a.2.0.f.heap": entry("link", 10),
                    "a.3.0.f.heap": entry("dir", 10),
                    "../a.4.0.f.heap": entry("file", 10),
                    "notes.heap": entry("file", 10),
                }
            ),
        )
    )

    assert query.looks == (Glob("/d", "*.heap"),)
    assert [each.path for each in found] == ["/d/a.1.0.i0.heap", "/d/a.1.1.i1.heap"]


def _look(query: Query[tuple[dumps.HeapFile, ...]]) -> tuple[dumps.HeapFile, ...]:
    outputs = []
    for look in query.looks:
        assert isinstance(look, Run)
        done = subprocess.run(look.argv, capture_output=True, check=True)
        assert done.stderr == b""
        outputs.append(Output(0, done.stdout))
    return query.parse(tuple(outputs))


@pytest.mark.parametrize(
    ("content", "age", "whole"),
    [
        (HEAP, 10, True),
        (HEAP, 0, True),
        (HEAP[:-1], 10, False),
        (HEAP.partition("MAPPED")[0], 10, False),
        (HEAP.partition("00400000")[0], 10, False),
        (HEAP.replace("\n", "\r"), 10, False),
        ("", 10, False),
        ("file\nfile\nmap /x\nmapped\n", 10, False),
    ],
)
def test_a_profile_that_is_still_being_written_is_not_whole(
    tmp_path: Path, content: str, age: int, *, whole: bool
) -> None:
    path = tmp_path / "a'b\n.9999999.0.f.heap"
    path.write_text(content)
    mtime = int(time.time()) - age
    name = dumps.parse_name(path.name)
    assert name is not None

    (found,) = _look(dumps.ends([dumps.HeapFile(str(path), name, len(content), mtime)]))

    assert found.whole is whole
    if whole:
        assert found.mapped == ("/srv/app/bin/shop", "/usr/lib/libz.so.1.2.13")
        assert found.exe == "/srv/app/bin/shop"


@pytest.mark.parametrize("age", [0, 10])
def test_a_profile_that_its_writer_has_open_is_not_whole(tmp_path: Path, age: int) -> None:
    path = tmp_path / f"a.{os.getpid()}.0.f.heap"
    name = dumps.Name("a", os.getpid(), 0, "final")
    heap = dumps.HeapFile(str(path), name, len(HEAP), int(time.time()) - age)
    with path.open("w") as file:
        file.write(HEAP)
        file.flush()
        (still,) = _look(dumps.ends([heap]))
    (closed,) = _look(dumps.ends([heap]))

    assert (still.whole, closed.whole) == (False, True)


def test_what_a_profile_says_cannot_be_taken_for_another(tmp_path: Path) -> None:
    evil = HEAP + "00400000-00401000 r-xp 00000000 08:01 123 /x\nfile\nmapped\nmap /etc/passwd\n"
    for number, content in enumerate((evil, HEAP)):
        (tmp_path / f"a.{number}.0.f.heap").write_text(content)
    old = int(time.time()) - 10
    files = [
        dumps.HeapFile(str(tmp_path / f"a.{n}.0.f.heap"), dumps.Name("a", n, 0, "final"), 1, old)
        for n in (0, 1)
    ]

    first, second = _look(dumps.ends(files))

    assert first.mapped == ("/srv/app/bin/shop", "/usr/lib/libz.so.1.2.13", "/x")
    assert second.mapped == ("/srv/app/bin/shop", "/usr/lib/libz.so.1.2.13")


def test_many_profiles_are_looked_at_in_a_few_commands() -> None:
    name = dumps.Name("a", 1, 0, "final")
    query = dumps.ends([dumps.HeapFile(f"/d/{n}", name, 0, 0) for n in range(1001)])

    assert [(len(look.argv) - 4) // 2 for look in query.looks if isinstance(look, Run)] == [
        500,
        500,
        1,
    ]


def test_a_class_data_archive_is_no_program() -> None:
    found = dumps.HeapFile(
        "/d/x", dumps.Name("a", 1, 0, "final"), 0, 0, ("/jdk/classes.jsa", "/jdk/bin/java")
    )
    assert found.exe == "/jdk/bin/java"


def _system_binaries() -> list[str]:
    folders = ("/bin", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64")
    paths = (path for folder in folders if Path(folder).is_dir() for path in Path(folder).iterdir())
    chosen = [str(path) for path in paths if path.is_file() and not path.is_symlink()]
    return sorted(chosen)[::40][:30]


def test_build_ids_are_those_that_are_in_the_binaries() -> None:
    found = 0
    for path in _system_binaries():
        content = Path(path).read_bytes()
        head = binary.parse_head(content[: binary.HEAD])
        if head is None:
            continue
        build_id = head.build_id
        if build_id is None:
            parts = (content[at : at + size] for at, size in head.beyond)
            build_id = next(
                filter(None, (binary.build_id(part, head.order) for part in parts)), None
            )
        marker = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0"
        at = content.find(marker)
        assert build_id == (content[at + 16 : at + 36].hex() if at >= 0 else None), path
        found += build_id is not None
    assert found


@given(content=st.binary(max_size=300), elf=st.booleans())
def test_hostile_headers_are_only_refused(content: bytes, *, elf: bool) -> None:
    start = (
        b"\x7fELF" + bytes((content[0] % 3, content[-1] % 3)) + content
        if elf and content
        else content
    )
    head = binary.parse_head(start)
    if head is not None:
        assert head.build_id is None or bytes.fromhex(head.build_id)


@given(st.binary(max_size=200))
def test_hostile_notes_are_only_refused(note: bytes) -> None:
    found = binary.build_id(note)
    assert found is None or bytes.fromhex(found) in note
