"""``group_vars/`` and ``host_vars/``: variables in files named after groups and hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops import yaml
from memops.errors import UsageError
from memops.inventory.trust import require_trusted
from memops.yaml import Map, Mark

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path

_ENDS = ("", ".yml", ".yaml", ".json")
"""In the order in which Ansible looks: the first that is there is taken, the others are not read."""


def read(directory: Path, kind: str, known: Container[str]) -> dict[str, Map]:
    """Variables by name from *directory*/*kind* (``group_vars``) for those names that are *known*.

    The directory is listed once, so the cost is that of its files, not of the hosts.
    """
    place = directory / kind
    if not place.is_dir():
        return {}
    require_trusted(place)
    names: dict[str, list[str]] = {}
    for entry in place.iterdir():
        for name, end in {(entry.name, ""), (entry.stem, entry.suffix)}:
            if end in _ENDS and name in known:
                names.setdefault(name, []).append(end)
    return {
        name: _variables(place / (name + min(ends, key=_ENDS.index)))
        for name, ends in sorted(names.items())
    }


def _variables(path: Path) -> Map:
    maps = [_read_file(each) for each in _files(path)]
    return yaml.layered(maps, Mark(str(path)))


def _files(path: Path) -> Iterator[Path]:
    """*path* itself, or all files under it in ASCII order, hidden and backup ones left out."""
    require_trusted(path)
    if not path.is_dir():
        yield path
        return
    for name in sorted(each.name for each in path.iterdir()):
        each = path / name
        hidden = name.startswith(".") or name.endswith("~")
        if not hidden and (each.is_dir() or each.suffix in _ENDS):
            yield from _files(each)


def _read_file(path: Path) -> Map:
    value = yaml.load(path)
    if value is None:
        return Map(Mark(str(path)))
    if not isinstance(value, Map):
        raise UsageError(str(path), "must hold a mapping of variables", "write name: value")
    return value
