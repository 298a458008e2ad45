"""Measuring contenders side by side: interleaved rounds, medians, and ratios within one run."""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Measure = Literal["wall", "cpu"]


@dataclass(frozen=True)
class Contender:
    """A way to do the work; *before* is done ahead of each run and not measured.

    *rounds* is for what is too slow to repeat as often as the others.
    """

    name: str
    run: Callable[[], object]
    before: Callable[[], object] = lambda: None
    rounds: int | None = None


@dataclass(frozen=True)
class Cost:
    """One run: seconds by the clock, and CPU seconds of this process and its children."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Target:
    """*subject* is to cost at most *limit* times *base*; without a *base*, at most *limit* seconds.

    With *speedup*, *base* is to cost at least *limit* times *subject*.
    """

    subject: str
    limit: float
    base: str = ""
    measure: Measure = "wall"
    speedup: bool = False


@dataclass(frozen=True)
class Figures:
    """What one benchmark found: the costs of each contender, in the order of its rounds."""

    title: str
    costs: dict[str, list[Cost]]
    targets: Sequence[Target] = ()
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "contenders": {
                name: {
                    "runs": [asdict(cost) for cost in costs],
                    "median_wall": median(costs, "wall"),
                    "median_cpu": median(costs, "cpu"),
                }
                for name, costs in self.costs.items()
            },
            "targets": [asdict(each) | asdict(outcome(self, each)) for each in self.targets],
            "notes": self.notes,
        }


@dataclass(frozen=True)
class Outcome:
    """A figure to hold against a target: the ratio of medians, and the median of the rounds' ratios."""

    figure: float
    paired: float | None
    met: bool


def interleave(contenders: Sequence[Contender], rounds: int) -> dict[str, list[Cost]]:
    """Run all contenders once, then all again: what disturbs the machine disturbs them alike."""
    costs: dict[str, list[Cost]] = {each.name: [] for each in contenders}
    for number in range(rounds):
        for each in contenders:
            if each.rounds is None or number < each.rounds:
                costs[each.name].append(_cost(each))
    return costs


def _cost(contender: Contender) -> Cost:
    contender.before()
    gc.collect()
    cpu, began = _cpu(), time.monotonic()
    contender.run()
    return Cost(time.monotonic() - began, _cpu() - cpu)


def _cpu() -> float:
    """CPU seconds of this process and of the children it has waited for."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, whose))


def median(costs: Sequence[Cost], measure: Measure) -> float:
    return float(statistics.median(getattr(cost, measure) for cost in costs))


def outcome(figures: Figures, target: Target) -> Outcome:
    subject = figures.costs[target.subject]
    found = median(subject, target.measure)
    if not target.base:
        return Outcome(found, None, found <= target.limit)
    base = figures.costs[target.base]
    ratio = found / median(base, target.measure)
    pairs = [
        getattr(a, target.measure) / getattr(b, target.measure)
        for a, b in zip(subject, base, strict=False)
    ]
    paired = statistics.median(pairs)
    if target.speedup:
        return Outcome(1 / ratio, 1 / paired, 1 / ratio >= target.limit)
    return Outcome(ratio, paired, ratio <= target.limit)


def table(figures: Figures) -> Iterator[str]:
    """The lines of one benchmark's table, its targets beside what was found, and its notes."""
    yield figures.title
    width = max(map(len, figures.costs))
    yield f"  {'':{width}}   wall s (min-max)      client CPU s           runs"
    for name, costs in figures.costs.items():
        yield f"  {name:{width}}  {_span(costs, 'wall')}  {_span(costs, 'cpu')}  {len(costs):4d}"
    for target in figures.targets:
        yield f"  {_told(target, outcome(figures, target))}"
    yield from (f"  {note}" for note in figures.notes)
    yield ""


def _span(costs: Sequence[Cost], measure: Measure) -> str:
    every = [getattr(cost, measure) for cost in costs]
    return f"{statistics.median(every):6.2f} ({min(every):5.2f}-{max(every):5.2f})"


def _told(target: Target, found: Outcome) -> str:
    word = "met" if found.met else "MISSED"
    if not target.base:
        return f"{target.subject}: {found.figure:.2f} s; target: at most {target.limit:g} s: {word}"
    unit = "CPU seconds" if target.measure == "cpu" else "wall time"
    kind = "times faster than" if target.speedup else "times"
    bound = "at least" if target.speedup else "at most"
    return (
        f"{target.subject}: {found.figure:.2f} {kind} {target.base} in {unit} "
        f"(median of the rounds' ratios {found.paired:.2f}); target: {bound} {target.limit:g}: {word}"
    )


def run_together(commands: Sequence[Sequence[str]], stdin: str = os.devnull) -> list[bytes]:
    """Run *commands* side by side, each with the file *stdin*; what they print."""
    children = []
    for command in commands:
        with open(stdin, "rb") as source:  # noqa: PTH123  # one call, beside Popen
            children.append(
                subprocess.Popen(
                    command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE
                )
            )
    return [_waited(child) for child in children]


def pipe(first: Sequence[str], second: Sequence[str]) -> None:
    """Run ``first | second``."""
    source = subprocess.Popen(first, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    sink = subprocess.run(second, stdin=source.stdout, check=False)
    if source.stdout is not None:
        source.stdout.close()
    if source.wait() or sink.returncode:
        raise RuntimeError(f"{first!r:.200}: {source.returncode}, {second!r}: {sink.returncode}")


def _waited(child: subprocess.Popen[bytes]) -> bytes:
    out, err = child.communicate()
    if child.returncode:
        raise RuntimeError(f"{child.args!r:.200} ended with {child.returncode}: {err[-500:]!r}")
    return out
