"""How a report is to look, where its format leaves a choice."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 100
"""Columns where there is no terminal: stable, so that outputs can be compared."""


@dataclass(frozen=True, slots=True)
class View:
    """The *top* functions only, in lines of at most *width* columns."""

    top: int = 10
    width: int = WIDTH
