"""What starts commands regularly on the controller, and what memops has it start.

Either systemd with a timer unit (of the system for root, else of the user), or cron with a line
between two marks. A comment line says in JSON what the timer is for, so that it can be read back.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from memops.errors import UsageError
from memops.model.action import Run
from memops.model.step import Query

if TYPE_CHECKING:
    from memops.model.action import Output

Kind = Literal["system", "user", "cron", "none"]

MARK = "# memops begin "
END = "# memops end "
BOOTED = "/run/systemd/system"  # exists where systemd is the init (man 3 sd_booted)
SYSTEM_UNITS = "/etc/systemd/system"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400

# Arguments: what exists where systemd runs, and the directory of its own units.
_SCHEDULER = r"""
if [ -d "$1" ] && command -v systemctl >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ]; then
        printf 'system %s' "$2"
        exit 0
    elif systemctl --user show-environment >/dev/null 2>&1; then
        printf 'user %s' "${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user"
        exit 0
    fi
fi
if command -v crontab >/dev/null 2>&1
then echo cron
else echo none
fi
"""
_UNITS = 'cat -- "$1"/memops-*.timer 2>/dev/null || true'
_CRONTAB = "crontab -l 2>/dev/null || true"


@dataclass(frozen=True, slots=True)
class Timer:
    """A command to start *every* so many seconds, in *directory*, with *env* besides cron's own."""

    name: str
    every: int
    argv: tuple[str, ...]
    directory: str
    env: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name)
        check_every(self.every)
        words = (*self.argv, self.directory, *(word for pair in self.env for word in pair))
        if not all(word.isprintable() for word in words):
            raise UsageError(self.name, "a word of the command cannot be printed", "leave it out")

    def line(self) -> str:
        """The comment line that says all this."""
        return f"{MARK}{self.name} {json.dumps(asdict(self), sort_keys=True)}"

    @property
    def unit(self) -> str:
        """The name of its units, without the suffix."""
        return f"memops-{self.name}"


@dataclass(frozen=True, slots=True)
class Scheduler:
    """What starts commands here; *units* is the directory of systemd's unit files."""

    kind: Kind
    units: str = ""


def check_name(name: str) -> None:
    """Refuse a *name* that is not letters, digits, ``-`` and ``_``, at most 60."""
    if not _NAME.fullmatch(name):
        raise UsageError(name, "cannot name a schedule", "use letters, digits, - and _, at most 60")


def check_every(every: int) -> None:
    """Refuse an interval (seconds) that does not divide the hour or the day: clocks know no other."""
    whole = every >= _MINUTE and every % _MINUTE == 0
    if whole and (_HOUR % every == 0 or (every % _HOUR == 0 and _DAY % every == 0)):
        return
    raise UsageError(
        "--every", f"{every} s does not divide the hour or the day into whole minutes",
        "choose for example 5m, 15m, 30m, 1h, 6h or 1d",
    )  # fmt: skip


def calendar(every: int) -> str:
    """The interval for systemd's ``OnCalendar=`` (man 7 systemd.time)."""
    if every < _HOUR:
        return f"*-*-* *:00/{every // _MINUTE}:00"
    return "*-*-* 00:00:00" if every == _DAY else f"*-*-* 00/{every // _HOUR}:00:00"


def cron(every: int) -> str:
    """The interval as the five fields of a crontab (man 5 crontab)."""
    if every < _HOUR:
        return f"*/{every // _MINUTE} * * * *"
    return "0 0 * * *" if every == _DAY else f"0 */{every // _HOUR} * * *"


def scheduler(booted: str = BOOTED, units: str = SYSTEM_UNITS) -> Query[Scheduler]:
    """What starts commands here: systemd where it is the init and we may, else cron, else none."""
    look = Run(("sh", "-c", _SCHEDULER, "memops-timer", booted, units))
    return Query((look,), _scheduler)


def timers(found: Scheduler) -> Query[dict[str, Timer]]:
    """The timers that memops has made with *found*, by name."""
    script = _CRONTAB if found.kind == "cron" else _UNITS
    look = Run(("sh", "-c", script, "memops-timer", found.units))
    return Query((look,), lambda outputs: parse(outputs[0].text))


def enabled(unit: str, user: str) -> Query[bool]:
    """Whether the timer *unit* runs and starts with the machine; *user* is ``--user`` or empty."""
    script = 'systemctl $2 -q is-enabled "$1" && systemctl $2 -q is-active "$1"'
    look = Run(("sh", "-c", script, "memops-timer", unit, user), ok=tuple(range(5)))
    return Query((look,), lambda outputs: outputs[0].rc == 0)


def crontab() -> Query[str]:
    """The user's crontab, empty where there is none."""
    return Query((Run(("sh", "-c", _CRONTAB)),), lambda outputs: outputs[0].text)


def parse(text: str) -> dict[str, Timer]:
    """The timers in *text*, unit files or a crontab, by name; a line that is damaged is passed by."""
    lines = (line.removeprefix(MARK) for line in text.splitlines() if line.startswith(MARK))
    found = (_timer(line.partition(" ")[2]) for line in lines)
    return {each.name: each for each in found if each}


def block(text: str, name: str) -> str | None:
    """The lines of the timer *name* in a crontab *text*, marks included, or None."""
    pattern = rf"^{re.escape(MARK + name)} .*?^{re.escape(END + name)}\n"
    found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    return found[0] if found else None


def _scheduler(outputs: tuple[Output, ...]) -> Scheduler:
    kind, _, units = outputs[0].text.strip().partition(" ")
    kinds: dict[str, Kind] = {"system": "system", "user": "user", "cron": "cron"}
    return Scheduler(kinds.get(kind, "none"), units)


def _timer(line: str) -> Timer | None:
    try:
        fields: dict[str, Any] = json.loads(line)
        env = tuple((str(key), str(value)) for key, value in fields.pop("env", ()))
        argv = tuple(str(word) for word in fields.pop("argv"))
        return Timer(argv=argv, env=env, **fields)
    except (ValueError, TypeError, KeyError, AttributeError, UsageError):
        return None
