"""The reader of shared libraries agrees with readelf, and refuses what is cut short."""

from __future__ import annotations

import re
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.recipes.elf import needs
from tests.recipes.brewed import real_library, tiny_library

pytestmark = pytest.mark.timeout(900)  # the first of them may have to build the library

LIBC = next(Path("/lib").glob("*-linux-gnu/libc.so.6"))


def readelf(path: Path, option: str) -> str:
    return subprocess.run(
        ("readelf", "-W", option, str(path)), capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def library() -> Path:
    return Path(real_library().path)


def test_the_real_library_needs_what_readelf_says(library: Path) -> None:
    found = needs(library)
    needed = re.findall(r"NEEDED.*\[(.*)\]", readelf(library, "-d"))
    versions = re.findall(r"Name: GLIBC_([\d.]+)", readelf(library, "-V"))
    assert found.libraries == tuple(needed)
    assert found.glibc == max(versions, key=lambda each: [int(part) for part in each.split(".")])
    assert found.profiling


def test_a_library_without_needs(tmp_path: Path) -> None:
    found = needs(tiny_library(tmp_path / "tiny.so"))
    assert (found.libraries, found.glibc, found.profiling) == ((), "", False)


def test_the_c_library_defines_versions_but_needs_only_those_of_the_loader() -> None:
    assert needs(LIBC).libraries == tuple(re.findall(r"NEEDED.*\[(.*)\]", readelf(LIBC, "-d")))


@pytest.mark.parametrize("kept", [0, 3, 40, 200, 0.5, 0.999])
def test_a_truncated_library_is_refused(library: Path, tmp_path: Path, kept: float) -> None:
    image = library.read_bytes()
    cut = tmp_path / "cut.so"
    cut.write_bytes(image[: int(kept if kept > 1 else kept * len(image))])
    with pytest.raises(UsageError, match="not a whole 64-bit ELF library; make it again"):
        needs(cut)


@settings(max_examples=60, deadline=None)
@given(damage=st.lists(st.tuples(st.integers(0, 12_000), st.integers(0, 255)), min_size=1))
def test_a_damaged_library_is_read_or_refused(
    damage: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "lib.so"
    image = bytearray(tiny_library(path).read_bytes())
    for at, value in damage:
        image[at % len(image)] = value
    path.write_bytes(image)
    with suppress(UsageError):
        needs(path)
