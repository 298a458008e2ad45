"""Events as JSON: lines as they come, or one document at the end."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from threading import Lock
from typing import TYPE_CHECKING, Any

import click

from memops.model.event import Progress

if TYPE_CHECKING:
    from memops.cli.options import Outputs
    from memops.model.event import Event, Sink


class JsonLines:
    """A sink that prints every event as one line."""

    def __init__(self) -> None:
        self._lock = Lock()

    def __call__(self, event: Event) -> None:
        """Print *event*."""
        with self._lock:
            click.echo(json.dumps(plain(event)))


class Collected:
    """A sink that keeps every event but progress, for one document."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.events: list[dict[str, Any]] = []

    def __call__(self, event: Event) -> None:
        """Keep *event*."""
        if not isinstance(event, Progress):
            with self._lock:
                self.events.append(plain(event))


def plain(event: Event) -> dict[str, Any]:
    """*event* as JSON has it, its class under ``event``."""
    return {"event": type(event).__name__, **dataclasses.asdict(event)}


class Steady:
    """A sink that outlives its reader: work on hosts goes on when ``| head`` has seen enough."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __call__(self, event: Event) -> None:
        """Show *event*, or nothing from now on."""
        try:
            self._sink(event)
        except BrokenPipeError:
            quiet = os.open(os.devnull, os.O_WRONLY)
            for stream in (sys.stdout, sys.stderr):
                os.dup2(quiet, stream.fileno())


def sink_for(outputs: Outputs, *, check: bool = False, diff: bool = False) -> Sink:
    """The sink that *outputs* asks for."""
    if outputs.as_json:
        return Collected()
    if outputs.as_jsonl:
        return Steady(JsonLines())
    from memops.cli.terminal import Terminal

    terminal = Terminal(check=check, diff=diff, verbose=outputs.verbose, color=outputs.color)
    return Steady(terminal)


def finish(sink: Sink, **document: object) -> None:
    """Print the one document of ``--json``, with *document* in front of the events."""
    if isinstance(sink, Collected):
        click.echo(json.dumps({**document, "events": sink.events}, indent=2, default=str))
