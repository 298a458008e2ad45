"""Services that run or do not, and start with the machine or do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from memops.errors import UsageError
from memops.facts import service as facts
from memops.model.action import Run
from memops.model.step import Change, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.model.step import Probe


def service(
    probe: Probe,
    *,
    name: str | None = None,
    script: str | None = None,
    state: Literal["started", "stopped"] | None = None,
    enabled: bool | None = None,
) -> Iterator[Step]:
    """Keep the systemd unit *name*, or the app of the control *script*, started or stopped.

    A restart is not a state; the task ``fresh`` restarts what runs with old launch settings.
    """
    if (name is None) == (script is None):
        raise UsageError("service", "needs either name or script", "give one of them")
    if script is not None:
        yield from _script(probe, script, state)
        return
    unit = probe(facts.unit(str(name)))
    if not unit.loaded:
        raise UsageError(str(name), "no such systemd unit", "see systemctl list-unit-files")
    if state is not None and unit.active != (state == "started"):
        start, stop = _systemctl("start", name), _systemctl("stop", name)
        do, undo = (start, stop) if state == "started" else (stop, start)
        before = "started" if unit.active else "stopped"
        yield Step(Change(f"service {name}", before, state), do, undo)
    if enabled is not None and unit.enabled != enabled:
        enable, disable = _systemctl("enable", name), _systemctl("disable", name)
        do, undo = (enable, disable) if enabled else (disable, enable)
        shown = ("enabled", "disabled") if unit.enabled else ("disabled", "enabled")
        yield Step(Change(f"service {name} at boot", *shown), do, undo)


def _script(probe: Probe, script: str, state: str | None) -> Iterator[Step]:
    active = probe(facts.script_active(script))
    if state is not None and active != (state == "started"):
        start, stop = Run((script, "start")), Run((script, "stop"))
        do, undo = (start, stop) if state == "started" else (stop, start)
        yield Step(Change(f"service {script}", "started" if active else "stopped", state), do, undo)


def _systemctl(verb: str, name: str | None) -> Run:
    return Run(("systemctl", verb, "--", str(name)), timeout=120)
