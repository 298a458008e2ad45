import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import MemopsError, UsageError
from memops.store import names

anything = st.text(max_size=400) | st.binary(max_size=400).map(os.fsdecode)


@given(anything)
def test_a_safe_name_is_one_harmless_file_name(original: str) -> None:
    name = names.safe(original)

    assert 0 < len(name) <= 200
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set("/\\ \n\0'\"$`*?")
    assert not name.startswith(".")


@given(anything, anything)
def test_different_originals_have_different_names(one: str, other: str) -> None:
    assert (names.safe(one) == names.safe(other)) == (one == other)


@given(st.text(min_size=1, max_size=16))
def test_a_name_that_was_not_too_long_can_be_read_back(original: str) -> None:
    assert names.original(names.safe(original)) == original


@pytest.mark.parametrize(
    ("original", "name"),
    [
        ("shop.1234.0.i0.heap", "shop.1234.0.i0.heap"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("..", "%2E."),
        (".", "%2E"),
        (".artifacts", "%2Eartifacts"),
        ("a\nb.heap", "a%0Ab.heap"),
        ("a\udcffb", "a%FFb"),
        ("-rf", "-rf"),
    ],
)
def test_hostile_names(original: str, name: str) -> None:
    assert names.safe(original) == name


place = st.builds(
    names.Place,
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=9),
    st.sampled_from(["web1", "db-01.example.org", "::1", "host with space"]),
    st.just("1234-56789-0f3a9c2e"),
    st.just("20261123T205600.123Z"),
    anything.map(names.safe),
)


@given(place)
def test_a_place_can_be_read_back_from_its_path(place: names.Place) -> None:
    assert names.parse(place.path) == place


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "elf/../../x", "elf/..", "elf/.artifacts", "objects/aa/bb",
        "snapshots/a/b/1-2-0f3a9c2e/20261123T205600.123Z/../x",
        "snapshots/a/b/../20261123T205600.123Z/x", "snapshots/a/b/1-2-0f3a9c2e/yesterday/x",
        "snapshots/a/b/1-2-0f3a9c2e/20261123T205600.123Z/a\nb",
    ],
)  # fmt: skip
def test_a_path_that_leaves_the_store_is_refused(path: str) -> None:
    with pytest.raises(MemopsError):
        names.parse(path)


@pytest.mark.parametrize("word", ["", "a\nb", "x" * 300])
def test_an_app_that_can_have_no_directory_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="choose another"):
        names.owned(word, "app")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("shop.1.0.f.heap", "heap"), ("smaps", "smaps"), ("smaps_rollup", "smaps_rollup"),
        ("pmap", "pmap"), ("perf-12.map", "perfmap"), ("cgroup.memory.stat", "cgroup"),
        ("smaps.heap", "heap"), ("what", "other"), ("nmt", "nmt"),
    ],
)  # fmt: skip
def test_the_kind_is_told_from_the_name(name: str, kind: str) -> None:
    place = names.Place("shop", "web1", "1-2-0f3a9c2e", "20261123T205600.123Z", name)

    assert place.kind == kind


def test_a_life_is_read_back_from_its_label() -> None:
    life = names.life("1234-56789-0f3a9c2e", "web1")

    assert (life.host, life.pid, life.start, life.label) == (
        "web1", 1234, 56789, "1234-56789-0f3a9c2e",
    )  # fmt: skip
