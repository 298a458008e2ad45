"""How a report is to look, where its format leaves a choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import re

UNITS = ("auto", "B", "KiB", "MiB", "GiB")
SORTS = ("flat", "cumulative", "objects", "name")
GROUPINGS = ("function", "library", "thread", "size", "package")
WIDTH = 100
"""Columns where there is no terminal: stable, so that outputs can be compared."""


class View(NamedTuple):
    """The *top* functions only, in lines of at most *width* columns.

    Sizes for people are in *unit* of `UNITS` (but for the sampling interval); the table is *by* one of `GROUPINGS`, *sort* of `SORTS`
    first. *tree* asks for the call tree instead, without what has less than that share (0 to 1);
    *peek* for the callers and callees of the functions that match. *command* is what was typed, and *made*
    when (seconds since the epoch), for a report that tells where it comes from.
    """

    top: int = 10
    width: int = WIDTH
    unit: str = "auto"
    sort: str = "flat"
    by: str = "function"
    tree: float | None = None
    peek: re.Pattern[str] | None = None
    command: str = ""
    made: float | None = None

    @property
    def is_ranked(self) -> bool:
        """Whether the table is another than that of the functions that allocated most."""
        return (self.by, self.sort) != ("function", "flat")

    @property
    def is_graph(self) -> bool:
        """Whether functions are shown with their callers instead of in a table."""
        return self.tree is not None or self.peek is not None
