"""States (nouns) and actions (verbs), each a pure function from facts to steps.

The table is the registry: a name in a playbook, and where its function is. A function is imported
when a playbook names it. Parameters in `GIVEN` are not written in playbooks: the engine gives them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memops.model.step import Step

    Task = Callable[..., Iterator[Step]]

TABLE = {
    "app": "memops.tasks.fresh:app",
    "command": "memops.tasks.command:command",
    "copy": "memops.tasks.template:copy",
    "file": "memops.tasks.file:file",
    "fresh": "memops.tasks.fresh:fresh",
    "heap_dump": "memops.tasks.heap_dump:heap_dump",
    "jemalloc": "memops.tasks.jemalloc:jemalloc",
    "launcher": "memops.tasks.launcher:launcher",
    "service": "memops.tasks.service:service",
    "shell": "memops.tasks.command:shell",
    "snapshot": "memops.tasks.snapshot:snapshot",
    "template": "memops.tasks.template:template",
}

GIVEN = frozenset(("host", "render", "root", "run", "store"))


def named(name: str) -> Task:
    """The function of the task *name*, which is in `TABLE`."""
    module, _, function = TABLE[name].partition(":")
    task: Task = getattr(importlib.import_module(module), function)
    return task
