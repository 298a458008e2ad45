"""Fleets: plays over waves of hosts, on a bounded pool of threads, within a failure budget."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event as Flag
from typing import TYPE_CHECKING

from memops.engine.host_run import HostRun
from memops.errors import Interrupted, MemopsError, Unreachable
from memops.model.event import HostEnded, Note, PlayStarted, TaskEnded, WaveStarted
from memops.playbook.waves import serial_waves

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from memops.engine.options import Fleet, RunOptions
    from memops.playbook.play import Play


def run_plays(plays: Sequence[Play], fleet: Fleet, options: RunOptions) -> tuple[HostEnded, ...]:
    """Take the fleet through *plays*; one recap for each host that took part, in that order.

    One host's failure never stops the others of its wave; the waves after it begin only while the
    play's failure budget lasts, in which unreachable hosts count.
    """
    hosts: dict[str, HostRun] = {}
    stop = Flag()
    try:
        for play in plays:
            _run_play(play, hosts, fleet, options, stop)
    except KeyboardInterrupt as error:
        stop.set()
        _finish(hosts)
        raise Interrupted(
            "", "interrupted; steps under way were finished, their journals are on the hosts",
            f"memops rollback --run {options.run}",
        ) from error  # fmt: skip
    recaps = tuple(each.recap() for each in hosts.values())
    for recap in recaps:
        fleet.sink(recap)
    return recaps


def each_host(
    names: Sequence[str], work: Callable[[str], None], forks: int, stop: Flag | None = None
) -> dict[str, MemopsError]:
    """Do *work* for each host, *forks* at once; the errors of those that failed, by name.

    Only `MemopsError` is a host's own failure; anything else is a bug and is raised.
    """
    errors: dict[str, MemopsError] = {}

    def guarded(name: str) -> None:
        try:
            work(name)
        except MemopsError as error:
            errors[name] = error

    with ThreadPoolExecutor(max(1, min(forks, len(names) or 1))) as pool:
        futures = [pool.submit(guarded, name) for name in names]
        try:
            for future in futures:
                future.result()
        except BaseException:
            if stop is not None:  # those under way end after the step they are at
                stop.set()
            for future in futures:
                future.cancel()
            raise
    return errors


def exit_code(recaps: Sequence[HostEnded]) -> int:
    """As Ansible: 4 if a host was unreachable, else 2 if one failed, else 0."""
    if any(each.unreachable for each in recaps):
        return Unreachable.exit_code
    return 2 if any(each.failed for each in recaps) else 0


def _run_play(
    play: Play, hosts: dict[str, HostRun], fleet: Fleet, options: RunOptions, stop: Flag
) -> None:
    names = fleet.select(play.hosts)
    fleet.sink(PlayStarted(play.name, names))
    waves = serial_waves(names, play.serial)
    reached: list[HostRun] = []
    for number, wave in enumerate(waves, 1):
        for name in wave:
            if name not in hosts:
                hosts[name] = HostRun(fleet.host(name), fleet, options, stop)
        alive = [hosts[name] for name in wave if not hosts[name].failed]
        if not alive:
            continue
        if len(waves) > 1:
            fleet.sink(WaveStarted(number, len(waves), tuple(each.host.name for each in alive)))
        _run_wave(play, alive, options, stop)
        reached += alive
        if _over_budget(play, alive):
            _stop(play, reached, alive, fleet, options, last=number == len(waves))
            return


def _run_wave(play: Play, alive: Sequence[HostRun], options: RunOptions, stop: Flag) -> None:
    runs = {each.host.name: each for each in alive}
    errors = each_host(tuple(runs), lambda name: runs[name].play(play), options.forks, stop)
    for name, error in errors.items():
        runs[name].counts["failed"] = runs[name].counts.get("failed", 0) + 1
        runs[name].fleet.sink(TaskEnded(name, play.name, "failed", str(error)))


def _over_budget(play: Play, wave: Sequence[HostRun]) -> bool:
    failed = sum(1 for each in wave if each.failed)
    if failed == 0:
        return False
    if play.any_errors_fatal or failed == len(wave):
        return True
    budget = play.max_fail_percentage
    return budget is not None and failed / len(wave) > budget / 100


def _stop(
    play: Play, reached: Sequence[HostRun], wave: Sequence[HostRun], fleet: Fleet,
    options: RunOptions, *, last: bool,
) -> None:  # fmt: skip
    if not last:
        text = f"{play.name}: the failure budget is spent, later waves are not begun"
        fleet.sink(Note("", text, "error"))
    undone = {"wave": wave, "run": reached}.get(options.on_failure, ())
    each_host(
        [each.host.name for each in undone if not each.failed],
        lambda name: next(each for each in reached if each.host.name == name).undo(),
        options.forks,
    )


def _finish(hosts: dict[str, HostRun]) -> None:
    for each in hosts.values():
        each.release()
