"""The application on a host: how it is found, restarted, checked and launched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Health:
    """One check that the app is well.

    An HTTP 2xx or 3xx from the URL *target*, a TCP connection to the port *target* of the host, a
    command *target* that exits with 0, or a line with *pattern* that appears in the log file
    *target* after the restart.
    """

    kind: Literal["http", "tcp", "command", "log"]
    target: str
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class App:
    """An application on a host.

    Found by its systemd *unit*, or its control *script* and *pid_file*, or a *process* pattern
    (with the *restart* command to type). Script and command are run as *user*; a script that
    switches to the app's user by itself needs none.

    *launch_file* is where launch settings go for an app without a unit: its environment file, its
    start script (a marked block) or a wrapper, as *shape* says. *deadline* (seconds) bounds the way
    from restart to healthy.
    """

    name: str
    unit: str | None = None
    script: str | None = None
    pid_file: str | None = None
    process: str | None = None
    restart: tuple[str, ...] = ()
    user: str | None = None
    shape: Literal["dropin", "envfile", "script", "wrapper"] = "dropin"
    launch_file: str | None = None
    health: tuple[Health, ...] = ()
    deadline: float = 60.0


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a process: nothing from two lives is compared unless the user says so.

    *start* is field 22 of ``/proc/PID/stat`` (clock ticks since boot; man 5 proc).
    """

    host: str
    boot_id: str
    pid: int
    start: int

    @property
    def label(self) -> str:
        """A name for directories and tables: ``1234-56789-0f3a9c2e``."""
        return f"{self.pid}-{self.start}-{self.boot_id[:8]}"
