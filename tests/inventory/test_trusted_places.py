"""Nobody else may decide where memops connects (CVE-2018-10874, CVE-2018-10875)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from memops.errors import UsageError
from memops.inventory import load

if TYPE_CHECKING:
    from pathlib import Path

STRANGER = 65533
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "inv"
    (directory / "group_vars").mkdir(parents=True)
    (directory / "hosts").write_text("[web]\nw1\n")
    (directory / "group_vars" / "web.yml").write_text("v: 1\n")
    return directory


@pytest.mark.parametrize("name", ["", "hosts", "group_vars", "group_vars/web.yml", ".."])
def test_what_everybody_can_write_is_refused(name: str, place: Path) -> None:
    (place / name).chmod(0o777)
    with pytest.raises(UsageError, match="is writable by everybody; chmod o-w"):
        load([str(place / "hosts")])


def test_a_link_is_judged_at_both_ends(place: Path, tmp_path: Path) -> None:
    open_place = tmp_path / "open"
    open_place.mkdir()
    (open_place / "hosts").write_text("h\n")
    (place / "linked").symlink_to(open_place / "hosts")
    load([str(place / "linked")])
    open_place.chmod(0o777)
    with pytest.raises(UsageError, match="is writable by everybody"):
        load([str(place / "linked")])


def test_ones_own_file_in_a_sticky_directory_is_fine(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "hosts").write_text("h\n")
    assert load([str(tmp_path / "hosts")]).order == ("h",)


@as_root
@pytest.mark.parametrize("name", ["hosts", "group_vars", "host_vars"])
def test_a_strangers_file_in_a_sticky_directory_is_refused(name: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "hosts").write_text("h\n")
    (tmp_path / name).mkdir(exist_ok=True) if name != "hosts" else None
    os.chown(tmp_path / name, STRANGER, STRANGER)
    with pytest.raises(UsageError, match="belongs to another user"):
        load([str(tmp_path / "hosts")])


def test_the_playbooks_variable_files_are_judged_too(place: Path, tmp_path: Path) -> None:
    beside = tmp_path / "pb"
    (beside / "host_vars").mkdir(parents=True)
    (beside / "host_vars" / "w1.yml").write_text("ansible_host: evil\n")
    assert load([str(place / "hosts")], beside).vars("w1")["ansible_host"] == "evil"
    beside.chmod(0o777)
    with pytest.raises(UsageError, match="is writable by everybody"):
        load([str(place / "hosts")], beside)
