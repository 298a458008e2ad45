#!/usr/bin/env python3
"""Make the corpus anew: real dumps, the names they need, and what jeprof makes of their numbers.

Needs gcc, g++, a JDK (17 or later), /usr/bin/python3 and Debian's libjemalloc2 and libjemalloc-dev
(for jeprof). Run from the repository: ``python tests/corpus/make.py``. Pids, addresses and samples
differ each time, so golden files must then be looked at and committed anew.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from memops.profile.growth.estimate import estimate  # noqa: E402
from memops.profile.heap.runs import read_heap  # noqa: E402
from memops.profile.symbols.elf import open_elf  # noqa: E402
from tests.corpus.slim import Load, Symbol, elf_bytes  # noqa: E402

WORK = Path("/tmp/memops-corpus")
PROGRAMS = HERE / "programs"
JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
_JEPROF = "/usr/bin/jeprof"


def run(name: str, conf: str, *argv: str) -> Path:
    """Run *argv* under jemalloc; its dumps are in the directory returned."""
    out = WORK / "dumps" / name
    out.mkdir(parents=True)
    subprocess.run(argv, check=True, cwd=WORK, env=_environment(out, name, conf))
    return out


def _environment(out: Path, name: str, conf: str) -> dict[str, str]:
    conf = f"prof:true,{conf},prof_final:true,prof_sys_thread_name:true,prof_prefix:{out}/{name}"
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "LD_PRELOAD": JEMALLOC, "MALLOC_CONF": conf}


def run_jvm() -> Path:
    """The leaking JVM, with a perf map taken while it lived."""
    out, done, stop = WORK / "dumps" / "jvm", WORK / "done", WORK / "stop"
    out.mkdir(parents=True)
    subprocess.run(["javac", "-d", WORK, PROGRAMS / "Inflaters.java"], check=True)
    argv = ["java", "-Xmx256m", "-Xmn64m", "-XX:+UseParallelGC", "-cp", str(WORK), "Inflaters"]
    env = _environment(out, "jvm", "lg_prof_sample:17,lg_prof_interval:25")
    with subprocess.Popen([*argv, "4", "1500", str(done), str(stop)], env=env) as jvm:
        while not done.exists():
            time.sleep(0.1)
        subprocess.run(["jcmd", str(jvm.pid), "Compiler.perfmap"], check=True, capture_output=True)
        shutil.copy(f"/tmp/perf-{jvm.pid}.map", out / "perf.map")
        stop.touch()
    return out


def keep(name: str, out: Path) -> None:
    """Pack a few dumps of *out* into the corpus, with symbols and jeprof's numbers."""
    home = HERE / name
    shutil.rmtree(home, ignore_errors=True)
    (home / "symbols").mkdir(parents=True)
    files = sorted(out.glob("*.heap"), key=lambda path: int(path.name.split(".")[2]))
    pids = {path.name.split(".")[1] for path in files}
    chosen = files if len(pids) > 1 else [*files[:: max(1, len(files) // 4)], files[-1]]
    for path in dict.fromkeys(chosen):
        _pack(path, home / f"{path.name}.gz")
    if (out / "perf.map").exists():
        _pack(out / "perf.map", home / "perf.map.gz")
    ids = _slim(sorted(home.glob("*.heap.gz")), home / "symbols")
    (home / "build-ids.json").write_text(json.dumps(ids, indent=1, sort_keys=True) + "\n")
    frozen = {path.name: jeprof(path) for path in sorted(home.glob("*.heap.gz"))}
    with gzip.GzipFile(home / "jeprof.json.gz", "wb", mtime=0) as file:
        file.write(json.dumps(frozen, indent=0).encode())


def _pack(path: Path, to: Path) -> None:
    with gzip.GzipFile(to, "wb", mtime=0) as file:
        file.write(path.read_bytes())


def _slim(dumps: list[Path], to: Path) -> dict[str, str]:
    """Write what names the frames of *dumps*: per ELF file its segments and those functions."""
    offsets: dict[str, set[int]] = {}
    for dump in dumps:
        for stack in estimate(read_heap(dump), {}).stacks:
            for frame in stack:
                if frame.has_file:
                    offsets.setdefault(frame.path, set()).add(frame.offset)
    ids = {}
    for path, wanted in offsets.items():
        elf = open_elf(Path(path))
        addresses = [elf.address_of(offset - 1) for offset in wanted]
        found = {elf.function_at(address) for address in addresses if address is not None}
        symbols = sorted(Symbol(*function) for function in found if function)
        loads = [
            Load(each.offset, each.address, each.size) for each in elf.segments if each.kind == 1
        ]
        (to / elf.build_id).write_bytes(elf_bytes(symbols, loads, elf.build_id))
        ids[path] = elf.build_id
    return ids


def jeprof(dump: Path) -> list[list[float]]:
    """(objects, bytes) of each stack in the order of the file, by jeprof's own arithmetic."""
    text = gzip.decompress(dump.read_bytes()).decode()
    interval = text.splitlines()[0].split("/")[1]
    counts = re.findall(r"^@.*\n  t\*: (\d+): (\d+) ", text, re.MULTILINE)
    source = re.search(
        r"^sub AdjustSamples \{.*?^\}", Path(_JEPROF).read_text(), re.MULTILINE | re.DOTALL
    )
    assert source
    script = source[0] + (
        "\nwhile (<STDIN>) { my ($n, $s) = split; my @r = AdjustSamples($ARGV[0], 2, $n, $s, 0, 0);"
        ' printf("%.3f %.3f\\n", $r[0], $r[1]); }'
    )
    rows = "".join(f"{objects} {size}\n" for objects, size in counts)
    said = subprocess.run(
        ["perl", "-e", script, interval], input=rows, text=True, capture_output=True, check=True
    )
    return [[float(value) for value in line.split()] for line in said.stdout.splitlines()]


def main() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    flags = ["-O1", "-g0", "-Wl,--build-id"]
    for name in ("leak", "forks"):
        subprocess.run(["gcc", *flags, "-o", WORK / name, PROGRAMS / f"{name}.c"], check=True)
    subprocess.run(["g++", *flags, "-o", WORK / "paths", PROGRAMS / "paths.cpp"], check=True)
    shutil.copy(PROGRAMS / "grow.py", WORK)
    os.umask(0o022)
    keep("leak", run("leak", "lg_prof_sample:12,lg_prof_interval:21", "./leak", "1000"))
    keep("forks", run("forks", "lg_prof_sample:12", "./forks"))
    keep("paths", run("paths", "lg_prof_sample:9", "./paths", "400", "4"))
    keep("unsampled", run("unsampled", "lg_prof_sample:0", "./leak", "20"))
    keep(
        "python",
        run(
            "python", "lg_prof_sample:14,lg_prof_interval:24", "/usr/bin/python3", "grow.py", "200"
        ),
    )
    keep("jvm", run_jvm())


if __name__ == "__main__":
    main()
