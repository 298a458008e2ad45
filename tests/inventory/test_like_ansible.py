"""The same hosts, groups, variables and patterns as ansible-core, for each case.

cases/*.json was written by ansible-core's own commands (its version stands under ``by``); see
freeze.py.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from memops import yaml
from memops.errors import UsageError
from memops.inventory import Inventory, load, views
from tests.inventory.case_files import CASES, lay_out

if TYPE_CHECKING:
    from pathlib import Path

NAMES = sorted(path.stem for path in CASES.glob("*.yaml"))
PATTERNS = [
    (name, pattern) for name in NAMES for pattern in yaml.load(CASES / f"{name}.yaml")["patterns"]
]


@pytest.fixture(scope="module")
def inventories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Inventory]:
    return {name: read(name, tmp_path_factory.mktemp(name)) for name in NAMES}


def read(name: str, directory: Path) -> Inventory:
    case = yaml.load(CASES / f"{name}.yaml")
    beside = case.get("playbook_dir")
    return load(lay_out(case, directory), directory / beside if beside else None)


def expected(name: str) -> dict[str, Any]:
    return dict(json.loads((CASES / f"{name}.json").read_text()))


@pytest.mark.parametrize("name", NAMES)
def test_lists_the_same(name: str, inventories: dict[str, Inventory]) -> None:
    assert json.loads(views.to_json(views.as_list(inventories[name]))) == expected(name)["list"]


@pytest.mark.parametrize("name", NAMES)
def test_draws_the_same_tree(name: str, inventories: dict[str, Inventory]) -> None:
    assert views.as_graph(inventories[name]).splitlines() == expected(name)["graph"]


@pytest.mark.parametrize(("name", "pattern"), PATTERNS)
def test_selects_the_same_hosts(name: str, pattern: str, inventories: dict[str, Inventory]) -> None:
    orders = expected(name)["hosts"][pattern]
    found = inventories[name]
    if orders != [[]]:
        assert list(found.select(pattern)) in orders
    else:
        with pytest.raises(UsageError):
            found.select(pattern)
