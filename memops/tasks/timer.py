"""A command that is started regularly: units of systemd, or a marked line of a crontab."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.facts import timer as facts
from memops.model.action import Dir, File, Put, Run
from memops.model.step import Change, NoUndo, Step
from memops.tasks.entries import ensure, ensure_parents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.facts.timer import Scheduler, Timer
    from memops.model.step import Probe
    from memops.tasks.template import Render

# Argument: the name of a timer, whose lines are replaced by those of standard input. A crontab that
# cannot be read is not taken for one that is empty.
_CRONTAB = r"""
name=$1
if ! crontab -l >/dev/null 2>&1; then
    case $(crontab -l 2>&1) in
    *[Nn]'o crontab'* | *"can't open"*) ;;
    *) crontab -l >/dev/null; exit 1 ;;
    esac
fi
text=$({
    crontab -l 2>/dev/null | sed "/^# memops begin $name /,/^# memops end $name\$/d"
    cat
    echo .
})
text=${text%.}
if [ -n "$text" ]
then printf %s "$text" | crontab -
else crontab -r 2>/dev/null || true
fi
"""
_RMDIR = 'rmdir -- "$1" 2>/dev/null || true'
_ENABLE = 'systemctl $2 daemon-reload && systemctl $2 enable --now "$1"'
_DISABLE = 'systemctl $2 disable --now "$1" 2>/dev/null || ! systemctl $2 is-active -q "$1"'


def schedule_steps(
    probe: Probe,
    *,
    name: str,
    timer: Timer | None,
    render: Render,
    booted: str = facts.BOOTED,
    units: str = facts.SYSTEM_UNITS,
) -> Iterator[Step]:
    """Have the timer *name* exactly as *timer* says, or not at all (None).

    systemd is used where it is the init (*booted* exists) and cron where it is not; where neither
    is, that is an error. Its units lie in *units* for root, in the user's directory for others.
    """
    facts.check_name(name)
    found = probe(facts.scheduler(booted, units))
    if found.kind == "none":
        raise UsageError(
            "schedule", "this machine has neither systemd nor cron",
            "install cron, or start memops collect by your own means",
        )  # fmt: skip
    if found.kind == "cron":
        yield from _by_cron(probe, name, timer)
    elif timer is None:
        yield from _without_units(probe, name, found)
    else:
        yield from _with_units(probe, timer, found, render)


def _with_units(probe: Probe, timer: Timer, found: Scheduler, render: Render) -> Iterator[Step]:
    service = render(
        "memops-collect.service.j2",
        name=timer.name,
        directory=timer.directory.replace("%", "%%"),
        command=" ".join(map(unit_word, timer.argv)),
        environment=[unit_word(f"{key}={value}", variables=False) for key, value in timer.env],
    )
    clock = render(
        "memops-collect.timer.j2",
        name=timer.name,
        line=timer.line(),
        calendar=facts.calendar(timer.every),
    )
    path = f"{found.units}/{timer.unit}"
    changed = False
    for step in ensure_parents(probe, f"{path}.timer", Dir(0o755)):
        # Another schedule, or somebody, may have put units there meanwhile.
        made = step.do.path if isinstance(step.do, Put) else found.units
        yield Step(step.change, step.do, Run(("sh", "-c", _RMDIR, "memops-timer", made)))
    for suffix, text in (("service", service), ("timer", clock)):
        for step in ensure(probe, f"{path}.{suffix}", File(text.encode(), 0o644)):
            changed = True
            yield step
    if changed or not _enabled(probe, timer.unit, found):
        what = Change(f"timer {timer.name}", None, f"enabled, {facts.calendar(timer.every)}")
        yield Step(
            what, _systemctl(_ENABLE, timer.unit, found), _systemctl(_DISABLE, timer.unit, found)
        )


def _without_units(probe: Probe, name: str, found: Scheduler) -> Iterator[Step]:
    unit = f"memops-{name}"
    if _enabled(probe, unit, found):
        enable, disable = (_systemctl(each, unit, found) for each in (_ENABLE, _DISABLE))
        yield Step(Change(f"timer {name}", "enabled", None), disable, enable)
    changed = False
    for suffix in ("timer", "service"):
        for step in ensure(probe, f"{found.units}/{unit}.{suffix}", None):
            changed = True
            yield step
    if changed:
        reload = Run(("sh", "-c", "systemctl $1 daemon-reload", "memops-timer", _user(found)))
        change = Change("systemd", "has units loaded that are gone", "has them as they are")
        yield Step(change, reload, NoUndo("reloads what is there"))


def _by_cron(probe: Probe, name: str, timer: Timer | None) -> Iterator[Step]:
    now = facts.block(probe(facts.crontab()), name)
    wanted = cron_block(timer) if timer else None
    if now != wanted:
        change = Change(f"crontab: {name}", now, wanted)
        yield Step(change, _crontab(name, wanted), _crontab(name, now))


def cron_block(timer: Timer) -> str:
    """The lines of *timer* for a crontab; cron reads ``%`` as a line end, so none may be there."""
    words = ["cd", timer.directory, "&&", *(f"{key}={value}" for key, value in timer.env)]
    command = " ".join(word if word == "&&" else _cron_word(word) for word in (*words, *timer.argv))
    line = timer.line()
    if "%" in command:
        raise UsageError(timer.name, "cron cannot start a command with % in it", "rename the file")
    return f"{line}\n{facts.cron(timer.every)} {command}\n{facts.END}{timer.name}\n"


def unit_word(word: str, *, variables: bool = True) -> str:
    """*word* as one word of a unit file (man 5 systemd.service, "Command lines").

    ``%`` starts a specifier everywhere, ``$`` a variable in commands (*variables*) only.
    """
    plain = word.replace("%", "%%")
    if variables:
        plain = plain.replace("$", "$$")
    if re.fullmatch(r"[A-Za-z0-9_./:=@%,+-]+", plain):
        return plain
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _cron_word(word: str) -> str:
    key, equals, value = word.partition("=")
    if equals and key.isidentifier():  # an assignment must not be quoted as a whole
        return f"{key}={shlex.quote(value)}"
    return shlex.quote(word)


def _crontab(name: str, text: str | None) -> Run:
    return Run(("sh", "-c", _CRONTAB, "memops-timer", name), stdin=(text or "").encode())


def _systemctl(script: str, unit: str, found: Scheduler) -> Run:
    return Run(("sh", "-c", script, "memops-timer", f"{unit}.timer", _user(found)))


def _user(found: Scheduler) -> str:
    return "--user" if found.kind == "user" else ""


def _enabled(probe: Probe, unit: str, found: Scheduler) -> bool:
    return probe(facts.enabled(f"{unit}.timer", _user(found)))
