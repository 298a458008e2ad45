"""Planning: the steps of one task, over an overlay, so that nothing reaches the host.

Each step is laid over the host in memory as soon as the task yields it, so that a task that reads
between two yields sees its own first step; in a check the overlay stays, and later tasks see it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memops.engine.probe import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from memops.model.step import Step
    from memops.transport.base import Session

    Task = Callable[..., Iterator[Step]]


def plan(
    task: Task, overlay: Session, params: Mapping[str, Any]
) -> tuple[tuple[Step, ...], Mapping[str, Any]]:
    """The steps of *task* with *params* on the host under *overlay*, and what it registers."""
    generator = task(Reader(overlay), **params)
    steps: list[Step] = []
    while True:
        try:
            step = next(generator)
        except StopIteration as end:
            return tuple(steps), end.value or {}
        overlay.act((step.do,))
        steps.append(step)
