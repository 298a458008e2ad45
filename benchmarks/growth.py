"""``python -m benchmarks.growth``: how often the words on growth are wrong, of processes that are known."""

from __future__ import annotations

import random
import sys
from collections import Counter

from tests.profile.processes import ALL, HOUR, Process, watched

DUMPS, RUNS, HOURS, SEED = (6, 12, 48, 200), 200, 24.0, 7
WORDS = ("leaks", "plateaus", "periodic", "shrinks", "steady", "too early to tell")


def told(
    process: Process, dumps: int, runs: int, hours: float
) -> tuple[float | None, Counter[str]]:
    """How often the interval held the true growth, and how often each word was said."""
    dice, words, held = random.Random(f"{SEED} {process.name} {dumps}"), Counter[str](), 0
    for _ in range(runs):
        found = watched(process, dumps, hours, dice)
        words[found.verdict] += 1
        rate = (process.grows or 0) / (HOUR * hours)
        held += found.low <= rate <= found.high
    return (held / runs if process.grows is not None else None), words


def main(runs: int, hours: float) -> None:
    """Print a line for each process and number of dumps: shares in percent of *runs*."""
    print(f"{'':45} dumps held  " + " ".join(f"{word[:9]:>9}" for word in WORDS))
    for process in ALL:
        for dumps in DUMPS:
            held, words = told(process, dumps, runs, hours)
            shown = f"{100 * held:4.0f}" if held is not None else "   -"
            shares = " ".join(f"{100 * words[word] / runs:9.0f}" for word in WORDS)
            print(f"{process.name:45} {dumps:5} {shown}  {shares}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else RUNS, float(sys.argv[2]) if sys.argv[2:] else HOURS)
