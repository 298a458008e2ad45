"""What programs read is what docs/analyze.schema.json says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memops.profile.growth.calltree import DEEPEST
from memops.profile.growth.filters import Filters, pattern
from memops.profile.study import Inputs, study
from memops.report.json import SCHEMA, as_json
from memops.report.view import GROUPINGS, SORTS, View
from tests.corpus import read
from tests.report.dumps import EMPTY, GREW, heap, hostile
from tests.report.schema import Validator

if TYPE_CHECKING:
    from memops.profile.study import Study

PUBLISHED: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "analyze.schema.json").read_text()
)
VIEWS = [
    View(),
    *(View(by=each) for each in GROUPINGS[1:]),
    *(View(sort=each) for each in SORTS[1:]),
    View(tree=0.01),
    View(tree=0.0),
    View(peek=re.compile("inflate|rent|step")),
    View(peek=re.compile("nothing at all")),
]


def said(found: Study, view: View) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(as_json(found, view))
    assert Validator(PUBLISHED).faults(value, PUBLISHED) == []
    return value


@pytest.mark.parametrize("name", read.NAMES)
def test_the_corpus_is_told_of_as_published(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)
    found = study(read.inputs(name, perf=True))

    assert said(found, View())["view"] is None


@pytest.mark.parametrize("view", VIEWS[1:], ids=repr)
@pytest.mark.parametrize("name", ["jvm", "paths"])
def test_a_view_is_told_of_as_published(
    view: View, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(read.HERE)
    found = study(read.inputs(name, perf=True))
    asked = said(found, view)["view"]

    assert (asked["by"], asked["sort"]) == (view.by, view.sort)
    assert asked["filters"] is None
    assert asked["whole"]["live"] == found.analysis.live.bytes
    if asked["groups"]:
        flat = sum(each["flat"]["bytes"] for each in asked["groups"])
        assert flat == found.analysis.growth.bytes
    assert (asked["tree"] is None) == (view.tree is None)
    assert (asked["peek"] is None) == (view.peek is None)


def test_filters_are_told_of_with_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)
    filters = Filters(focus=pattern("inflate", ""), hide=pattern("libz", ""))
    value = said(study(read.inputs("jvm", perf=True), filters=filters), View())

    assert value["view"]["filters"] == {
        "focus": "inflate", "ignore": None, "hide": "libz", "show_from": None,
    }  # fmt: skip
    assert value["live"]["bytes"] < value["view"]["whole"]["live"] == value["process"]["live"]


@pytest.mark.parametrize("dumps", [(EMPTY,), (EMPTY, EMPTY), GREW], ids=["one", "two", "grew"])
@pytest.mark.parametrize("view", VIEWS, ids=repr)
def test_the_odd_is_told_of_as_published(
    dumps: tuple[bytes, ...], view: View, tmp_path: Path
) -> None:
    said(hostile(tmp_path, *dumps), view)


def test_the_deepest_tree_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "x.heap").write_bytes(heap([(tuple(range(400)), 1, 10), (tuple(range(300)), 1, 5)]))
    branch, depth = said(study(Inputs([tmp_path])), View(tree=0.0))["view"]["tree"], 0
    while branch["children"]:
        branch, depth = branch["children"][0], depth + 1

    assert depth == DEEPEST


def test_the_number_of_the_schema_is_the_published_one() -> None:
    assert PUBLISHED["properties"]["schema"]["const"] == SCHEMA


@pytest.mark.parametrize(
    ("value", "schema", "fault"),
    [
        (1, {"type": "string"}, ": 1 is no string"),
        (True, {"type": "integer"}, ": True is no integer"),
        ({}, {"type": "object", "required": ["a"]}, ": a is missing"),
        ({"b": 1}, {"properties": {"a": {}}}, ": b is not told of"),
        ([1, "x"], {"items": {"type": "integer"}}, "/1: 'x' is no integer"),
        (3, {"anyOf": [{"type": "null"}, {"minimum": 4}]}, ": 3 is no null"),
        (3, {"enum": [1, 2]}, ": 3 is not of [1, 2]"),
        (3, {"maximum": 2}, ": 3 is over 2"),
    ],
)
def test_the_validator_finds_what_is_wrong(
    value: object, schema: dict[str, Any], fault: str
) -> None:
    assert Validator(schema).faults(value, schema) == [fault]
