from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops import yaml
from memops.errors import UsageError
from memops.yaml import Map, Mark, Seq

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
web:
  hosts: {a: 1, b: [x, y]}
  "quoted key": &one {deep: yes}
other: *one
"""


def test_every_key_and_value_knows_its_place() -> None:
    top = yaml.parse(TEXT, "f.yml")
    assert isinstance(top, Map)
    assert str(top.key_marks["web"]) == "f.yml:1:1"
    hosts = top["web"]["hosts"]
    assert yaml.place(hosts, "a") == "f.yml:2:14"
    assert yaml.key_place(hosts, "b") == "f.yml:2:17"
    assert isinstance(hosts["b"], Seq)
    assert yaml.place(hosts["b"], 1) == "f.yml:2:24"
    assert yaml.key_place(top["web"], "quoted key") == "f.yml:3:3"
    assert top["other"] is top["web"]["quoted key"]


def test_a_place_that_is_not_known_falls_back() -> None:
    assert yaml.place({"a": 1}, "a", "x") == "x"
    assert yaml.key_place([], 0, Mark("f", 3)) == "f:3"


SCALARS: list[tuple[str, Any]] = [
    ("yes", True), ("off", False), ("0644", 0o644), ('"0644"', "0644"), ("1e3", "1e3"),
    ("1.5", 1.5), ("~", None), ("", None), ("2026-01-02", dt.date(2026, 1, 2)), ("0x10", 16),
    ("!!str 5", "5"), ("'it''s'", "it's"), ("=", "="), ("1_000", 1000), ("08", "08"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_mean_what_they_mean_to_ansible(text: str, value: Any) -> None:
    assert yaml.parse(f"a: {text}\n", "f")["a"] == value


def test_merge_keys_are_weaker_than_keys_and_the_first_merged_wins() -> None:
    top = yaml.parse("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 3}\n", "f")
    assert top["z"] == {"a": 3, "b": 1, "c": 2}
    assert yaml.place(top["z"], "c") == "f:2:17"


REFUSED = [
    ("a: 1\nb: 2\na: 3\n", "f:3:1: key 'a' stands twice (first in line 1); remove one"),
    ("a: !!python/object:os.system {}", "f:1:4: the tag !!python/object:os.system is not accepted"),
    ("a: !vault |\n  $ANSIBLE_VAULT", "f:1:4: ansible-vault values are not supported yet"),
    ("a: !!binary aGk=", "f:1:4: the tag !!binary is not accepted"),
    ("a: !!set {x}", "f:1:4: the tag !!set is not accepted"),
    ("a: [1, 2", "f:2:1: YAML: "),
    ("a: 'x\n", "f:2:1: YAML: "),
    ("a:\n\t- b\n", "f:2:1: YAML: "),
    ("? [a]\n: b\n", "f:1:3: a key must be plain text"),
    ("a: &x [*x]\n", "f:1:4: contains itself"),
    ("a: *nope\n", "f:1:4: YAML: found undefined alias"),
    ("a: 1\n---\nb: 2\n", "f:2:1: YAML: "),
    ("a: {<<: 3}\n", "f:1:9: << needs a mapping"),
    ("a: \x07\n", "f: is not YAML"),
    ("[" * 10_000, "f:1: is nested too deeply"),
    ("- " * 10_000, "f:1: is nested too deeply"),
    ("a: !!int xyz", "f: is not YAML"),
    ("a: 2026-13-41", "f: is not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_is_wrong_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        yaml.parse(text, "f")
    assert str(caught.value).startswith(message)


def test_aliases_of_aliases_stay_small() -> None:
    rows = ["a0: &a0 [x, x]"] + [
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)
    ]
    assert len(yaml.parse("\n".join(rows), "f")["a29"]) == 9


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nope\.yml: cannot be read"):
        yaml.load(tmp_path / "nope.yml")
    (tmp_path / "latin.yml").write_bytes(b"a: \xff\n")
    with pytest.raises(UsageError, match="is not UTF-8"):
        yaml.load(tmp_path / "latin.yml")
    (tmp_path / "bom.yml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert yaml.load(tmp_path / "bom.yml") == {"a": 1}
    (tmp_path / "empty.yml").write_bytes(b"# nothing\n")
    assert yaml.load(tmp_path / "empty.yml") is None


def test_layers_keep_the_place_of_the_value_that_won() -> None:
    maps = [yaml.parse("a: 1\nb: 1", "one"), yaml.parse("b: 2", "two"), {"c": 3}]
    merged = yaml.layered(maps, Mark("all"))
    assert merged == {"a": 1, "b": 2, "c": 3}
    assert yaml.place(merged, "b") == "two:1:4"
    assert yaml.place(merged, "c", "?") == "?"


@given(st.text(alphabet="ab:-{}[]&*!|>'\"#\n\t ,?<%@0", max_size=60))
def test_any_text_is_a_value_or_a_usage_error(text: str) -> None:
    try:
        yaml.parse(text, "f")
    except UsageError as error:
        assert error.where.startswith("f")  # noqa: PT017
