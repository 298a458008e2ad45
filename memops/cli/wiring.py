"""Where the pieces meet: a command's options become an inventory, a fleet and a run."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memops.errors import UsageError
from memops.model.event import Note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from memops.cli.options import Targets
    from memops.engine.connections import Connections
    from memops.engine.journal import Record
    from memops.engine.options import Fleet, RunOptions
    from memops.inventory.inventory import Inventory
    from memops.model.app import App
    from memops.model.event import HostEnded, Sink
    from memops.model.host import Become, Host
    from memops.playbook.play import Play
    from memops.recipes.kitchen import Kitchen
    from memops.secret import Secret
    from memops.store import Store


@dataclass(frozen=True, slots=True)
class AppChoice:
    """Which app a command is about: one of the inventory's, or one described on the command line."""

    app: str | None = None
    unit: str | None = None
    script: str | None = None
    pid_file: str | None = None
    process: str | None = None
    launch_file: str | None = None
    shape: str | None = None

    def described(self) -> App | None:
        """The app that the command line describes by itself, if it does."""
        from memops.model.app import App

        if not (self.unit or self.script or self.process):
            return None
        found = self.unit or self.script or self.process or ""
        name = self.app or Path(found).name.removesuffix(".service")
        if self.script and not self.pid_file:
            raise UsageError("--script", "does not say which process", "add --pid-file")
        shape: Any = self.shape or ("dropin" if self.unit else "script")
        launch = self.launch_file or (self.script if shape == "script" else None)
        return App(
            name, unit=self.unit, script=self.script, pid_file=self.pid_file,
            process=self.process, shape=shape, launch_file=launch,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    """The inventory, the chosen hosts and the connections of one command."""

    inventory: Inventory
    targets: Targets
    connections: Connections
    password: Secret | None
    extra: Mapping[str, Any]

    def select(self, pattern: str | None = None) -> tuple[str, ...]:
        """The hosts of *pattern*, or of ``--hosts``, within ``--limit``."""
        return self.inventory.select(pattern or self.targets.hosts, self.targets.limit)

    def host(self, name: str) -> Host:
        """How to reach the host *name*."""
        from memops.inventory.connection import ConnectionOverrides
        from memops.playbook.template import render_value

        given = self.targets
        overrides = ConnectionOverrides(
            user=given.user,
            key_file=given.private_key,
            become=given.become,
            become_user=given.become_user,
            become_method=given.become_method,  # type: ignore[arg-type]
            become_password=self.password,
        )
        return self.inventory.connection(name, overrides, render_value)

    def acting(self, host: Host) -> Become | None:
        """As whom memops works on *host*: root, as its shipped playbooks do, unless told otherwise.

        Who logs in as root needs not become anything.
        """
        from memops.model.host import Become

        if self.targets.become is False or host.user == "root":
            return None
        return host.become or Become(password=self.password)

    def apps(self, name: str, choice: AppChoice) -> Mapping[str, App]:
        """The apps of the host *name* that *choice* leaves."""
        from memops.inventory.apps import parse_apps
        from memops.playbook.template import render_value

        described = choice.described()
        if described is not None:
            return {described.name: described}
        apps = parse_apps(self.inventory.vars(name), render_value)
        if choice.app is None:
            return apps
        if choice.app not in apps:
            known = ", ".join(sorted(apps)) or "none"
            raise UsageError(
                name, f"has no app {choice.app!r} (known: {known})",
                "describe it under memops_apps, or give --unit or --script",
            )  # fmt: skip
        return {choice.app: apps[choice.app]}

    def require_apps(self, choice: AppChoice) -> None:
        """Refuse when a chosen host has no app: nothing would be done there, and nobody told."""
        for name in self.select():
            if not self.apps(name, choice):
                raise UsageError(
                    name, "has no app", "describe it under memops_apps, or give --unit or --script"
                )


def world(targets: Targets) -> World:
    """The world that *targets* describe; nothing is connected yet."""
    from memops.cli.inventory import default_sources
    from memops.engine.connections import Connections
    from memops.inventory.extra import parse_extra
    from memops.inventory.inventory import load
    from memops.transport.open import connect

    extra = parse_extra(targets.extra_vars)
    options = connect_options(targets)
    return World(
        load(targets.inventory or default_sources(), extra=extra),
        targets,
        Connections(lambda host: connect(host, options)),
        _password() if targets.ask_become_pass else None,
        extra,
    )


def connect_options(targets: Targets) -> Any:
    """How to connect, as the command line and the environment say."""
    from memops.model.host import ConnectOptions

    known = os.environ.get("MEMOPS_KNOWN_HOSTS")
    config = os.environ.get("MEMOPS_SSH_CONFIG")
    return ConnectOptions(
        timeout=targets.timeout,
        accept_new_host_keys=targets.accept_new_host_keys,
        known_hosts=(Path(known),) if known else (),
        ssh_config=Path(config) if config else None,
    )


def run_playbook(
    name: str,
    given: World,
    options: RunOptions,
    sink: Sink,
    *,
    choice: AppChoice | None = None,
    kitchen: Kitchen | None = None,
    variables: Mapping[str, Any] | None = None,
) -> tuple[HostEnded, ...]:
    """Run the playbook *name* (a path, or one that is shipped) over *given*."""
    from memops import playbook
    from memops.engine.bind import Binder, signatures
    from memops.engine.fleet import run_plays
    from memops.store import Store

    path = find_playbook(name)
    given = replace(given, inventory=given.inventory.beside(path.parent))
    extra = {**(variables or {}), **given.extra}
    plays: Sequence[Play] = playbook.load(path, signatures(), extra)
    with Store.open() as store:
        fleet = _fleet(given, choice or AppChoice(), extra, sink, store, kitchen)
        fleet = replace(fleet, tasks=Binder(options.run, store, path.parent))
        return run_plays(plays, fleet, replace(options, playbook=path.name))


def find_playbook(name: str) -> Path:
    """The playbook file *name*: as it stands, else in the project, else shipped."""
    from memops import data

    path = Path(name)
    if path.is_file():
        return path
    if path.parent != Path():  # a path that is mistyped must not run another file of that name
        raise UsageError(name, "no such playbook", "check the path")
    return data.find("playbooks", path.name)


def _fleet(
    given: World, choice: AppChoice, extra: Mapping[str, Any], sink: Sink, store: Store,
    kitchen: Kitchen | None,
) -> Fleet:  # fmt: skip
    from memops import recipes
    from memops.engine.apply import Hands
    from memops.engine.bind import Binder
    from memops.engine.collect import bring
    from memops.engine.options import Fleet
    from memops.recipes.kitchen import kitchen as default_kitchen

    @cache
    def apps(name: str) -> Mapping[str, App]:
        return given.apps(name, choice)

    def variables(name: str) -> Mapping[str, Any]:
        found = {**given.inventory.vars(name), **given.inventory.magic(name)}
        return {**found, "app_names": list(apps(name))}

    def make(recipe: Any, session: Any, to: Sink) -> Any:
        return recipes.make(recipe, session, kitchen or default_kitchen(), to)

    return Fleet(
        select=given.select,
        host=given.host,
        variables=variables,
        apps=apps,
        connections=given.connections,
        tasks=Binder("", store),
        hands=Hands(make, lambda session, fetches, to: bring(session, fetches, store, to)),
        sink=sink,
        extra=extra,
    )


def collect_before_undo(here: World, name: str, records: Sequence[Record], sink: Sink) -> None:
    """Bring home what the apps of *records* on the host *name* have written and nobody collected."""
    from memops.engine import journal
    from memops.engine.apply import Applier, Hands
    from memops.engine.bind import Binder
    from memops.engine.collect import bring
    from memops.engine.journal import Journal
    from memops.engine.probe import Reader, Remembering
    from memops.store import Store

    apps = dict.fromkeys(app for record in records for app in record.apps)
    if not apps:
        return
    host = here.host(name)
    session = here.connections.to(host).session(here.acting(host))
    place = Reader(session)(journal.place())
    with Store.open() as store:
        hands = Hands(_no_recipes, lambda to, fetches, out: bring(to, fetches, store, out))
        applier = Applier(
            Remembering(session), Journal(session, place, records[0].header), hands, sink
        )
        binder = Binder("", store)
        for app in apps:
            task = binder("snapshot", name, place.root, {})
            result = applier.apply("collect", task, {"app": app, "memory_files": False})
            heaps = result.registered.get("heaps", 0)
            if heaps:
                sink(Note(name, f"{heaps} heap profiles of {app.name} brought home", "warning"))


def _no_recipes(*_: object) -> Any:
    raise UsageError("collect", "makes no recipes")


def _password() -> Secret:
    """The password of become: asked for on a terminal, else the first line of standard input."""
    from memops.secret import Secret

    if sys.stdin.isatty():
        import getpass

        return Secret(getpass.getpass("become password: "))
    return Secret(sys.stdin.readline().rstrip("\n"))


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal before something that hurts; without one, or with ``--yes``, go on."""
    if yes or not sys.stdin.isatty():
        return
    import click

    click.confirm(question, abort=True, err=True)
