from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from memops.cli.inventory import inventory
from memops.errors import MemopsError, NoHostsError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MEMOPS_INVENTORY", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (tmp_path / "hosts").write_text("[web]\nw1 a=1\nw2 ansible_password=hunter2\n")
    return tmp_path


def run(*arguments: str, **environment: str) -> str:
    result = CliRunner().invoke(inventory, arguments, env=environment)
    if isinstance(result.exception, MemopsError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_list_graph_and_host() -> None:
    listed = json.loads(run("-i", "hosts", "--list"))
    assert listed["web"] == {"hosts": ["w1", "w2"]}
    assert listed["_meta"]["hostvars"]["w2"] == {"ansible_password": "***"}
    assert run("-i", "hosts", "--graph").splitlines()[-1] == "  |  |--w2"
    assert run("-i", "hosts", "--graph", "web") == "@web:\n  |--w1\n  |--w2\n"
    assert json.loads(run("-i", "hosts", "-e", "b=2", "--host", "w1")) == {"a": 1, "b": "2"}


def test_where_the_inventory_is_looked_for(here: Path) -> None:
    with pytest.raises(UsageError, match="there is none at inventories, inventory, "):
        run("--list")
    own = here / "home" / ".config" / "memops" / "inventory"
    own.mkdir(parents=True)
    for place, name in (
        (own, "own"),
        (here / "inventory", "single"),
        (here / "inventories", "many"),
    ):
        if place.parent == here and name == "single":
            place.write_text(f"{name}\n")
        else:
            place.mkdir(exist_ok=True)
            (place / "hosts").write_text(f"{name}\n")
        assert name in run("--graph")
    assert "h9" in run("--graph", MEMOPS_INVENTORY="h9,")
    assert "w1" in run("-i", "hosts", "--graph", MEMOPS_INVENTORY="h9,")


def test_wrong_use_is_refused() -> None:
    with pytest.raises(UsageError, match="say --list, --graph or --host NAME"):
        run("-i", "hosts")
    with pytest.raises(NoHostsError, match="did you mean 'w1'"):
        run("-i", "hosts", "--host", "w11")
    with pytest.raises(NoHostsError, match="did you mean 'web'"):
        run("-i", "hosts", "--graph", "wbe")
