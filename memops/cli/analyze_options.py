"""The options of ``memops analyze`` that choose what is shown of an analysis, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from memops.errors import UsageError

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from memops.profile.growth.filters import Filters
    from memops.profile.growth.window import Window
    from memops.report.view import View

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

SORTS = ("flat", "cumulative", "objects", "name")
GROUPINGS = ("function", "library", "thread", "size", "package")
UNITS = ("auto", "B", "KiB", "MiB", "GiB")


class Views(NamedTuple):
    """What to show, as the command line says."""

    focus: str | None = None
    ignore: str | None = None
    hide: str | None = None
    show_from: str | None = None
    sort: str = "flat"
    by: str = "function"
    unit: str = "auto"
    tree: bool = False
    min_share: str | None = None
    peek: str | None = None
    window: str | None = None

    def filters(self) -> Filters | None:
        """The filters of stacks, if there are any; raises `UsageError` for a wrong pattern."""
        if self.focus is self.ignore is self.hide is self.show_from is None:
            return None
        from memops.profile.growth.filters import Filters

        return Filters(*(
            None if text is None else _pattern(text, f"--{name}")
            for name, text in (("focus", self.focus), ("ignore", self.ignore),
                               ("hide", self.hide), ("show-from", self.show_from))
        ))  # fmt: skip

    def view(self, top: int, width: int) -> View:
        """How the report looks, in *width* columns; raises `UsageError` for what excludes itself."""
        from memops.report.view import View

        given = {"--tree": self.tree, "--peek": self.peek is not None,
                 f"--by {self.by}": self.by != "function"}  # fmt: skip
        asked = [name for name, is_given in given.items() if is_given]
        if len(asked) > 1:
            raise UsageError(asked[0], f"not together with {asked[1]}", "ask for one at a time")
        if self.min_share is not None and not self.tree:
            raise UsageError("--min-share", "there is no tree to be cut", "add --tree")
        share = _share(self.min_share or "1%") if self.tree else None
        peek = None if self.peek is None else _pattern(self.peek, "--peek")
        return View(top, width, self.unit, self.sort, self.by, share, peek)

    def period(self, since: str | None, until: str | None) -> Window | None:
        """The window of time of ``--window``, or of *since* and *until*, if there is one."""
        if not (self.window or since or until):
            return None
        from memops.profile.growth.window import Window, parse_range

        if self.window is None:
            return Window(since, until)
        if since or until:
            raise UsageError(
                "--window", "it is --since and --until in one", "give one or the other"
            )
        return parse_range(self.window, "--window")


view_options: list[Decorator] = [
    click.option("--window", metavar="T1..T2|2h", help="Dumps of this time; 2h: the last two hours."),
    click.option("--focus", metavar="REGEX", help="Only stacks with such a function or library."),
    click.option("--ignore", metavar="REGEX", help="No stacks with such a function or library."),
    click.option("--hide", metavar="REGEX", help="Stacks without such functions or libraries."),
    click.option("--show-from", metavar="REGEX", help="Stacks from the outermost such function on."),
    click.option("--by", type=click.Choice(GROUPINGS), default="function", show_default=True,
                 help="What a row of the table is."),
    click.option("--sort", type=click.Choice(SORTS), default="flat", show_default=True,
                 help="By own bytes, by bytes with callees, by own objects, by name."),
    click.option("--unit", type=click.Choice(UNITS), default="auto", show_default=True,
                 help="Of all sizes in the report for people."),
    click.option("--tree", is_flag=True, help="The call tree from the roots instead of the table."),
    click.option("--min-share", metavar="SHARE",
                 help="The least part of the whole in the tree.  [default: 1%]"),
    click.option("--peek", metavar="REGEX",
                 help="Callers and callees of such functions instead of the table."),
]  # fmt: skip


def viewed(command: Callable[..., Any]) -> Callable[..., Any]:
    """*command* with the options of this module."""
    for option in reversed(view_options):
        command = option(command)
    return command


def _pattern(text: str, name: str) -> re.Pattern[str]:
    from memops.profile.growth.filters import pattern

    return pattern(text, name)


def _share(text: str) -> float:
    """A share between 0 and 1 of ``1%`` or ``1``, which is a percentage too."""
    number = text.strip().removesuffix("%").strip()
    try:
        share = float(number) / 100
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        remedy = "write for example 1% or 0.5%"
        raise UsageError("--min-share", f"{text!r} is no share of the whole", remedy)
    return share
