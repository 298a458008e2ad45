"""Tasks with what the engine gives them: the host's name, the run, the store, the templates."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memops import data
from memops.playbook.template import render_file
from memops.tasks import GIVEN, TABLE, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from memops.engine.plan import Task
    from memops.model.step import Step
    from memops.store import Store


@dataclass(frozen=True, slots=True)
class Binder:
    """Binds tasks for one run; templates are looked for *beside* the playbook first."""

    run: str
    store: Store | None
    beside: Path | None = None

    def __call__(self, name: str, host: str, root: str, variables: Mapping[str, Any]) -> Task:
        """The task *name* with all it declares of `GIVEN`."""
        task = named(name)

        def render(template: str, /, **extra: object) -> str:
            path = data.find("templates", template, self.beside)
            return render_file(path, {**variables, **extra})

        given = {
            "host": host, "render": render, "root": root, "run": self.run, "store": self.store,
        }  # fmt: skip
        declared = inspect.signature(task).parameters
        return functools.partial(
            task, **{key: value for key, value in given.items() if key in declared}
        )


def signatures() -> Mapping[str, Callable[..., Iterator[Step]]]:
    """The tasks as playbooks write them: their functions, without the parameters that are given."""
    return {name: _as_written(named(name)) for name in TABLE}


def _as_written(task: Task) -> Task:
    signature = inspect.signature(task)
    kept = [each for name, each in signature.parameters.items() if name not in GIVEN]

    @functools.wraps(task)
    def written(*args: Any, **params: Any) -> Iterator[Step]:
        return task(*args, **params)

    written.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return written
