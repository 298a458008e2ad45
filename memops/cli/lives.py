"""The lives that a command is about, and the reports on several of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from memops.cli.exports import Exports
    from memops.profile.growth.window import Window
    from memops.profile.study import Inputs
    from memops.report.view import View

_HEAPS = ("*.heap", "*.heap.gz", "*.heap.zst")


class Several(NamedTuple):
    """What ``memops analyze`` says of several lives and hosts."""

    across_restarts: bool = False
    each: bool = False
    label: tuple[str, ...] = ()
    host_frames: bool = False

    @property
    def labels(self) -> dict[str, dict[str, str]]:
        """The label of each host; raises `UsageError` for one that says no host."""
        found = {}
        for text in self.label:
            host, equals, value = text.partition("=")
            if not (host and equals and value):
                raise UsageError("--label", f"{text!r} labels no host", "write web-1=canary")
            found[host] = {"label": value}
        return found

    def show(
        self,
        subjects: Sequence[Inputs],
        view: View,
        style: str,
        *,
        window: Window | None,
        keep_going: bool,
        alone: str,
        exports: Exports,
    ) -> list[Inputs]:
        """Print the reports on what are several lives or hosts; what is left to be told of alone."""
        if self.across_restarts:
            show_restarts(subjects, view, style, window=window, keep_going=keep_going)
            return []
        fleets = [] if self.each or alone else list(filter(_has_hosts, by_app(subjects)))
        told = [each for _, inputs in fleets for each in inputs]
        rest = sorted((each for each in subjects if each not in told), key=lambda e: not e.dumps)
        if self.host_frames and not (fleets and (exports.written or exports.folded)):
            raise UsageError("--host-frames", "there are no stacks of several hosts to write",
                             "give --folded, --svg, --speedscope, --csv or --html of several hosts")  # fmt: skip
        if fleets:
            exports.one_app_only([*(app for app, _ in fleets), *(each.app for each in rest)])
        show_fleets(fleets, self.labels, view, style, window=window, keep_going=keep_going,
                    exports=exports)  # fmt: skip
        if fleets and rest:
            _gap(1, style)
        return rest


def several_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that `Several` takes."""
    for option in (
        click.option("--label", multiple=True, metavar="HOST=TEXT",
                     help="A release, say: told if just those hosts grow that have it; repeatable."),
        click.option("--each", is_flag=True,
                     help="A report on each host, where several give one on all of them."),
        click.option("--host-frames", is_flag=True,
                     help="The host below its stacks in flame graphs and tables of several."),
        click.option("--across-restarts", is_flag=True,
                     help="The lives of each host side by side: what grows in every one."),
    ):  # fmt: skip
        command = option(command)
    return command


def is_fleet(files: Sequence[Path]) -> bool:
    """Whether *files* are directories of several hosts, with dumps in each."""
    places = dict.fromkeys(files)
    return len(places) > 1 and all(
        path.is_dir() and any(any(path.rglob(name)) for name in _HEAPS) for path in places
    )


def show_fleets(
    apps: Sequence[tuple[str, list[Inputs]]],
    labels: dict[str, dict[str, str]],
    view: View,
    style: str,
    *,
    window: Window | None,
    keep_going: bool,
    exports: Exports,
) -> None:
    """Print a report on each of *apps*, over all its hosts, and write what they have together."""
    if not apps:
        return
    from dataclasses import replace

    from memops.profile.fleet.fleet import fleet
    from memops.profile.fleet.lives import read_lives
    from memops.report.fleet import fleet_text
    from memops.report.lives_json import fleet_json

    for at, (app, inputs) in enumerate(apps):
        _gap(at, style)
        read = read_lives(inputs, window=window, keep_going=keep_going)
        found = fleet(app, read.hosts, labels, read.notes)
        folded = exports.export(found.hosts, inputs, view, window=window, keep_going=keep_going)
        if exports.folded:
            say(folded)
            continue
        if any(each.memory for each in inputs):
            from memops.profile.fleet.memory import memory_of
            from memops.profile.fleet.resident import read_resident

            rss = read_resident(inputs, window=window, keep_going=keep_going)
            memory = memory_of(found.hosts, rss.hosts, inputs, keep_going=keep_going)
            found = replace(found, memory=memory, notes=(*found.notes, *rss.notes))
        say((fleet_json if style == "json" else fleet_text)(found, view))


def show_restarts(
    subjects: Sequence[Inputs],
    view: View,
    style: str,
    *,
    window: Window | None,
    keep_going: bool,
) -> None:
    """Print a report on each app and host in *subjects*, over its lives."""
    from memops.profile.fleet.lives import read_lives
    from memops.profile.fleet.restarts import restarts
    from memops.report.lives_json import restarts_json
    from memops.report.restarts import restarts_text

    shown = 0
    for app, inputs in by_app(subjects):
        read = read_lives(inputs, window=window, keep_going=keep_going)
        for host in read.hosts:
            _gap(shown, style)
            found = restarts(app, host, read.notes if host is read.hosts[0] else ())
            say((restarts_json if style == "json" else restarts_text)(found, view))
            shown += 1


def _has_hosts(app: tuple[str, Sequence[Inputs]]) -> bool:
    """Whether there are dumps of several hosts of *app*."""
    return len({each.host for each in app[1] if each.dumps}) > 1


def by_app(subjects: Iterable[Inputs]) -> list[tuple[str, list[Inputs]]]:
    """*subjects* by the app they are of, in their order."""
    apps: dict[str, list[Inputs]] = {}
    for each in subjects:
        apps.setdefault(each.app, []).append(each)
    return list(apps.items())


def say(text: str) -> None:
    """Print *text* as far as standard output can write it."""
    import sys

    from memops.report.safe import encodable

    click.echo(encodable(text, sys.stdout.encoding), nl=False)


def _gap(at: int, style: str) -> None:
    if at and style not in {"json", "folded"}:
        click.echo()


def with_names(
    subjects: Iterable[Inputs], symbols: Sequence[Path], perf_maps: Sequence[Path]
) -> list[Inputs]:
    """*subjects* with the places in which the user has names, too."""
    from pathlib import Path

    kept = _kept_lines()
    return [
        each._replace(
            symbols=[*symbols, *each.symbols, Path("/usr/lib/debug")],
            kept=kept,
            perf_maps=[*each.perf_maps, *perf_maps],
        )
        for each in subjects
    ]


def _kept_lines() -> Path | None:
    """Where lines of debug information are kept, if the extra that reads them is there."""
    from memops.profile.symbols.dwarf import installed

    if not installed():
        return None
    from platformdirs import user_cache_path

    return user_cache_path("memops") / "lines"
