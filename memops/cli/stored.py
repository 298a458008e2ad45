"""What was collected, as the inputs of an analysis: which lives of which app on which host."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from memops.cli.memory import MEMORY_KINDS
from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from memops.profile.growth.window import Window
    from memops.profile.study import Inputs
    from memops.store import Artifact, Store

_SERIES = 2  # heap profiles of a life from which on they may tell of growth


class Wanted(NamedTuple):
    """What a *command* is about: *app* and *host* as on its command line, None for any."""

    command: str
    app: str | None = None
    host: str | None = None


def every_life(wanted: Wanted, *, profiled: bool = False) -> list[Inputs]:
    """All that was ever collected of what is *wanted*, life by life; only the *profiled* ones if so.

    What an app's children wrote is left out unless asked for by its name (``app+program``). Raises
    `UsageError` where nothing was collected.
    """
    from memops.store import Store

    with Store.open() as store:
        told = _told(store, wanted, kinds={"heap"} if profiled else {"heap", *MEMORY_KINDS})
        return [_inputs(store, each) for each in _by(told, "app", "host", "life")]


def newest_lives(
    wanted: Wanted, window: Window | None = None, *, fleets: bool = True
) -> list[Inputs]:
    """What was collected of the newest life of each app and host: all of it, not its last snapshot only.

    With a *window* the newest life of which something is of that time; of an app on several hosts, if
    *fleets*, each life. Such a host that was restarted too lately has the life before it, too. Raises
    `UsageError` as `every_life` does.
    """
    from memops.store import Store

    with Store.open() as store:
        found: list[Inputs] = []
        for of_app in _by(_told(store, wanted), "app"):
            hosts = [_then(each, of_app, window) for each in _by(of_app, "host")]
            if fleets and len(hosts) > 1:
                lives = [life for each in hosts for life in _lives(each, window)]
                found += [_inputs(store, each) for each in lives]
            else:
                found += [_inputs(store, _last(each)) for each in hosts]
        return found


def _told(
    store: Store, wanted: Wanted, kinds: Iterable[str] = ("heap", *MEMORY_KINDS)
) -> list[Artifact]:
    """The artifacts of *kinds*, of the apps that are meant."""
    known = [each for each in store.artifacts(wanted.app, wanted.host) if each.kind in kinds]
    told = [each for each in known if wanted.app or "+" not in each.app]
    if not told:
        which = " of ".join(filter(None, (wanted.app, wanted.host)))
        what = f"nothing of {which} here" if which else "nothing was collected yet"
        raise UsageError(wanted.command, what, "memops collect it, or name heap files")
    return told


def _by(told: Iterable[Artifact], *columns: str) -> list[list[Artifact]]:
    """*told* by the values of *columns*; of each, in the order of time."""
    value = attrgetter(*columns)
    return [list(group) for _, group in groupby(sorted(told, key=value), key=value)]


def _then(
    told: list[Artifact], of_app: Sequence[Artifact], window: Window | None
) -> list[Artifact]:
    """Those of *told*, of one host, that are of the *window*: of all hosts of its app one newest dump.

    All of them if none is: then whoever reads them says so.
    """
    if window is None:
        return told
    from memops.profile.growth.window import resolved

    dumps = [_time(each) for each in of_app if each.kind == "heap"]
    span = resolved(window, max(dumps or map(_time, of_app)))
    return [each for each in told if span.holds(_time(each))] or told


def _time(each: Artifact) -> float:
    """When *each* was written, in seconds since the epoch; what a command said, when it was taken."""
    from memops.store import names

    return each.mtime if each.kind == "heap" else names.when(each.taken).timestamp()


def _last(told: Sequence[Artifact]) -> list[Artifact]:
    """Those of *told*, of one app on one host, that are of the lives of the last heap profiles.

    An app may have several processes. Where there are no profiles, those of the last snapshot's lives.
    """
    counting = [each for each in told if each.kind == "heap"] or list(told)
    lives = {each.life for each in counting if each.taken == counting[-1].taken}
    return [each for each in told if each.life in lives]


def _lives(told: Sequence[Artifact], window: Window | None) -> list[list[Artifact]]:
    """*told*, of one host, by life, the oldest first.

    Without a *window* only the newest ones, back to one with as many profiles as tell of growth.
    """
    lives = sorted(_by(told, "life"), key=lambda life: (life[-1].taken, life[0].life))
    if window is not None:
        return lives
    many = [sum(each.kind == "heap" for each in life) for life in lives]
    first = next((at for at in reversed(range(len(lives))) if many[at] >= _SERIES), 0)
    return lives[first:] if any(many) else [_last(told)]


def _inputs(store: Store, told: Sequence[Artifact]) -> Inputs:
    """All that was collected of the lives of *told*, of one app on one host."""
    import json

    from memops.profile.study import Inputs
    from memops.store import names

    heaps = [each for each in told if each.kind == "heap"]
    last, lives = (heaps or told)[-1], {each.life for each in told}
    found = [each for each in store.artifacts(last.app, last.host) if each.life in lives]
    build_ids: dict[str, str] = {}
    for each in found:
        if each.kind == "build-ids":
            build_ids.update(json.loads(store.path(each).read_bytes()))
    memory = _of_last_life(store, found)
    return Inputs(
        memory=[store.path(each) for each in memory],
        dumps=[store.path(each) for each in found if each.kind == "heap"],
        times={store.path(each): each.mtime for each in found if each.kind in {"heap", "perfmap"}}
        | {store.path(each): names.when(each.taken).timestamp() for each in memory},
        app=last.app,
        host=last.host,
        life=last.life,
        symbols=[store.root / "elf"],
        perf_maps=[store.path(each) for each in found if each.kind == "perfmap"],
        build_ids=build_ids,
    )


def _of_last_life(store: Store, found: Sequence[Artifact]) -> list[Artifact]:
    """Of *found* what tells of the memory of the last life: two lives are not compared.

    Not all that is collected does: a cgroup's events, and a file that stayed empty because the JVM
    does not know the question, are passed over.
    """
    from memops.profile.memory import kinds

    memory = [each for each in found if each.kind in MEMORY_KINDS]
    last = [each for each in memory if each.life == memory[-1].life]
    return [each for each in last if kinds.sniff(store.path(each)) != kinds.UNKNOWN]
