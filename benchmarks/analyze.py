#!/usr/bin/env python3
"""The CPU seconds of `memops analyze` and of jeprof on the same dumps, in interleaved runs.

Needs g++ and Debian's libjemalloc2 and libjemalloc-dev. Run from the repository:
``python benchmarks/analyze.py [ROUNDS]``. Whole processes, user and system time, medians.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = Path(__file__).parent.parent / "tests" / "corpus" / "programs" / "paths.cpp"
JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
STACKS = {"14,000 stacks": 14_000, "50,000 stacks": 50_000}


def cpu(argv: list[str]) -> float:
    """CPU seconds of one run of *argv*."""
    before = os.times()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    user, system = (after[at] - before[at] for at in (2, 3))
    return user + system


def dump(work: Path, stacks: int) -> Path:
    """A heap dump with so many distinct stacks of a C++ program."""
    conf = f"prof:true,lg_prof_sample:5,prof_final:true,prof_prefix:{work}/paths{stacks}"
    env = {"LD_PRELOAD": JEMALLOC, "MALLOC_CONF": conf}
    argv = [str(work / "paths"), str(stacks), "16"]
    subprocess.run(argv, check=True, env=env, stdout=subprocess.DEVNULL)
    return next(work.glob(f"paths{stacks}.*.heap"))


def main(rounds: int) -> None:
    """Measure and print a line for each size of dump."""
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        subprocess.run(["g++", "-O1", "-o", work / "paths", PROGRAM], check=True)
        for name, stacks in STACKS.items():
            heap = dump(work, stacks)
            ours = [sys.executable, "-m", "memops", "analyze", str(heap)]
            theirs = ["jeprof", "--text", str(work / "paths"), str(heap)]
            pairs = [(cpu(ours), cpu(theirs)) for _ in range(rounds)]
            one, other = (statistics.median(column) for column in zip(*pairs, strict=True))
            size = heap.stat().st_size / 1e6
            print(f"{name}, {size:.1f} MB: memops {one:.2f} s, jeprof {other:.2f} s of CPU, "
                  f"{statistics.median(b / a for a, b in pairs):.0f} times")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
