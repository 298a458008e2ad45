"""Plays and uses of tasks as values, decoded and checked; what the engine runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Method = Literal["sudo", "su", "doas"]
Serial = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a task in a play; *args* may hold templates, all else is as written.

    *when*, *changed_when* and *failed_when* are expressions, all of which must hold. *loop* is a
    list, or a template that gives one, and *loop_var* the name of each element; None is no loop.
    *become* None leaves it to the play. *where* is file:line:column.
    """

    task: str
    name: str
    args: Mapping[str, Any] = field(default_factory=dict)
    when: tuple[str, ...] = ()
    loop: Any = None
    loop_var: str = "item"
    register: str | None = None
    tags: tuple[str, ...] = ()
    become: bool | None = None
    become_user: str | None = None
    become_method: Method | None = None
    ignore_errors: bool = False
    changed_when: tuple[str, ...] = ()
    failed_when: tuple[str, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""


@dataclass(frozen=True, slots=True)
class Play:
    """Tasks for the hosts of a pattern, in waves.

    *serial* is as `memops.playbook.waves.serial_waves` takes it; empty is all hosts at once.
    *max_fail_percentage* None has no budget. *become* None leaves it to the inventory.
    """

    name: str
    hosts: str
    tasks: tuple[Use, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict)
    become: bool | None = None
    become_user: str | None = None
    become_method: Method | None = None
    serial: Serial = ()
    max_fail_percentage: float | None = None
    any_errors_fatal: bool = False
    tags: tuple[str, ...] = ()
    where: str = ""
