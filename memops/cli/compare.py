"""``memops compare``: whether growth fell after a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from memops.cli.options import as_paths, report_width

if TYPE_CHECKING:
    from pathlib import Path


@click.command("compare", short_help="Whether growth fell after a change, and how sure that is.")
@click.argument("files", nargs=-1, callback=as_paths, metavar="[FILE|DIR]...")
@click.option("--before", required=True, metavar="T1..T2", help="Dumps of then: 6h..2h before the "
              "newest, or ..2026-11-23T20:00.")  # fmt: skip
@click.option("--after", required=True, metavar="T3..T4",
              help="Dumps of then: 2h (the last two hours), or 2026-11-23T20:30..")  # fmt: skip
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
    is a heap dump, all of one host; DIR holds those of a host. Without any, everything that was
    collected is looked at.
    """
    from memops.cli.analyze import collected
    from memops.cli.lives import by_app, given_hosts, say, with_names
    from memops.profile.fleet.comparison import compare
    from memops.profile.fleet.lives import read_lives
    from memops.profile.growth.naming import Lexicon
    from memops.profile.growth.window import parse_range
    from memops.report.comparison import comparison_text
    from memops.report.lives_json import comparison_json
    from memops.report.view import View

    windows = [parse_range(before, "--before"), parse_range(after, "--after")]
    subjects = given_hosts(files) if files else collected(app, host, every_life=True)
    view, show = View(top, report_width()), comparison_json if as_json else comparison_text
    for at, (name, inputs) in enumerate(by_app(with_names(subjects, symbols, perf_map))):
        if at and not as_json:
            click.echo()
        lexicon = Lexicon()
        sides = [
            read_lives(inputs, window=each, keep_going=keep_going, lexicon=lexicon)
            for each in windows
        ]
        notes = dict.fromkeys(note for side in sides for note in side.notes)
        found = compare(name, sides[0].hosts, sides[1].hosts, list(notes))
        say(show(found, view))
