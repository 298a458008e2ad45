"""``memops analyze``: which function's memory grows, in heap files from anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from memops.cli.analyze_options import Views, viewed
from memops.cli.exports import OF_SEVERAL, Exports, write
from memops.cli.lives import Several, is_fleet, several_options, with_names
from memops.cli.memory import given_files, given_hosts, inspected
from memops.cli.options import as_paths as _paths
from memops.cli.options import report_width as _width
from memops.cli.options import take
from memops.cli.push import push, push_options, target
from memops.cli.stored import Wanted, every_life, newest_lives
from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from memops.cli.push import Target
    from memops.profile.growth.window import Window
    from memops.profile.study import Inputs, Study

TYPED = "memops.analyze.typed"
"""Under which a context keeps the words that were typed."""


class _Command(click.Command):
    """A command that keeps the words it was given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep *args*, and read them as ever."""
        ctx.meta[TYPED] = list(args)
        return super().parse_args(ctx, args)


@click.command("analyze", cls=_Command, short_help="Name the functions whose memory grows.")
@click.argument("files", nargs=-1, callback=_paths, metavar="[FILE|DIR]...")
@click.option(
    "--top", default=10, show_default=True, help="Rows of the table, functions of --peek."
)
@click.option(
    "--json", "style", flag_value="json", help="Everything, an object a line, for programs."
)
@click.option(
    "--folded", "style", flag_value="folded", help="root;...;leaf bytes, for flame graphs."
)
@click.option("--jeprof", "style", flag_value="jeprof", help="The table of jeprof --text.")
@click.option("--html", callback=_paths, metavar="FILE",
              help="Write one page with all of it too, for any browser.")  # fmt: skip
@click.option("--pprof", callback=_paths, metavar="FILE",
              help="Write profile.proto too: go tool pprof, Pyroscope, Parca.")  # fmt: skip
@click.option("--speedscope", callback=_paths, metavar="FILE", help="Write speedscope's JSON too.")
@click.option("--svg", callback=_paths, metavar="FILE", help="Write a flame graph too.")
@click.option("--csv", callback=_paths, metavar="FILE", help="Write the stacks as a table too.")
@click.option("--base", callback=_paths, metavar="FILE", help="Growth since this dump.")
@click.option("--pid", type=int, help="This process rather than the largest.")
@click.option("--symbols", multiple=True, callback=_paths, metavar="DIR",
              help="ELF files by build-id, path or name; / trusts this machine's.")  # fmt: skip
@click.option("--perf-map", multiple=True, callback=_paths, metavar="FILE",
              help="Names of JIT code, by the map nearest in time to each dump.")  # fmt: skip
@click.option(
    "--since", metavar="TIME", help="Dumps from then on: 2h before the newest, or a time."
)
@click.option("--until", metavar="TIME", help="Dumps until then.")
@viewed
@push_options
@several_options
@click.option("--keep-going", is_flag=True, help="Leave broken files out, and say so.")
@click.option("--app", help="Of what was collected, this app only (app+program: a child of it).")
@click.option("--host", help="Of what was collected, this host only.")
def command(
    files: list[Path],
    top: int,
    style: str | None,
    base: Path | None,
    pid: int | None,
    symbols: list[Path],
    perf_map: list[Path],
    since: str | None,
    until: str | None,
    keep_going: bool,  # noqa: FBT001 - click passes it by name
    app: str | None,
    host: str | None,
    **more: Any,
) -> None:
    """Compare the last heap dump of a process with its first, or show what a single one holds.

    FILE is a jemalloc heap dump (.heap, also gzipped), DIR a directory of them. Other files may stand
    beside them or alone, in any order: smaps, status, pmap, NMT, VM.info, cgroup files...; they tell
    where the memory is. Without any, what was collected last of each app and host is analysed; an app
    on several hosts, or several DIR, are told of as one fleet. No inventory and no network is needed.
    """
    import gc
    import shlex

    gc.disable()  # all that is read stays to the end, and looking it through takes a third of the time
    push_to = target(more.pop("push"), more.pop("push_credentials"))
    views, several = take(Views, more), take(Several, more)
    written = {name: path for name, path in more.items() if path}
    window = views.period(since, until)
    asked = of_one_process(
        style, [*written, *(["push"] if push_to else [])], views, pid=pid, base=base
    )
    alone = next((each for each in asked if each not in OF_SEVERAL), "")
    if several.across_restarts and asked:
        raise UsageError("--across-restarts", f"is about several lives, and {asked[0]} about one",
                         "leave one of them out")  # fmt: skip
    found = chosen(
        files, Wanted("analyze", app, host), several, alone, window=window, keep_going=keep_going
    )
    given = with_names(found, symbols, perf_map)
    rest = several.show(given, views.view(top, _width()), style or "text", window=window,
                        keep_going=keep_going, alone=alone,
                        exports=Exports(written, style == "folded", several.host_frames))  # fmt: skip
    show(
        rest,
        style=style or "text",
        top=top,
        pid=pid,
        base=base,
        keep_going=keep_going,
        window=window,
        written=written,
        views=views,
        push_to=push_to,
        typed=shlex.join(["memops", "analyze", *click.get_current_context().meta[TYPED]]),
    )


def of_one_process(
    style: str | None, written: Sequence[str], views: Views, *, pid: int | None, base: Path | None
) -> list[str]:
    """The options that ask for one process rather than a report on several lives."""
    usual = Views(window=views.window, unit=views.unit)
    asked = {f"--{style}": style not in {None, "json"}, "--pid": pid is not None,
             "--base": base is not None, **{f"--{name}": True for name in written},
             **{f"--{name.replace('_', '-')}": given != getattr(usual, name)
                for name, given in views._asdict().items()}}  # fmt: skip
    return [name for name, given in asked.items() if given]


def chosen(
    files: Sequence[Path],
    wanted: Wanted,
    several: Several,
    alone: str,
    *,
    window: Window | None,
    keep_going: bool,
) -> list[Inputs]:
    """What the command line is about: one process, or the lives and hosts of a fleet.

    *alone* is the option that asks for one process: of several hosts each is told of alone, but for
    a pid and a base, which say which process it is.
    """
    if not files:
        if several.across_restarts:
            return every_life(wanted, profiled=True)
        return newest_lives(wanted, window, fleets=not (alone or several.each))
    if several.across_restarts or (is_fleet(files) and alone not in {"--pid", "--base"}):
        return given_hosts(files, keep_going=keep_going)
    groups = [[path] for path in files] if several.each else [files]
    return [given_files(group, keep_going=keep_going) for group in groups]


def show(
    subjects: Sequence[Inputs],
    *,
    style: str = "text",
    top: int = 10,
    pid: int | None = None,
    base: Path | None = None,
    keep_going: bool = False,
    window: Window | None = None,
    written: Mapping[str, Path] | None = None,
    views: Views | None = None,
    push_to: Target | None = None,
    typed: str = "",
) -> None:
    """Print a report on each of *subjects*, and push it; of one alone, write files by format.

    *typed* is the command, for reports that say where they come from.
    """
    import sys
    import time

    from memops.profile.study import study
    from memops.report import FORMATS
    from memops.report.safe import encodable

    single = [name for name in written or () if name != "html"]
    if single and len(subjects) > 1:
        owners = ", ".join(" on ".join(filter(None, (each.app, each.host))) for each in subjects)
        what = f"one file cannot hold all of {owners}"
        raise UsageError(f"--{single[0]}", what, "choose one by --app and --host")
    style = "terminal" if style == "text" and sys.stdout.isatty() else style
    views = views or Views()
    view = views.view(top, _width())._replace(command=typed, made=time.time())
    filters = views.filters()
    studies: list[Study] = []
    for at, each in enumerate(subjects):
        if at and style in {"text", "terminal"}:
            click.echo()
        if not each.dumps:
            told = inspected(each, style, view, written, window=window, keep_going=keep_going)
            click.echo(encodable(told, sys.stdout.encoding or "utf-8"), nl=False)
            continue
        found = study(
            each, pid=pid, base=base, keep_going=keep_going, window=window, filters=filters
        )
        click.echo(encodable(FORMATS[style](found, view), sys.stdout.encoding or "utf-8"), nl=False)
        studies.append(found)
        for name in single:
            write(name, (written or {})[name], _files().FILES[name](found, view))
        if push_to:
            click.echo(push(found, push_to), err=True)
    for name, path in (written or {}).items():
        if name not in single and studies:
            write(name, path, _files().PAGES[name](studies, view))


def _files() -> ModuleType:
    """The reports that go into files, of which most commands write none."""
    from memops.report import files

    return files
