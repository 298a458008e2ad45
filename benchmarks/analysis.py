"""Heap profiles into a table: ``memops analyze`` against jeprof, whole processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Contender, Figures, Target, interleave, run_together

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
CORPUS = HERE.parent / "tests" / "corpus" / "jvm"
REFERENCE, OURS = "jeprof --text", "memops analyze"
# (stacks, depth): 9 MB and 30 MB
SERIES = 200
SIZES = ((14_000, 34), (50_000, 32))


def run(scratch: Path, rounds: int) -> Iterator[Figures]:
    program = _program(scratch)
    for stacks, depth in SIZES:
        heap = _heap(scratch, program, stacks, depth)
        yield _against_jeprof(program, heap, stacks, rounds)
    yield _series(scratch, program, rounds)
    yield _first_answers(rounds)


def _memops(*words: str) -> None:
    run_together([[sys.executable, "-m", "memops", *words]])


def _against_jeprof(program: Path, heap: Path, stacks: int, rounds: int) -> Figures:
    contenders = [Contender(OURS, lambda: _memops("analyze", str(heap), "--symbols", "/"))]
    targets: list[Target] = []
    notes = []
    if shutil.which("jeprof"):
        argv = ["jeprof", "--text", str(program), str(heap)]
        contenders.append(Contender(REFERENCE, lambda: run_together([argv]), rounds=1))
        targets = [Target(OURS, 20, REFERENCE, "cpu", speedup=True)]
    else:
        notes = ["jeprof is not here: apt-get install libjemalloc-dev"]
    title = f"A profile of {stacks} C++ stacks, {heap.stat().st_size / 1e6:.0f} MB, to a text table"
    return Figures(title, interleave(contenders, rounds), targets, notes)


def _series(scratch: Path, program: Path, rounds: int) -> Figures:
    """Many dumps of one process into a ranked growth table, and whether memory grows with them."""
    whole = scratch / "series"
    whole.mkdir()
    _profile(program, whole / "s", "lg_prof_interval:21", "2000", "24", "180")
    dumps = sorted(whole.glob("*.heap"), key=lambda path: int(path.name.split(".")[2]))[:SERIES]
    few = [str(path) for path in dumps[:: len(dumps) // 20]]
    everything = [str(path) for path in dumps]
    contenders = [
        Contender(f"{len(few)} dumps", lambda: _memops("analyze", *few, "--symbols", "/")),
        Contender(f"{len(dumps)} dumps", lambda: _memops("analyze", *everything, "--symbols", "/")),
    ]
    peaks = [_peak("analyze", *words, "--symbols", "/") >> 20 for words in (few, everything)]
    title = f"{len(dumps)} dumps of 2000 stacks, {dumps[-1].stat().st_size / 1e6:.1f} MB each, to a ranked table"
    return Figures(
        title,
        interleave(contenders, rounds),
        [Target(f"{len(dumps)} dumps", 5, measure="cpu")],
        [f"peak memory: {peaks[0]} MB for {len(few)} dumps, {peaks[1]} MB for {len(dumps)}"],
    )


def _peak(*words: str) -> int:
    """The peak memory of ``memops`` in bytes (VmHWM)."""
    script = (
        "import sys; from memops.cli.main import run; run(sys.argv[1:]); "
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    out = run_together([[sys.executable, "-c", script, *words]])[0]
    return int(out.split()[-1]) << 10


def _first_answers(rounds: int) -> Figures:
    """What a person waits for: the help, and the first table of a JVM's profile."""
    heap = max(CORPUS.glob("*.heap.gz"), key=lambda path: path.stat().st_size)
    words = ("analyze", str(heap), "--symbols", str(CORPUS / "symbols"))
    costs = interleave(
        [
            Contender("python -c pass", lambda: run_together([[sys.executable, "-c", "pass"]])),
            Contender("memops --help", lambda: _memops("--help")),
            Contender("memops analyze --help", lambda: _memops("analyze", "--help")),
            Contender("memops analyze, JVM profile", lambda: _memops(*words)),
        ],
        max(rounds, 5),
    )
    targets = [
        Target("memops --help", 0.2),
        Target("memops analyze --help", 0.2),
        Target("memops analyze, JVM profile", 0.4),
    ]
    return Figures("First answers, warm", costs, targets)


def _program(scratch: Path) -> Path:
    program = scratch / "stages"
    source = HERE / "program" / "stages.cpp"
    subprocess.run(["g++", "-O1", "-o", program, source], check=True)
    return program


def _heap(scratch: Path, program: Path, stacks: int, depth: int) -> Path:
    """The profile that the distribution's jemalloc writes of so many stacks."""
    prefix = scratch / f"stacks-{stacks}"
    _profile(program, prefix, "prof_final:true", str(stacks), str(depth))
    return next(scratch.glob(f"{prefix.name}.*.heap"))


def _profile(program: Path, prefix: Path, conf: str, *words: str) -> None:
    library = next(Path("/usr/lib").glob("*/libjemalloc.so.2"), None)
    if library is None:
        raise FileNotFoundError("no libjemalloc.so.2 here: apt-get install libjemalloc-dev")
    conf = f"prof:true,lg_prof_sample:0,{conf},prof_prefix:{prefix}"
    env = os.environ | {"LD_PRELOAD": str(library), "MALLOC_CONF": conf}
    subprocess.run([program, *words], env=env, check=True)
