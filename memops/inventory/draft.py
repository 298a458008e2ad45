"""The groups and hosts while sources are being read; every source writes into the same draft."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from memops.errors import UsageError
from memops.yaml import Map, Mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PRIORITY = "ansible_group_priority"
"""The variable that orders groups of one depth; read from a source only, as in Ansible."""


@dataclass
class Group:
    """A group: its own hosts and children in the order they were named, its variables."""

    name: str
    vars: Map
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    parents: dict[str, None] = field(default_factory=dict)
    priority: int = 1


class Draft:
    """What the sources have said so far."""

    def __init__(self) -> None:
        nowhere = Mark("inventory")
        self.groups = {name: Group(name, Map(nowhere)) for name in ("all", "ungrouped")}
        self.groups["all"].children["ungrouped"] = None
        self.groups["ungrouped"].parents["all"] = None
        self.hosts: dict[str, Map] = {}

    def group(self, name: str, mark: Mark) -> Group:
        """The group *name*, made where it is new."""
        found = self.groups.get(name)
        if found is None:
            found = self.groups[name] = Group(name, Map(mark))
        return found

    def host(self, name: str, group: Group, mark: Mark) -> Map:
        """The variables of the host *name*, which is made where it is new and put into *group*."""
        found = self.hosts.get(name)
        if found is None:
            found = self.hosts[name] = Map(mark)
        group.hosts[name] = None
        return found

    def child(self, parent: Group, name: str, mark: Mark) -> Group:
        """Make the group *name* a child of *parent*; raises `UsageError` on a loop."""
        child = self.group(name, mark)
        if parent.name in {each.name for each in self.below(child)}:
            raise UsageError(
                str(mark),
                f"group {name!r} cannot be a child of {parent.name!r}: it is above it, or is it",
                "remove the loop",
            )
        parent.children[name] = None
        child.parents[parent.name] = None
        return child

    def set(self, group: Group, key: str, value: Any, mark: Mark) -> None:
        """Give *group* a variable; its priority among groups is one of them."""
        if key != PRIORITY:
            group.vars.put(key, value, mark)
            return
        try:
            group.priority = int(value)
        except (TypeError, ValueError) as error:
            raise UsageError(
                str(mark), f"{PRIORITY} {value!r} is not a whole number", "write for example 10"
            ) from error

    def below(self, group: Group) -> Iterator[Group]:
        """*group* and every group under it, level by level."""
        seen, level = {group.name}, [group]
        while level:
            yield from level
            names = [name for each in level for name in each.children]
            fresh = [name for name in dict.fromkeys(names) if name not in seen]
            seen.update(fresh)
            level = [self.groups[name] for name in fresh]

    def settle(self) -> None:
        """Put groups without a parent under ``all``, hosts without a group into ``ungrouped``."""
        everything, ungrouped = self.groups["all"], self.groups["ungrouped"]
        for group in self.groups.values():
            if group is not everything and not group.parents:
                everything.children[group.name] = None
                group.parents["all"] = None
        grouped = {
            name
            for group in self.groups.values()
            if group is not everything and group is not ungrouped
            for name in group.hosts
        }
        ungrouped.hosts = {
            name: None for name in (*ungrouped.hosts, *self.hosts) if name not in grouped
        }


def nearest(word: str, known: Iterable[str]) -> str:
    """What a person may have meant by *word*: ``did you mean 'web1' or 'web2'?``, or nothing."""
    folded: dict[str, str] = {}
    for each in known:
        folded.setdefault(each.lower(), each)
    found = difflib.get_close_matches(word.lower(), list(folded), n=3, cutoff=0.65)
    close = [folded[each] for each in found]
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""
