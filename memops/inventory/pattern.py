"""Host patterns: ``web:&prod:!web3``, globs, ``~regex`` and subscripts, as Ansible matches them.

Stricter in one thing: a plain name that is neither a host nor a group is an error wherever it
stands, since a slip in ``all:!databse`` would touch the very hosts that were to be spared.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memops.errors import NoHostsError, UsageError
from memops.inventory.draft import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_PIECES = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")
_SUBSCRIPT = re.compile(r"(.+)\[(?:(-?\d+)|(\d+):(\d*))\]")
_DASHED = re.compile(r"(.+)\[(\d+)-(\d+)\]")
_GLOB = frozenset("?*[")
_LOOSE = _GLOB | {"."}
"""A name with one of these is looked for among the hosts even where a group has matched."""
_LOCAL = ("localhost", "127.0.0.1", "::1")
_ADDRESS = re.compile(r"[^:\[\]]+:\d+|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*")


@dataclass(frozen=True, slots=True)
class Names:
    """What a pattern may name; *members* gives the hosts of a group, in order."""

    hosts: Mapping[str, object]
    groups: Mapping[str, object]
    members: Callable[[str], Iterable[str]]


def split(pattern: str) -> tuple[str, ...]:
    """The terms of *pattern*: parted by commas where there is one, else by colons."""
    if "," in pattern:
        return tuple(filter(None, (term.strip() for term in pattern.split(","))))
    if _ADDRESS.fullmatch(pattern.strip()):
        return (pattern.strip(),)
    return tuple(_PIECES.findall(pattern))


def from_file(pattern: str) -> tuple[str, ...]:
    """The terms of *pattern*, each ``@FILE`` replaced by what its lines hold."""
    terms = pattern.split(",") if "@" in pattern else [pattern]
    return tuple(part for term in terms for line in _lines(term.strip()) for part in split(line))


def _lines(term: str) -> list[str]:
    if not term.startswith("@"):
        return [term]
    try:
        lines = [line.strip() for line in Path(term[1:]).read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            term[1:], f"cannot be read ({error})", "name a file of hosts, one in a line"
        ) from error
    return [line for line in lines if line and not line.startswith("#")]


def match(terms: Iterable[str], names: Names, where: str) -> tuple[str, ...]:
    """The hosts that *terms* select, in order; none is an empty answer, a bad term an error.

    The order of terms does not matter but for the order of hosts: all plain ones are united, all
    ``&`` intersected, all ``!`` taken away.
    """
    terms = tuple(terms)
    plain = [term for term in terms if term[0] not in "!&"] or ["all"]
    chosen = dict.fromkeys(host for term in plain for host in _term(term, names, where))
    for term in (each[1:] for each in terms if each[0] == "&"):
        kept = set(_term(term, names, where))
        chosen = {name: None for name in chosen if name in kept}
    for term in (each[1:] for each in terms if each[0] == "!"):
        gone = set(_term(term, names, where))
        chosen = {name: None for name in chosen if name not in gone}
    return tuple(chosen)


def _term(term: str, names: Names, where: str) -> list[str]:
    """The hosts of one term without its sign."""
    if term.startswith("~"):
        return _named(term, names, where)
    if dashed := _DASHED.fullmatch(term):
        fix = f"write {dashed[1]}[{dashed[2]}:{dashed[3]}] to count, or a ~regex for names"
        raise UsageError(where, f"{term!r} is no subscript", fix)
    subscript = _SUBSCRIPT.fullmatch(term)
    if not subscript:
        return _named(term, names, where)
    found = _named(subscript[1], names, where)
    return _pick(found, *subscript.groups()[1:])


def _pick(found: list[str], index: str | None, start: str | None, end: str | None) -> list[str]:
    """One of *found*, or those from *start* to *end*, both included; out of bounds is none."""
    if index is not None or not start:
        at = int(index or 0)
        return [found[at]] if -len(found) <= at < len(found) else []
    first, last = int(start), int(end) if end else len(found) - 1
    return found[first : max(first, last) + 1]  # g[1:0] is element 1, as in Ansible


def _named(base: str, names: Names, where: str) -> list[str]:
    """Hosts of the groups that match *base*; hosts by their own name if none did, or for a glob.

    A host of several such groups stands there several times, and a subscript counts each, as in
    Ansible.
    """
    if base in ("all", "*"):
        return list(names.members("all"))
    accepts = _matcher(base, where)
    matched = [name for name in names.groups if accepts(name)]
    found = [host for name in matched for host in names.members(name)]
    if not matched or base.startswith("~") or _LOOSE & set(base):
        found += [name for name in names.hosts if accepts(name)]
    if not found and base in _LOCAL:
        return [base]
    if not found and not matched and not base.startswith("~") and not _GLOB & set(base):
        known = [*names.groups, *names.hosts]
        remedy = nearest(base, known) or "memops inventory --graph shows what there is"
        raise NoHostsError(where, f"no host or group is named {base!r}", remedy)
    return found


def _matcher(base: str, where: str) -> Callable[[str], object]:
    if base.startswith("~"):
        try:
            return re.compile(base[1:]).match
        except re.error as error:
            raise UsageError(
                where, f"{base!r} is no regular expression ({error})", "mend it"
            ) from error
    if _GLOB & set(base):
        return re.compile(fnmatch.translate(base)).match
    return base.__eq__
