"""What the operator decided for a run, and what one run needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from memops.engine.apply import Hands
    from memops.engine.connections import Connections
    from memops.engine.plan import Task
    from memops.model.app import App
    from memops.model.event import Sink
    from memops.model.host import Host

OnFailure = Literal["host", "wave", "run", "keep"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is made: *forks* hosts at once; what is rolled back when one fails.

    After *expire_after* seconds a host undoes its runs by itself; None is never. With *extend*, the
    runs of a host that have such a time get it again.
    """

    run: str
    playbook: str = ""
    check: bool = False
    forks: int = 50
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    on_failure: OnFailure = "host"
    expire_after: int | None = None
    extend: bool = False


@dataclass(frozen=True, slots=True)
class Fleet:
    """The hosts as the engine needs them, bound by the command line.

    *select* turns a play's pattern into names; *host*, *variables* and *apps* speak of one name.
    """

    select: Callable[[str], tuple[str, ...]]
    host: Callable[[str], Host]
    variables: Callable[[str], Mapping[str, Any]]
    apps: Callable[[str], Mapping[str, App]]
    connections: Connections
    tasks: Callable[[str, str, str, Mapping[str, Any]], Task]
    hands: Hands
    sink: Sink
    extra: Mapping[str, Any] = field(default_factory=dict)
