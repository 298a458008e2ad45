"""A study as text for people: what leaks in a sentence, the functions, the stacks, what next."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from memops.profile.growth.trend import LEAKS
from memops.profile.symbols.frame import JIT
from memops.report.findings import findings, waterfall
from memops.report.safe import printable
from memops.units import format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.profile.growth.analysis import Amount, Culprit, FunctionRow, Grown
    from memops.profile.growth.java import JavaNaming
    from memops.profile.growth.naming import Call
    from memops.profile.growth.series import Growing
    from memops.profile.study import Study
    from memops.report.view import View

_STACKS = 3
_SENTENCES = 3
_SHARE = 0.05
_MINOR = 0.01
_FRAMES = 12
_REASONS = 3
_TRENDS = 5
_HOUR = 3600
_DAY = 24 * _HOUR
_BEFORE_17 = " (before JDK 17, perf-map-agent has to write one first)"
_VERSION = re.compile(r"[-.]?[\d.]*\.so(\.[\d.]+)?$")


def text(study: Study, view: View) -> str:
    """*study* in lines that fit the *view*, with its top functions."""
    blocks = [
        [*heads(study, view), *sentences(study, view.unit)],
        findings(study.verdict),
        waterfall(study.verdict, view.width),
        *([graph(study, view)] if view.is_graph else _tables(study, view)),
        remarks(study, view),
        [f"next: {next_step(study)}"],
    ]
    return "\n".join("\n".join(block) + "\n" for block in blocks if block)


def _tables(study: Study, view: View) -> list[list[str]]:
    return [table_lines(study, view), trends(study, view), stacks(study, view)]


def heads(study: Study, view: View) -> list[str]:
    """The title in lines: which process, and which of its stacks."""
    parts = [_title(study, view.unit), *scope(study, view.unit)]
    return [clip(each, view.width) for each in parts]


def title(study: Study) -> str:
    """Which process this is, and which of its stacks: ``orders on web-1, pid 12 (java): ...``."""
    return "; ".join([_title(study, "auto"), *scope(study, "auto")])


def scope(study: Study, unit: str) -> list[str]:
    """One line on the stacks that are shown, if not all are."""
    if not study.filters:
        return []
    from memops.report.scope import filtered  # noqa: PLC0415 - hardly ever

    return [filtered(study, unit)]


def graph(study: Study, view: View) -> list[str]:
    """The functions with their callers, as *view* asks."""
    from memops.report.graph import peeked, tree  # noqa: PLC0415 - hardly ever

    return peeked(study, view) if view.peek else tree(study, view)


def _title(study: Study, unit: str) -> str:
    process = study.process
    dumps = f"{process.dumps} dump{'s' * (process.dumps != 1)}"
    every = f"a sample every {format_size(study.interval)}" if study.interval > 1 else "no sampling"
    head = ", ".join(filter(None, (place_of(study), who(study))))
    return f"{head}: {dumps}, {every}, {amount(study.analysis.live, unit=unit)} live"


def place_of(study: Study) -> str:
    """The app and its host, ``orders on web-1``; nothing where neither is known."""
    return " on ".join(filter(None, (study.inputs.app, study.inputs.host)))


def who(study: Study) -> str:
    """The process and its program: ``pid 12 (java)``."""
    process = study.process
    pid = f"pid {process.pid}" if process.pid is not None else "process"
    program = process.executable.rpartition("/")[2]
    return f"{pid} ({program})" if program else pid


def sentences(study: Study, unit: str = "auto") -> list[str]:
    """The functions behind the growth, one sentence each; or that nothing grew."""
    analysis = study.analysis
    largest = analysis.largest_culprits(_SENTENCES)
    found = [each for each in largest if each.amount.bytes > analysis.grown * _SHARE]
    if study.filters and not analysis.rows:
        return ["no stack is left to show"]
    if not analysis.grown:
        return ["nothing grew between the first dump and the last" if analysis.is_growth else
                "nothing is live in this dump"]  # fmt: skip
    if not found:
        return [f"many functions share it; the largest: {sentence(largest[0], study, unit)}"]
    return [sentence(each, study, unit) for each in found]


def sentence(culprit: Culprit, study: Study, unit: str = "auto") -> str:
    """``libz inflateInit2_ called from Java_..._init: +711.4 MiB ± 9.4 in 18 dumps``."""
    library = short_module(culprit.function)
    function = printable(culprit.function.function)
    named = function if culprit.function.reason else f"{printable(library)} {function}".lstrip()
    named += f" at {printable(culprit.function.source)}" if culprit.function.source else ""
    called = f" called from {printable(culprit.caller.function)}" if culprit.caller else ""
    called += _for_java(culprit, study)
    if not study.analysis.is_growth:
        return f"{named}{called}: {amount(culprit.amount, unit=unit)} live"
    many = f"{study.process.dumps} dumps" if study.process.dumps > 1 else "since the base"
    within = " in " * (study.process.dumps > 1) or " "
    grown = f"{amount(culprit.amount, sign=True, unit=unit)}{within}{many}"
    return f"{named}{called}: {grown}, {format_size(culprit.live.bytes, unit)} live"


def _for_java(culprit: Culprit, study: Study) -> str:
    """``, for com.acme.Shop.open (98 %)``: the Java method of the application behind it."""
    if study.java is None or not study.java.named:
        return ""
    from memops.profile.growth.java import calling_method  # noqa: PLC0415 - only for a JVM

    found = calling_method(study.analysis, culprit)
    return f", for {printable(found[0])} ({100 * found[1]:.0f} %)" if found else ""


def amount(each: Amount, *, sign: bool = False, unit: str = "auto") -> str:
    """``711.4 MiB ± 9.4``: the bytes, and one sigma of sampling error in the same unit."""
    size = format_size(each.bytes, unit)
    plus = "+" if sign and each.bytes >= 0 else ""
    number, _, unit = size.partition(" ")
    if each.error <= 0:
        return plus + size
    scale = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}.get(unit, 1 << 40)
    error = each.error / scale
    decimals = 0 if error >= 10 else max(1, len(number.partition(".")[2]))  # noqa: PLR2004
    return f"{plus}{size} ± {error:.{decimals}f}"


def short_module(call: Call) -> str:
    """The library for a sentence: ``libz`` of ``libz.so.1.2.13``; nothing where there is none."""
    return "" if call.module.startswith("[") else _VERSION.sub("", call.module)


def next_step(study: Study) -> str:
    """The next command to type, for this very study."""
    again = shlex.join(["memops", "analyze", *_subject(study)])
    return missing_step(study) or f"{again} --html report.html, for a page with a flame graph"


def missing_step(study: Study) -> str:
    """What to type to learn what this very study lacks; nothing where it lacks nothing."""
    analysis, inputs = study.analysis, study.inputs
    reasons = " ".join(reason for reason, size in analysis.unnamed if size)
    again = shlex.join(["memops", "analyze", *_subject(study)])
    if not analysis.is_growth:
        if inputs.host:
            return f"memops collect --hosts {inputs.host} again after a while, then {again}"
        return f"take another dump after a while, then {again} LATER.heap"
    if study.java and study.java.next:
        return _java_step(study.java, again, study)
    if "without a perf map" in reasons:
        pid = study.process.pid or "PID"
        return f"let its runtime write a perf map, then {again} --perf-map /tmp/perf-{pid}.map"
    if "no file" in reasons or "another build" in reasons:
        return f"{again} --symbols DIR, a directory with the host's programs and libraries"
    return ""


def _java_step(java: JavaNaming, again: str, study: Study) -> str:
    if java.kind != "no map":
        return f"{java.next}, then collect with --jvm, for the Java callers"
    if study.inputs.host:
        return f"{java.next}, then {again}, for the Java methods{_BEFORE_17}"
    path = f"/tmp/perf-{study.process.pid or 'PID'}.map"  # noqa: S108 - where perf maps lie
    return f"{java.next}, then {again} --perf-map {path}{_BEFORE_17}"


def _subject(study: Study) -> list[str]:
    """What to type to analyse the same again: the app and host, or the files."""
    inputs = study.inputs
    if inputs.host:
        return ["--app", inputs.app, "--host", inputs.host]
    return [str(path) for path in (study.first, study.last) if path]


def table(study: Study, view: View) -> list[tuple[str, ...]]:
    """The first rows: what each function allocated, its share, what it and its callees did, its name."""
    if view.is_ranked:
        from memops.report.ranking import ranking  # noqa: PLC0415 - hardly ever

        return ranking(study, view)
    largest = study.analysis.largest_functions(view.top)
    rows = [row for row in largest if row.flat.bytes or row.cumulative.bytes]
    if not rows:
        return []
    total = study.analysis.growth.bytes
    return [
        (grown_or_live(study), "share", "with callees", "function"),
        *(_row(row, total, view.unit) for row in rows),
    ]


def table_lines(study: Study, view: View) -> list[str]:
    """The table in lines."""
    return [clip(aligned(row), view.width) for row in table(study, view)]


def aligned(row: tuple[str, ...]) -> str:
    """A row of a table as one line."""
    columns = zip(row, (22, 6, 13, 9), strict=False)
    return (
        " ".join(f"{text:>{width}}" for text, width in [*columns][: len(row) - 1]) + f"  {row[-1]}"
    )


def grown_or_live(study: Study) -> str:
    """What the numbers are."""
    return "grown" if study.analysis.is_growth else "live"


def _row(row: FunctionRow, total: int, unit: str) -> tuple[str, ...]:
    flat = amount(row.flat, unit=unit) if row.flat.bytes else "-"
    cumulative = format_size(row.cumulative.bytes, unit)
    return flat, share(row.flat.bytes, total), cumulative, place(row.call)


def share(part: int, total: int) -> str:
    """A percentage; nothing where there is none."""
    return f"{round(100 * part / total)} %" if total > 0 and part else ""


def place(call: Call) -> str:
    """A call with its library: ``inflate (libz.so.1)``; an unnamed one says its library itself.

    Where the line is known it comes last: ``serve (shop) shop.cpp:16``.
    """
    if call.reason or not call.module:
        return call.function
    module = "JIT" if call.module == JIT else call.module
    return f"{call.function} ({module}){' ' * bool(call.source)}{call.source}"


def trends(study: Study, view: View) -> list[str]:
    """How fast the stacks grow that grow the most surely, and whether they go on."""
    series = study.series
    steepest = max((each.trend.slope for each in series.stacks), default=0) if series else 0
    if series is None or steepest <= 0:
        return []
    span = series.times[-1] - series.times[0]
    per, unit = (_HOUR, "an hour") if span >= _HOUR / 12 else (60, "a minute")
    over = f"{format_duration(span)} by the files' times, {series.dumps} dumps"
    lines = [f"{f'grows {unit}':>22}  from .. to with 95 %, over {over}"]
    growing = [each for each in series.stacks if each.trend.slope > _SHARE * steepest]
    lines += [_trend(each, per, view.unit) for each in growing[:_TRENDS]]
    if span < _DAY and any(each.trend.verdict == LEAKS for each in growing[:_TRENDS]):
        over = format_duration(span)
        lines.append(f"  what rises longer than {over}, as load does by day, looks like a leak")
    return [clip(line, view.width) for line in lines]


def _trend(each: Growing, per: int, unit: str) -> str:
    found = each.trend
    ends = [format_size(per * value, unit) for value in (found.low, found.high)]
    verdict = found.verdict
    if found.more:
        verdict += f" ({found.more} more dumps)"
    named = [call for call in each.calls if not call.reason] or list(each.calls)
    name = " < ".join(call.function for call in named[:2])
    return f"{format_size(per * found.slope, unit):>22}  {' .. '.join(ends)}  {verdict}: {name}"


def stacks(study: Study, view: View) -> list[str]:
    """The largest stacks, leaf first, each frame on a line of its own."""
    lines: list[str] = []
    for stack in study.analysis.largest_stacks(_STACKS):
        size = stack.amount.bytes
        if size > 0 and (size > _MINOR * study.analysis.grown or not lines):
            shown = _stack(stack, view.unit, sign=study.analysis.is_growth)
            lines += [clip(line, view.width) for line in shown]
    return lines


def _stack(stack: Grown, unit: str, *, sign: bool) -> Iterator[str]:
    yield f"{amount(stack.amount, sign=sign, unit=unit)} in {stack.amount.objects} objects"
    for call in stack.calls[:_FRAMES]:
        yield f"    {place(call)}" + (f"  -- {call.reason}" if call.reason else "")
    if len(stack.calls) > _FRAMES:
        yield f"    ... and {len(stack.calls) - _FRAMES} more callers"


def remarks(study: Study, view: View) -> list[str]:
    """What the reader must know of the input, and the processes that were left out."""
    width, unit = view.width, view.unit
    lines = [clip(f"note: {each}", width) for each in study.notes]
    lines += [clip(study.java.sentence, width)] if study.java else []
    total = max(study.analysis.growth.bytes, 1)
    for reason, size in study.analysis.unnamed[:_REASONS]:
        if size > _SHARE * total:
            lines.append(
                clip(f"no name: {reason} ({format_size(size, unit)} in such stacks)", width)
            )
    for each in study.others:
        program = each.executable.rpartition("/")[2] or "unknown program"
        many = f"{each.dumps} dump{'s' * (each.dumps != 1)}"
        what = f"left out: pid {each.pid} ({program}), {many}, {format_size(each.live, unit)} live"
        lines.append(clip(what, width))
    return lines


def clip(line: str, width: int) -> str:
    """*line* cut to *width* columns, with an ellipsis where something is gone."""
    safe = printable(line)
    return safe if len(safe) <= width else safe[: width - 1] + "…"
