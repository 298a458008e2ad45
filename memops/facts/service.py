"""Services, of systemd or of a control script."""

from __future__ import annotations

from dataclasses import dataclass

from memops.model.action import Output, Run
from memops.model.step import Query

_PROPERTIES = "LoadState,ActiveState,UnitFileState,NeedDaemonReload,NRestarts,FragmentPath"


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit as ``systemctl show`` tells it (man 1 systemctl)."""

    loaded: bool
    active: bool
    enabled: bool
    needs_reload: bool
    restarts: int = 0


def unit(name: str) -> Query[Unit]:
    """The systemd unit *name*; not loaded where there is no systemd or no such unit."""
    argv = ("systemctl", "show", "-p", _PROPERTIES, "--", name)
    return Query((Run(argv, ok=tuple(range(256))),), _parse_unit)


def script_active(script: str) -> Query[bool]:
    """Whether the control *script* says ``status`` with exit code 0 (LSB init scripts)."""
    look = Run((script, "status"), ok=tuple(range(256)))
    return Query((look,), lambda outputs: outputs[0].rc == 0)


def _parse_unit(outputs: tuple[Output, ...]) -> Unit:
    shown = dict(line.partition("=")[::2] for line in outputs[0].text.splitlines())
    restarts = shown.get("NRestarts", "")
    return Unit(
        loaded=shown.get("LoadState") == "loaded",
        active=shown.get("ActiveState") in ("active", "reloading", "activating"),
        enabled=shown.get("UnitFileState", "") in ("enabled", "enabled-runtime"),
        needs_reload=shown.get("NeedDaemonReload") == "yes",
        restarts=int(restarts) if restarts.isdigit() else 0,
    )
