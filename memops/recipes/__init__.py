"""Bytes that have yet to be made, made once for all like hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.recipes import jemalloc
from memops.recipes.kitchen import Kitchen, kitchen

if TYPE_CHECKING:
    from memops.model.action import Local, Recipe
    from memops.model.event import Sink
    from memops.transport.base import Session

__all__ = ["RECIPES", "Kitchen", "kitchen", "make"]

RECIPES = {"jemalloc": jemalloc.build, "jemalloc-manifest": jemalloc.manifest}


def make(recipe: Recipe, session: Session, kitchen: Kitchen, sink: Sink) -> Local:
    """The file on the controller with the bytes that *recipe* stands for.

    *session* is one of the host that asks; *sink* hears what takes long. Made once for all like
    hosts, among threads and processes. Raises `HostError` or `UsageError`; no host is changed.
    """
    try:
        return RECIPES[recipe.kind](recipe, session, kitchen, sink)
    except OSError as error:
        what = error.strerror or str(error)
        raise UsageError(
            str(error.filename or kitchen.cache), what, "make room, or set XDG_CACHE_HOME"
        ) from error
