"""What several lives tell as JSON, for programs: one object on one line (``docs/lives.schema.json``).

All have ``schema`` (1), ``kind``, ``app`` and ``notes``. A rate is null where dumps tell none, else
``mean``, ``low`` and ``high`` in bytes a second (with 95 %), ``seconds`` and ``dumps``. ``calls`` are
a function and its caller, each with ``function``, ``module`` and ``reason``. A life has ``pid``,
``executable``, ``first`` and ``last`` (seconds since the epoch), ``dumps`` and ``live`` (bytes).

``fleet``: ``rate`` of all hosts, ``hosts`` (``host``, ``life``, ``rate``), and ``functions`` with
``rate``, ``live``, ``hosts`` (``host``, ``rate``), ``growing`` (hosts), ``outliers`` (``host``, ``rate``,
``median``, ``deviation``), ``only`` (``name``, ``value``, ``grows``) and ``first`` (null, or ``host``
and ``time``). Where files told of a host's memory it has ``memory`` (else null): ``rss`` (bytes), ``rate`` of the RSS, and
``findings`` and ``waterfall`` as in ``analyze.schema.json``; ``unprofiled`` are hosts with memory only.
``restarts``: ``host``, ``lives`` with their ``rate``, and ``functions`` with ``rates``
and ``live`` by life, ``since``, ``always``, ``grows_since`` and ``stopped``. ``comparison``: a change
(``before``, ``after``, ``difference``, ``verdict``, ``more``) of the ``whole``, of ``hosts`` and of
``functions``; ``resident`` is null, or the changes of the RSS: ``whole`` and ``hosts``. ``resident``: those alone,
where there are no heap profiles; a life of it has ``pids``, ``source``, ``first``, ``last``, ``snapshots`` and
``rss`` (bytes, the last).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from memops.report.json import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memops.profile.fleet.comparison import Change, Comparison, ResidentComparison
    from memops.profile.fleet.fleet import Fleet, FleetRow
    from memops.profile.fleet.lives import HostLives, Life
    from memops.profile.fleet.memory import HostMemory
    from memops.profile.fleet.rates import Rate
    from memops.profile.fleet.resident import ResidentHost
    from memops.profile.fleet.restarts import Restarts
    from memops.profile.growth.naming import Call
    from memops.report.view import View

SCHEMA = 1


def fleet_json(fleet: Fleet, _view: View) -> str:
    """*fleet* as one line of JSON."""
    rates = fleet.whole.hosts if fleet.whole else {}
    memory = {each.host: _memory(each) for each in fleet.memory}
    return _line("fleet", fleet.app, fleet.notes, {
        "rate": _rate(fleet.whole.rate if fleet.whole else None),
        "hosts": [{"host": host.host, "life": _life(host.last), "rate": _rate(rates.get(host.host)),
                   "memory": memory.get(host.host)} for host in fleet.hosts],
        "unprofiled": [{"host": each.host, "memory": memory[each.host]}
                       for each in fleet.memory if not each.profiled],
        "functions": list(map(_fleet_row, fleet.rows)),
    })  # fmt: skip


def restarts_json(found: Restarts, _view: View) -> str:
    """*found* as one line of JSON."""
    lives = zip(found.host.lives, found.wholes, strict=True)
    return _line("restarts", found.app, found.notes, {
        "host": found.host.host,
        "lives": [_life(life) | {"rate": _rate(rate)} for life, rate in lives],
        "functions": [
            {
                "calls": _calls(row.calls), "rates": list(map(_rate, row.rates)),
                "live": list(row.live), "since": row.since, "always": row.always,
                "grows_since": row.grows_since, "stopped": row.stopped,
            }
            for row in found.rows
        ],
    })  # fmt: skip


def comparison_json(found: Comparison, _view: View) -> str:
    """*found* as one line of JSON."""
    return _line("comparison", found.app, found.notes, {
        "whole": _change(found.whole),
        "hosts": [
            {"host": each.host, "lives_before": _lives(each.before),
             "lives_after": _lives(each.after)} | _change(each.change)
            for each in found.hosts
        ],
        "functions": [{"calls": _calls(row.calls)} | _change(row.change) for row in found.rows],
        "resident": _resident(found.resident) if found.resident else None,
    })  # fmt: skip


def resident_json(found: ResidentComparison, _view: View) -> str:
    """*found* as one line of JSON."""
    return _line("resident", found.app, found.notes, _resident(found))


def _line(kind: str, app: str, notes: Iterable[str], rest: dict[str, object]) -> str:
    head: dict[str, object] = {"schema": SCHEMA, "kind": kind, "app": app, "notes": list(notes)}
    return json.dumps(head | rest, ensure_ascii=False) + "\n"


def _fleet_row(row: FleetRow) -> object:
    return {
        "calls": _calls(row.calls),
        "rate": _rate(row.rate),
        "live": row.live.bytes,
        "hosts": [{"host": host, "rate": _rate(rate)} for host, rate in row.hosts.items()],
        "growing": list(row.growing),
        "outliers": [each._asdict() | {"rate": _rate(each.rate)} for each in row.outliers],
        "only": [each._asdict() for each in row.only],
        "first": dict(zip(("host", "time"), row.first, strict=True)) if row.first else None,
    }


def _change(change: Change) -> dict[str, object]:
    return {
        "before": _rate(change.before), "after": _rate(change.after),
        "difference": _rate(change.difference), "verdict": change.verdict, "more": change.more,
    }  # fmt: skip


def _lives(host: HostLives | None) -> list[dict[str, object]]:
    return [_life(life) for life in host.lives] if host else []


def _resident(found: ResidentComparison) -> dict[str, object]:
    return {
        "whole": _change(found.whole),
        "hosts": [
            {"host": each.host, "lives_before": _resident_lives(each.before),
             "lives_after": _resident_lives(each.after)} | _change(each.change)
            for each in found.hosts
        ],
    }  # fmt: skip


def _resident_lives(host: ResidentHost | None) -> list[dict[str, object]]:
    return [
        {
            "pids": sorted(life.pids), "source": life.source, "first": life.moments[0],
            "last": life.moments[-1], "snapshots": len(life.moments), "rss": life.sizes[-1],
        }
        for life in (host.lives if host else ())
    ]  # fmt: skip


def _memory(found: HostMemory) -> dict[str, object]:
    verdict = found.verdict
    told = {"findings": plain(verdict.findings), "waterfall": plain(verdict.waterfall)}
    return {"rss": found.rss, "rate": _rate(found.rate)} | told


def _life(life: Life) -> dict[str, object]:
    process = life.process
    return {
        "pid": process.pid, "executable": process.executable, "first": life.first,
        "last": life.last, "dumps": process.dumps, "live": process.live,
    }  # fmt: skip


def _rate(rate: Rate | None) -> dict[str, object] | None:
    if rate is None:
        return None
    return {
        "mean": rate.mean, "low": rate.low, "high": rate.high, "seconds": rate.seconds,
        "dumps": rate.dumps,
    }  # fmt: skip


def _calls(calls: Iterable[Call]) -> list[dict[str, str]]:
    return [call.told() for call in calls]
