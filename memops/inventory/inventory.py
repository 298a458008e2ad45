"""The inventory: who there is, in which order, with which variables."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from memops import yaml
from memops.errors import NoHostsError, UsageError
from memops.inventory import pattern as patterns
from memops.inventory import sources as reader
from memops.inventory import varfiles
from memops.inventory.connection import ConnectionOverrides, connect, hide_passwords
from memops.inventory.draft import nearest
from memops.yaml import Map, Mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from memops.inventory.connection import Render
    from memops.inventory.draft import Draft, Group
    from memops.model.host import Host

_LOCAL = ("localhost", "127.0.0.1", "::1")
_NOWHERE = Mark("inventory")


@dataclass(frozen=True, eq=False)
class Inventory:
    """Hosts, groups and variables, merged from all sources; build it with `load`.

    *order* names all hosts in the order of ``all``. *files* are the layers of ``group_vars`` and
    ``host_vars`` from the weakest to the strongest; *extra* is what ``-e`` gave, over everything.
    """

    groups: Mapping[str, Group]
    hosts: Mapping[str, Map]
    order: tuple[str, ...]
    group_files: tuple[Mapping[str, Map], ...] = ()
    host_files: tuple[Mapping[str, Map], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    _above: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    _shared: dict[tuple[str, ...], Map] = field(default_factory=dict, repr=False)
    _lists: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def select(self, pattern: str | Sequence[str], limit: str | None = None) -> tuple[str, ...]:
        """The hosts that *pattern* selects and *limit* (``@FILE`` too) leaves, in order.

        Raises `NoHostsError` with the nearest names where there are none.
        """
        names = patterns.Names(self.hosts, self.groups, self.members)
        given = (pattern,) if isinstance(pattern, str) else tuple(pattern)
        terms = [term for each in given for term in patterns.split(each)]
        shown = ",".join(given)
        if not terms:
            raise UsageError("pattern", "is empty", "write all, a group or a host")
        chosen = patterns.match(terms, names, shown)
        if chosen and limit is not None:
            left = set(patterns.match(patterns.from_file(limit), names, limit))
            chosen, shown = tuple(each for each in chosen if each in left), f"{shown} and {limit}"
        if not chosen:
            remedy = "memops inventory --graph shows what there is"
            raise NoHostsError(shown, "matches no host", nearest(shown, self._known()) or remedy)
        return chosen

    def members(self, group: str) -> tuple[str, ...]:
        """The hosts of *group* and of all groups under it, level by level."""
        if group == "all" and self.order:
            return self.order
        return tuple(_members(self.groups, group))

    def groups_of(self, name: str) -> tuple[str, ...]:
        """The groups of the host *name*, from the weakest to the strongest; ``all`` left out."""
        return tuple(group for group in self._chain(name) if group != "all")

    def vars(self, name: str) -> Map:
        """All variables of the host *name*, in Ansible's order of precedence, *extra* on top.

        Passwords of connections are `Secret`.
        """
        merged = Map(self._host(name).mark)
        merged.lay(self._of_groups(self._chain(name)))
        merged.lay(self._host(name))
        for layer in self.host_files:
            merged.lay(layer.get(name, {}))
        merged.lay(self.extra)
        hide_passwords(merged)
        return merged

    def magic(self, name: str) -> dict[str, Any]:
        """The variables that Ansible gives every host by itself: its name and groups."""
        return {
            "inventory_hostname": name,
            "inventory_hostname_short": name.partition(".")[0],
            "group_names": sorted(self.groups_of(name)),
            "groups": self._group_lists(),
        }

    def connection(
        self,
        name: str,
        overrides: ConnectionOverrides | None = None,
        render: Render | None = None,
    ) -> Host:
        """How to reach the host *name*; *overrides* from the command line beat the inventory.

        *render* renders a template in a variable; without it, one is a `UsageError`.
        """
        variables = self.vars(name)
        if name in _LOCAL and name not in self.hosts:
            variables.setdefault("ansible_connection", "local")
        chosen = overrides or ConnectionOverrides()
        return connect(name, variables, chosen, self.groups_of(name), self.extra, render)

    def beside(self, playbook_dir: Path) -> Inventory:
        """The same inventory with the variable files beside a playbook, over those beside the sources."""
        return replace(
            self,
            group_files=(*self.group_files, varfiles.read(playbook_dir, "group_vars", self.groups)),
            host_files=(
                *self.host_files,
                varfiles.read(playbook_dir, "host_vars", _named(self.hosts)),
            ),
            _shared={},
        )

    def _group_lists(self) -> dict[str, list[str]]:
        """The hosts of every group; made once."""
        if not self._lists:
            self._lists.update({group: list(self.members(group)) for group in self.groups})
        return self._lists

    def _known(self) -> list[str]:
        return [*self.groups, *self.hosts]

    def _host(self, name: str) -> Map:
        found = self.hosts.get(name)
        if found is not None:
            return found
        if name in _LOCAL:
            return Map(_NOWHERE)
        remedy = nearest(name, self.hosts) or "memops inventory --list shows all"
        raise NoHostsError(name, "no such host in the inventory", remedy)

    def _chain(self, name: str) -> tuple[str, ...]:
        self._host(name)
        return self._above.get(name, ("all",))

    def _of_groups(self, chain: tuple[str, ...]) -> Map:
        """The variables that all hosts of the groups *chain* share; made once for each chain."""
        found = self._shared.get(chain)
        if found is None:
            found = self._shared[chain] = yaml.layered(self._group_layers(chain), _NOWHERE)
        return found

    def _group_layers(self, chain: tuple[str, ...]) -> Iterator[Map]:
        """In Ansible's order: the sources, then the files of ``all``, then those of other groups."""
        yield from (self.groups[group].vars for group in chain)
        others = [group for group in chain if group != "all"]
        for names in (["all"], others):
            for layer in self.group_files:
                yield from (layer[group] for group in names if group in layer)


def load(
    sources: Sequence[str], playbook_dir: Path | None = None, extra: Mapping[str, Any] | None = None
) -> Inventory:
    """The inventory of all *sources* with the variable files beside them and the playbook.

    *extra* is what ``-e`` gave. Raises `UsageError` with file:line for whatever is wrong.
    """
    draft, beside = reader.read(sources)
    known = _named(draft.hosts)
    found = Inventory(
        groups=draft.groups,
        hosts=draft.hosts,
        order=tuple(_members(draft.groups, "all")),
        group_files=tuple(varfiles.read(each, "group_vars", draft.groups) for each in beside),
        host_files=tuple(varfiles.read(each, "host_vars", known) for each in beside),
        extra=extra or {},
        _above=_chains(draft),
    )
    return found if playbook_dir is None else found.beside(playbook_dir)


def _named(hosts: Mapping[str, object]) -> set[str]:
    """The names that ``host_vars`` may have: the hosts, and this machine even where it is none."""
    return {*hosts, *_LOCAL}


def _members(groups: Mapping[str, Group], group: str) -> dict[str, None]:
    seen, level = {group}, [groups[group]]
    hosts: dict[str, None] = {}
    while level:
        for each in level:
            hosts.update(each.hosts)
        names = dict.fromkeys(name for each in level for name in each.children)
        level = [groups[name] for name in names if name not in seen]
        seen.update(names)
    return hosts


def _chains(draft: Draft) -> dict[str, tuple[str, ...]]:
    """For each host the groups above it, from the weakest: by depth, priority, then name."""
    depths = _depths(draft.groups)
    rank = {name: (depths[name], draft.groups[name].priority, name) for name in draft.groups}
    above = {name: _ancestors(draft.groups, name) for name in draft.groups}
    direct: dict[str, list[str]] = {name: [] for name in draft.hosts}
    for group in draft.groups.values():
        for host in group.hosts:
            direct[host].append(group.name)
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    for groups in {tuple(each) for each in direct.values()}:
        names = {"all"}.union(*(above[group] for group in groups))
        known[groups] = tuple(sorted(names, key=rank.__getitem__))
    return {host: known[tuple(groups)] for host, groups in direct.items()}


def _ancestors(groups: Mapping[str, Group], name: str) -> set[str]:
    seen, rest = {name}, [name]
    while rest:
        fresh = [parent for parent in groups[rest.pop()].parents if parent not in seen]
        seen.update(fresh)
        rest += fresh
    return seen


def _depths(groups: Mapping[str, Group]) -> dict[str, int]:
    """The longest way from ``all`` down to each group."""
    depths = dict.fromkeys(groups, 0)
    waiting = {name: len(group.parents) for name, group in groups.items()}
    ready = [name for name, count in waiting.items() if count == 0]
    while ready:
        name = ready.pop()
        for child in groups[name].children:
            depths[child] = max(depths[child], depths[name] + 1)
            waiting[child] -= 1
            if waiting[child] == 0:
                ready.append(child)
    return depths
