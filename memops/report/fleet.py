"""A fleet as text: what grows everywhere, the odd hosts, a line for each host."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from memops.report.rates import (
    called,
    columns,
    moment,
    nameless,
    notes,
    pace_of,
    pair,
    paragraphs,
)
from memops.report.text import clip
from memops.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memops.profile.fleet.fleet import Fleet, FleetRow, Only
    from memops.profile.fleet.lives import HostLives
    from memops.report.rates import Pace
    from memops.report.view import View

_SENTENCES = 3
_SHARE = 0.05
_BUILD = 12  # digits of a build-id that tell it from others
_NAMED = 3  # hosts in a sentence


def fleet_text(fleet: Fleet, view: View) -> str:
    """*fleet* in lines that fit the *view*, with its top functions and as many hosts."""
    pace = pace_of(fleet.whole.hosts.values() if fleet.whole else (), view.unit)
    shown = [row for row in fleet.rows if round(row.rate.mean * pace.seconds)][: view.top]
    blocks = [
        [clip(_title(fleet, pace), view.width), *_sentences(fleet, pace)],
        _functions(shown, view, pace),
        _hosts(fleet, view, pace),
        _memory(fleet, view),
        notes((*_silent(fleet), *nameless(row.calls for row in shown), *fleet.notes), view.width),
        [f"next: {_next(fleet)}"],
    ]
    return paragraphs(blocks)


def _title(fleet: Fleet, pace: Pace) -> str:
    dumps = sum(host.last.process.dumps for host in fleet.hosts)
    live = pace.size(sum(row.bytes for host in fleet.hosts for row in host.last.rows.values()))
    head = f"{fleet.app or 'one app'} on {len(fleet.hosts)} hosts, {dumps} dumps: {live} live"
    if fleet.whole is None:
        return f"{head}; no host's dumps tell of growth yet"
    found = fleet.whole.rate
    return f"{head}, {pace.mean(found)} {pace.name} in all ({pace.bounds(found)})"


def _sentences(fleet: Fleet, pace: Pace) -> list[str]:
    if fleet.whole is None:
        return []
    least = _SHARE * max((row.rate.mean for row in fleet.rows), default=0)
    told = [row for row in fleet.rows
            if row.growing and row.rate.mean > least][:_SENTENCES]  # fmt: skip
    if not told:
        return ["nothing surely grows on any host"]
    return [line for row in told for line in _sentence(row, pace)]


def _sentence(row: FleetRow, pace: Pace) -> Iterator[str]:
    many, where = len(row.growing), ""
    if many <= _NAMED:
        where = f" ({_some(row.growing)})"
    yield (
        f"{called(row.calls)} grows on {many} of {len(row.hosts)} hosts{where}: "
        f"{pace.mean(row.rate)} {pace.name} in all"
    )
    for each in row.outliers[:_NAMED]:
        yield (
            f"    {each.host} is odd: {pace.mean(each.rate)} {pace.name}, where "
            f"{pace.signed(each.median)} ± {pace.size(pace.seconds * each.deviation)} is usual (median ± MAD)"
        )
    if len(row.outliers) > _NAMED:
        yield f"    and {len(row.outliers) - _NAMED} more hosts are odd"
    for only in row.only:
        yield f"    {_why(only, row)}"
    if row.only and row.first:
        host, time = row.first
        yield f"    it first grew on {host}, in the life that began at {moment(time)}"


def _why(only: Only, row: FleetRow) -> str:
    value = only.value[:_BUILD] if only.name.startswith("build-id") else only.value
    if only.grows:
        return f"it grows only where the {only.name} is {value}: {_some(row.growing)}"
    return f"it grows everywhere but where the {only.name} is {value}"


def _functions(rows: list[FleetRow], view: View, pace: Pace) -> list[str]:
    if not rows:
        return []
    head = (f"all hosts {pace.name}", "from .. to with 95 %", "on hosts", "odd host", "function")
    cells = [
        (
            pace.mean(row.rate),
            pace.bounds(row.rate),
            f"{len(row.growing)} of {len(row.hosts)}",
            row.outliers[0].host if row.outliers else "-",
            pair(row.calls),
        )
        for row in rows
    ]
    return columns([head, *cells], view.width)


def _hosts(fleet: Fleet, view: View, pace: Pace) -> list[str]:
    rates = fleet.whole.hosts if fleet.whole else {}
    ordered = sorted(
        fleet.hosts, key=lambda host: -rates[host.host].mean if host.host in rates else 0
    )
    head = (
        f"grows {pace.name}",
        "from .. to with 95 %",
        "live",
        "dumps",
        "over",
        "host",
        "most of it",
    )
    cells = [_host(fleet, host, pace) for host in ordered[: view.top]]
    lines = columns([head, *cells], view.width)
    if ordered[view.top :]:
        lines.append(
            f"... and {len(ordered) - view.top} more hosts, which grow less; --top shows more"
        )
    return lines


def _host(fleet: Fleet, host: HostLives, pace: Pace) -> tuple[str, ...]:
    life = host.last
    rate = fleet.whole.hosts.get(host.host) if fleet.whole else None
    largest = max((row for row in fleet.rows if host.host in row.hosts), default=None,
                  key=lambda row: row.hosts[host.host].mean)  # fmt: skip
    most = ""
    if largest and rate and largest.hosts[host.host].low > 0:
        share = 100 * largest.hosts[host.host].mean / rate.mean if rate.mean > 0 else 0
        most = f"{largest.calls[0].function}, {min(share, 100):.0f} %"
    return (
        pace.mean(rate), pace.bounds(rate), pace.size(life.process.live),
        str(life.process.dumps), format_duration(life.last - life.first), host.host, most or "-",
    )  # fmt: skip


def _memory(fleet: Fleet, view: View) -> list[str]:
    """The RSS of each host and where it is, where files beside the dumps told it."""
    if not fleet.memory:
        return []
    from memops.report.resident import hosts_memory  # noqa: PLC0415 - only where it is told

    return hosts_memory(fleet.memory, view)


def _silent(fleet: Fleet) -> Iterator[str]:
    if fleet.silent:
        yield f"no growth is known of {_some(fleet.silent)}: one dump only, or no times of writing"


def _some(hosts: Sequence[str]) -> str:
    """The first few of *hosts*, and how many more there are."""
    more = f" and {len(hosts) - _NAMED} more" if hosts[_NAMED:] else ""
    return ", ".join(hosts[:_NAMED]) + more


def _next(fleet: Fleet) -> str:
    """The command for the host that deserves a look: an odd one, or the one that grows the most."""
    odd = [each for row in fleet.rows[:_SENTENCES] for each in row.outliers
           if each.rate.mean > each.median]  # fmt: skip
    if fleet.whole is None:
        return "memops collect again after a while, then the same"
    rates = fleet.whole.hosts
    host = odd[0].host if odd else max(rates, key=lambda each: rates[each].mean)
    again = ["--app", fleet.app, "--host", host] if fleet.app else [host]
    return f"{shlex.join(['memops', 'analyze', *again])}, for the stacks there"
