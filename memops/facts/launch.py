"""The launch settings that memops wrote for an app, as its launch file has them now.

Whatever the shape of the file, one comment line of it says in JSON what it sets, so that the
settings can be compared with ``/proc/PID/environ`` without understanding the file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from memops.errors import StepFailed
from memops.model.action import Output, Read
from memops.model.step import Query

if TYPE_CHECKING:
    from memops.facts.process import Process
    from memops.model.app import App

MARK = "# memops begin "
END = "# memops end"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a launch file adds to the environment: a library, jemalloc options, JVM options.

    *run* is the run that wrote it, *dumps* the directory and name with which heap files begin;
    *kept* are values of the same variables that were there before and are extended. *opened* are
    the lines of a drop-in that open the sandbox of its unit.
    """

    app: str
    run: str
    preload: str
    malloc_conf: str
    java_options: str = ""
    dumps: str = ""
    kept: tuple[tuple[str, str], ...] = ()
    opened: str = ""

    def line(self) -> str:
        """The comment line that says all this."""
        return MARK + json.dumps(asdict(self), sort_keys=True)


def dropin(app: App) -> str:
    """The directory of *app*'s systemd drop-ins."""
    return f"/etc/systemd/system/{app.unit}.d"


def launch_file(app: App) -> str:
    """The file that holds *app*'s launch settings."""
    if app.shape == "dropin":
        if not app.unit:
            raise StepFailed(
                app.name, "has no systemd unit", "give it launch_file and shape: envfile or script"
            )
        return f"{dropin(app)}/50-memops.env"
    if not app.launch_file:
        raise StepFailed(
            app.name, f"shape {app.shape} needs a launch_file", "name it in memops_apps"
        )
    return app.launch_file


def settings(app: App) -> Query[Settings | None]:
    """What memops set for *app*, or None where its launch file has nothing of ours."""
    return Query((Read(launch_file(app)),), _parse)


def has(process: Process, wanted: Settings) -> bool:
    """Whether *process* was started with *wanted* (its environment at exec, and what it maps)."""
    environ = process.environ or {}
    return (
        wanted.preload in environ.get("LD_PRELOAD", "").replace(":", " ").split()
        and wanted.malloc_conf in environ.get("MALLOC_CONF", "")
        and wanted.java_options in environ.get("JAVA_TOOL_OPTIONS", "")
        and any(line.endswith(wanted.preload) for line in process.maps)
    )


def has_traces(process: Process) -> bool:
    """Whether *process* still runs with launch settings of memops."""
    environ = process.environ or {}
    return (
        "/memops/" in environ.get("LD_PRELOAD", "")
        or "/memops/dumps/" in environ.get("MALLOC_CONF", "")
        or any("/opt/memops/" in line for line in process.maps)
    )


def _parse(outputs: tuple[Output, ...]) -> Settings | None:
    for line in outputs[0].text.splitlines() if outputs[0].rc == 0 else ():
        if line.startswith(MARK):
            try:
                fields = json.loads(line.removeprefix(MARK))
                kept = tuple((str(key), str(value)) for key, value in fields.pop("kept", ()))
                return Settings(**{key: str(value) for key, value in fields.items()}, kept=kept)
            except (ValueError, TypeError):
                return None
    return None
