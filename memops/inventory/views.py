"""The inventory as ``ansible-inventory`` shows it: one JSON document, or a tree."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from memops.errors import NoHostsError
from memops.inventory.draft import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.inventory.inventory import Inventory


def as_list(inventory: Inventory) -> dict[str, Any]:
    """All groups with their hosts and children, and under ``_meta`` the variables of each host."""
    hostvars = {name: dict(inventory.vars(name)) for name in inventory.order}
    shown: dict[str, Any] = {
        "_meta": {"hostvars": {name: values for name, values in hostvars.items() if values}}
    }
    for name, group in inventory.groups.items():
        hosts = [] if name == "all" else list(group.hosts)
        parts = {"hosts": hosts, "children": list(group.children)}
        kept = {key: names for key, names in parts.items() if names}
        if kept:
            shown[name] = kept
    return shown


def as_graph(inventory: Inventory, group: str = "all") -> str:
    """The tree under *group*; a group that stands below several is shown below each.

    Raises `NoHostsError` where there is no such group.
    """
    if group not in inventory.groups:
        remedy = nearest(group, inventory.groups) or "memops inventory --graph shows all"
        raise NoHostsError(group, "no such group", remedy)
    return "\n".join([f"@{group}:", *_branches(inventory, group, 1)])


def _branches(inventory: Inventory, name: str, depth: int) -> Iterator[str]:
    group = inventory.groups[name]
    bars = "  |" * depth
    for child in group.children:
        yield f"{bars}--@{child}:"
        yield from _branches(inventory, child, depth + 1)
    if name != "all":
        yield from (f"{bars}--{host}" for host in group.hosts)


def to_json(value: Any) -> str:
    """*value* as JSON with sorted keys; a password is ``***``, a date as in ISO 8601."""
    return json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)
