"""``memops analyze``: which function's memory grows, in heap files from anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from memops.profile.study import Inputs


def _paths(_context: click.Context, _parameter: click.Parameter, value: object) -> object:
    """Texts of the command line as paths; pathlib takes its time, so only here."""
    from pathlib import Path

    if isinstance(value, tuple):
        return [Path(each) for each in value]
    return Path(str(value)) if value is not None else None


def command(store_inputs: Callable[[], Sequence[Inputs]] | None = None) -> click.Command:
    """The command; *store_inputs* gives the newest collection of each app and host.

    It is called when no files are named. Without it, files must be named.
    """

    @click.command("analyze", short_help="Name the functions whose memory grows.")
    @click.argument("files", nargs=-1, callback=_paths, metavar="[FILE|DIR]...")
    @click.option("--top", default=10, show_default=True, help="Functions in the table.")
    @click.option("--json", "style", flag_value="json", help="Everything, for programs.")
    @click.option("--folded", "style", flag_value="folded", help="root;...;leaf bytes a line.")
    @click.option("--base", callback=_paths, metavar="FILE", help="Growth since this dump.")
    @click.option("--pid", type=int, help="This process rather than the largest.")
    @click.option("--symbols", multiple=True, callback=_paths, metavar="DIR",
                  help="ELF files by build-id, path or name; / trusts this machine's.")  # fmt: skip
    @click.option("--perf-map", multiple=True, callback=_paths, metavar="FILE",
                  help="Names of JIT code, the oldest map first.")  # fmt: skip
    def analyze(
        files: list[Path],
        top: int,
        style: str | None,
        base: Path | None,
        pid: int | None,
        symbols: list[Path],
        perf_map: list[Path],
    ) -> None:
        """Compare the last heap dump of a process with its first, or show what one holds.

        FILE is a jemalloc heap dump (.heap, also gzipped), DIR a directory of them. Without
        any, the newest collection in the store is analysed. The files alone decide: no
        inventory and no network is needed.
        """
        from dataclasses import replace

        if files:
            from memops.profile.study import Inputs

            subjects: Sequence[Inputs] = [Inputs(files)]
        else:
            subjects = store_inputs() if store_inputs else []
        subjects = [
            replace(each, symbols=[*each.symbols, *symbols], perf_maps=[*each.perf_maps, *perf_map])
            for each in subjects
        ]
        show(subjects, style=style or "text", top=top, pid=pid, base=base)

    return analyze


def show(
    subjects: Sequence[Inputs],
    *,
    style: str = "text",
    top: int = 10,
    pid: int | None = None,
    base: Path | None = None,
) -> None:
    """Print a report on each of *subjects*; raises `UsageError` when there is none."""
    from memops.profile.study import study
    from memops.report import FORMATS
    from memops.report.view import View

    if not subjects:
        raise UsageError("analyze", "nothing was collected yet", "memops collect, or name files")
    view = View(top, _width())
    for at, each in enumerate(subjects):
        if at and style == "text":
            click.echo()
        click.echo(FORMATS[style](study(each, pid=pid, base=base), view), nl=False)


def _width() -> int:
    """The terminal's columns, or a stable width where the output goes elsewhere."""
    import shutil
    import sys

    from memops.report.view import WIDTH

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH
