"""Which tasks ``--tags`` and ``--skip-tags`` leave, as in Ansible."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def selected(tags: Iterable[str], only: Iterable[str] = (), skip: Iterable[str] = ()) -> bool:
    """Whether a task with *tags* runs under ``--tags`` *only* and ``--skip-tags`` *skip*.

    A task tagged ``always`` runs unless it is skipped by name, one tagged ``never`` only if it is
    asked for by name; ``tagged``, ``untagged`` and ``all`` may be asked for too.
    """
    own, only, skip = set(tags), set(only) or {"all"}, set(skip)
    own = own or {"untagged"}
    return _wanted(own, only) and not _skipped(own, skip)


def _wanted(own: set[str], only: set[str]) -> bool:
    if "always" in own or own & only:
        return True
    if "never" in own:
        return False
    return "all" in only or ("tagged" in only and own != {"untagged"})


def _skipped(own: set[str], skip: set[str]) -> bool:
    if "all" in skip:
        return "always" not in own or "always" in skip
    return bool(own & skip) or ("tagged" in skip and own != {"untagged"})
