"""One host through one play: its tasks in order, its proof, and its rollback when it fails."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from memops import yaml
from memops.engine import identity
from memops.engine import journal as journals
from memops.engine.apply import Applier
from memops.engine.expiry import arm
from memops.engine.probe import Reader, Remembering
from memops.engine.rollback import roll_back
from memops.engine.settle import Before, before, prove
from memops.errors import HostError, MemopsError, Unreachable, UsageError
from memops.model.action import Run
from memops.model.app import App
from memops.model.event import HostEnded, Note, TaskEnded
from memops.playbook.arguments import decode
from memops.playbook.select import selected
from memops.playbook.template import condition, from_host, render_value
from memops.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from threading import Event as Flag

    from memops.engine.apply import Result
    from memops.engine.options import Fleet, RunOptions
    from memops.model.event import Outcome
    from memops.model.host import Become, Host
    from memops.playbook.play import Play, Use
    from memops.transport.base import Connection


@dataclass(slots=True)
class HostRun:
    """What a run knows of one host: its counts, its registered results, its journals."""

    host: Host
    fleet: Fleet
    options: RunOptions
    stop: Flag
    counts: dict[str, int] = field(default_factory=dict)
    registered: dict[str, Any] = field(default_factory=dict)
    appliers: dict[Become | None, Applier] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether the host is out of the run."""
        return bool(self.counts.get("failed") or self.counts.get("unreachable"))

    def play(self, play: Play) -> None:
        """Take the host through *play*; a failure ends the host, never the others."""
        for use in play.tasks:
            if self.failed or self.stop.is_set():
                break
            if not selected(use.tags + play.tags, self.options.tags, self.options.skip_tags):
                continue
            self._guarded(play, use)
        if not self.failed:
            self._expire()
            self.release()

    def _expire(self) -> None:
        """Let the host undo its runs by itself after a while, if the operator wants that."""
        seconds = self.options.expire_after
        wanted = seconds is not None or self.options.extend
        if not wanted or self.options.check or self.stop.is_set():
            return
        for applier in self.appliers.values():
            if runs := arm(applier.session, applier.journal.place, seconds):
                when = format_duration(seconds) if seconds is not None else "its own time, anew"
                text = f"undoes {', '.join(runs)} by itself in {when}"
                self.fleet.sink(Note(self.host.name, text, "warning"))

    def recap(self) -> HostEnded:
        """The line that says how the host fared."""
        return HostEnded(self.host.name, **self.counts)

    def release(self) -> None:
        """Give back the locks, as far as the host can still be reached."""
        for applier in self.appliers.values():
            try:
                applier.close()
            except MemopsError as error:
                self.fleet.sink(Note(self.host.name, f"the lock stays: {error}", "warning"))

    def undo(self) -> None:
        """Roll back what this run did to the host, and settle its apps."""
        self.release()
        for become, applier in reversed(self.appliers.items()):
            journal = applier.journal
            if not journal.tasks or self.options.check:
                continue
            self._undo(become, journal)
        self.appliers.clear()

    def _undo(self, become: Become | None, journal: journals.Journal) -> None:
        name, began = f"rollback {self.options.run}", time.monotonic()
        try:
            connection = self.fleet.connections.to(self.host)
            roll_back(
                connection, become, journal.place, journal.record(), journal.header, self.fleet.sink
            )
        except MemopsError as error:
            self.fleet.sink(TaskEnded(self.host.name, name, "failed", str(error)))
            remedy = f"memops rollback --hosts {self.host.name} --run {self.options.run}"
            self.fleet.sink(Note(self.host.name, f"not rolled back; later: {remedy}", "error"))
            return
        self._count("rolledback")
        seconds = time.monotonic() - began
        self.fleet.sink(TaskEnded(self.host.name, name, "rolledback", "", seconds))

    def _guarded(self, play: Play, use: Use) -> None:
        began = time.monotonic()
        try:
            outcome, detail = self._use(play, use)
        except Unreachable as error:
            self.fleet.connections.drop(self.host)
            outcome, detail = "unreachable", str(error)
        except MemopsError as error:
            outcome, detail = ("ignored" if use.ignore_errors else "failed"), self._told(error)
        self._count(outcome)
        seconds = time.monotonic() - began
        self.fleet.sink(TaskEnded(self.host.name, use.name, outcome, detail, seconds))
        if self.stop.is_set():  # the operator decides what becomes of it
            return
        if outcome == "failed" and self.options.on_failure != "keep":
            self.undo()
        elif outcome == "unreachable" and any(
            each.journal.tasks for each in self.appliers.values()
        ):
            remedy = f"memops rollback --hosts {self.host.name} --run {self.options.run}"
            self.fleet.sink(Note(self.host.name, f"once it is back: {remedy}", "error"))

    def _told(self, error: MemopsError) -> str:
        named = error if error.where.startswith(self.host.name) else None
        return str(named or error)

    def _use(self, play: Play, use: Use) -> tuple[Outcome, str]:
        variables = self._variables(play, use)
        items = [None]
        if use.loop is not None:
            items = render_value(use.loop, variables, use.where)
            if not isinstance(items, list | tuple):
                raise UsageError(use.where, f"loop gives {items!r:.60}", "it must give a list")
        results = []
        for item in items:
            if use.loop is not None:
                variables[use.loop_var] = item
            if all(condition(expr, variables, use.where) for expr in use.when):
                results.append(self._once(play, use, variables))
        if not results:
            self._register(use, {"changed": False, "skipped": True})
            return "skipped", ""
        self._register(use, results[-1] if use.loop is None else {
            "changed": any(each["changed"] for each in results), "results": results})  # fmt: skip
        for each in results:
            for note in each.get("notes", ()):
                self.fleet.sink(Note(self.host.name, str(note)))
            for warning in each.get("warnings", ()):
                self.fleet.sink(Note(self.host.name, str(warning), "warning"))
        detail = "; ".join(str(each["summary"]) for each in results if each.get("summary"))
        return ("changed" if any(each["changed"] for each in results) else "ok"), detail

    def _once(self, play: Play, use: Use, variables: dict[str, Any]) -> dict[str, Any]:
        applier = self._applier(self._become(play, use))
        task = self.fleet.tasks(use.task, self.host.name, applier.journal.place.root, variables)
        params = self._params(task, use, variables)
        app = params.get("app") if use.task == "fresh" else None
        known = before(applier.session, app) if isinstance(app, App) else Before()
        result = applier.apply(use.name, task, params)
        if isinstance(app, App) and result.changed and not self.options.check:
            prove(applier.session, app, known, self.fleet.sink, self.stop.is_set)
        return self._judged(use, variables, result)

    def _judged(self, use: Use, variables: Mapping[str, Any], result: Result) -> dict[str, Any]:
        told: dict[str, Any] = {"changed": result.changed, **result.registered}
        if result.steps and isinstance(result.steps[-1].do, Run) and result.output is None:
            told.update(rc=0, stdout="", stdout_lines=[], stderr="")  # a check runs nothing
        if result.output is not None:
            stdout = result.output.text.rstrip("\n")
            told.update(
                rc=result.output.rc, stdout=stdout, stdout_lines=stdout.splitlines(),
                stderr=result.output.stderr.decode("utf-8", "replace").rstrip("\n"),
            )  # fmt: skip
        told = from_host(told)  # what a host said is never a template
        seen = {**variables, **({use.register: told} if use.register else {})}
        if use.changed_when:
            told["changed"] = all(condition(expr, seen, use.where) for expr in use.changed_when)
        if use.failed_when and all(condition(expr, seen, use.where) for expr in use.failed_when):
            raise HostError(self.host.name, f"{use.name}: failed_when says so", f"see {use.where}")
        return told

    def _variables(self, play: Play, use: Use) -> dict[str, Any]:
        return {
            **self.fleet.variables(self.host.name),
            **play.vars,
            **use.vars,
            **self.registered,
            **self.fleet.extra,
            "inventory_hostname": self.host.name,
            "memops_run": self.options.run,
            "memops_check_mode": self.options.check,
        }

    def _params(self, task: Any, use: Use, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The task's arguments, rendered; the name of an app becomes the app."""
        params = {
            key: render_value(value, variables, yaml.place(use.args, key, use.where))
            for key, value in use.args.items()
        }
        params = decode(task, params, use.where)
        if "app" in inspect.signature(task).parameters and not isinstance(params.get("app"), App):
            params["app"] = self._app(params.get("app"), use.where)
        return params

    def _app(self, name: object, where: str) -> App:
        apps = self.fleet.apps(self.host.name)
        if name in apps:
            return apps[str(name)]
        known = ", ".join(sorted(apps)) or "none"
        raise UsageError(
            where or self.host.name,
            f"host {self.host.name} has no app {name!r} (known: {known})",
            "describe it under memops_apps, or give --unit or --script",
        )

    def _become(self, play: Play, use: Use) -> Become | None:
        wanted = use.become if use.become is not None else play.become
        if wanted is None:
            return self.host.become
        if wanted is False:
            return None
        base = self.host.become or self.host.elevation
        user = use.become_user or play.become_user or base.user
        method = use.become_method or play.become_method or base.method
        return None if user == self.host.user else replace(base, user=user, method=method)

    def _applier(self, become: Become | None) -> Applier:
        if become not in self.appliers:
            connection = self.fleet.connections.to(self.host)
            self.appliers[become] = self._make_applier(connection, become)
        return self.appliers[become]

    def _make_applier(self, connection: Connection, become: Become | None) -> Applier:
        place = Reader(connection.session(become))(journals.place())
        session = Remembering(connection.session(become, run_dir=place.run_dir(self.options.run)))
        header = identity.header(self.options.run, self.options.playbook, self.host.name)
        journal = journals.Journal(session, place, header)
        return Applier(session, journal, self.fleet.hands, self.fleet.sink, self.options.check)

    def _register(self, use: Use, result: dict[str, Any]) -> None:
        if use.register:
            self.registered[use.register] = result

    def _count(self, outcome: Outcome) -> None:
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
        if outcome == "changed":  # as in Ansible's recap: changed tasks are ok tasks too
            self.counts["ok"] = self.counts.get("ok", 0) + 1
