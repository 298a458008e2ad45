"""``memops compare``: whether growth fell after a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from memops.cli.options import as_paths, report_width
from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from memops.profile.growth.window import Window
    from memops.profile.study import Inputs
    from memops.report.view import View


@click.command("compare", short_help="Whether growth fell after a change, and how sure that is.")
@click.argument("files", nargs=-1, callback=as_paths, metavar="[FILE|DIR]...")
@click.option("--before", required=True, metavar="T1..T2", help="Files of then: 6h..2h before the "
              "newest, or ..2026-11-23T20:00.")  # fmt: skip
@click.option("--after", required=True, metavar="T3..T4",
              help="Files of then: 2h (the last two hours), or 2026-11-23T20:30..")  # fmt: skip
@click.option("--top", default=10, show_default=True, help="Hosts and functions in the tables.")
@click.option("--json", "as_json", is_flag=True, help="Everything, an object a line, for programs.")
@click.option("--symbols", multiple=True, callback=as_paths, metavar="DIR",
              help="ELF files by build-id, path or name; / trusts this machine's.")  # fmt: skip
@click.option("--perf-map", multiple=True, callback=as_paths, metavar="FILE",
              help="Names of JIT code; the oldest map first.")  # fmt: skip
@click.option("--keep-going", is_flag=True, help="Leave broken files out, and say so.")
@click.option("--app", help="Of what was collected, this app only.")
@click.option("--host", help="Of what was collected, this host only.")
def command(
    files: list[Path],
    before: str,
    after: str,
    top: int,
    as_json: bool,  # noqa: FBT001 - click passes it by name
    symbols: list[Path],
    perf_map: list[Path],
    keep_going: bool,  # noqa: FBT001 - click passes it by name
    app: str | None,
    host: str | None,
) -> None:
    """Compare how fast memory grows in two windows of time, per host, per function, and in all.

    Restarts in a window are normal: the lives in it are told apart, and their growth is pooled. FILE
    is a heap dump or a file that tells of memory (smaps_rollup, status, smaps, pmap -x), all of one host;
    DIR holds those of a host. Without any, everything that was collected is looked at. The RSS stands
    beside the live bytes where files tell it, and alone where there are no heap dumps.
    """
    from memops.cli.lives import by_app, say, with_names
    from memops.cli.memory import given_hosts
    from memops.cli.stored import Wanted, every_life
    from memops.profile.growth.window import parse_range
    from memops.report.view import View

    windows = [parse_range(before, "--before"), parse_range(after, "--after")]
    subjects = (
        given_hosts(files, keep_going=keep_going)
        if files
        else every_life(Wanted("compare", app, host))
    )
    view = View(top, report_width())
    apps = by_app(with_names(subjects, symbols, perf_map))
    told = [each for each in apps if _is_told(each[1], windows)]
    for at, (name, inputs) in enumerate(told or apps):
        if at and not as_json:
            click.echo()
        say(_compared(name, inputs, windows, view, as_json=as_json, keep_going=keep_going))


def _is_told(inputs: Sequence[Inputs], windows: Sequence[Window]) -> bool:
    """Whether both *windows* have heap dumps in *inputs*, or both have files of memory."""
    from memops.profile.fleet.lives import has_dumps
    from memops.profile.inspection import within
    from memops.profile.study import newest

    latest = newest(inputs)
    return all(has_dumps(inputs, each) for each in windows) or all(
        any(within(one, each, latest).memory for one in inputs) for each in windows
    )


def _compared(
    name: str,
    inputs: Sequence[Inputs],
    windows: Sequence[Window],
    view: View,
    *,
    as_json: bool,
    keep_going: bool,
) -> str:
    """The report on the app *name*: of the live bytes where both *windows* have dumps, else of RSS."""
    from memops.profile.fleet.comparison import compare, compare_resident
    from memops.profile.fleet.lives import has_dumps, read_lives
    from memops.profile.fleet.resident import read_resident
    from memops.profile.growth.naming import Lexicon
    from memops.report.comparison import comparison_text
    from memops.report.lives_json import comparison_json, resident_json
    from memops.report.resident import resident_text

    rss = [read_resident(inputs, window=each, keep_going=keep_going) for each in windows]
    notes = dict.fromkeys(note for side in rss for note in side.notes)
    bare = [each for each in windows if not has_dumps(inputs, each)]
    alone = bare and all(side.hosts for side in rss)
    if alone and any(each.dumps for each in inputs):
        which = " and ".join(each.name for each in bare)
        notes[f"no heap dump was written in {which}, so this is of the RSS alone"] = None
    if alone or not any(each.dumps for each in inputs):
        if not any(side.hosts for side in rss):
            raise UsageError("compare", "no heap dump and no file that tells the RSS of that time",
                             "give smaps_rollup, status, smaps or pmap -x files")  # fmt: skip
        told = compare_resident(name, rss[0].hosts, rss[1].hosts, list(notes))
        return (resident_json if as_json else resident_text)(told, view)
    beside = (
        compare_resident(name, rss[0].hosts, rss[1].hosts) if any(s.hosts for s in rss) else None
    )
    lexicon = Lexicon()
    sides = [
        read_lives(inputs, window=each, keep_going=keep_going, lexicon=lexicon) for each in windows
    ]
    notes |= dict.fromkeys(note for side in sides for note in side.notes)
    found = compare(name, sides[0].hosts, sides[1].hosts, list(notes), beside)
    return (comparison_json if as_json else comparison_text)(found, view)
