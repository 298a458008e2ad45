#!/usr/bin/env python3
"""Make the corpus anew: real dumps, the names they need, and what jeprof makes of their numbers.

Needs gcc, g++, a JDK (17 or later), /usr/bin/python3, Debian's libjemalloc2, libjemalloc-dev (for
jeprof) and redis, and for the entry ``jvm-unwind`` what builds memops' own jemalloc with libunwind.
Run from the repository: ``python tests/corpus/make.py [NAME...]``; all entries unless named. Pids,
addresses and samples differ each time, so golden files must then be looked at and committed anew.
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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from memops.profile.growth.estimate import estimate  # noqa: E402
from memops.profile.heap.runs import read_heap  # noqa: E402
from memops.profile.symbols.elf import open_elf  # noqa: E402
from tests.corpus.read import sequence  # noqa: E402
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


def _environment(out: Path, name: str, conf: str, library: str = JEMALLOC) -> dict[str, str]:
    conf = f"prof:true,{conf},prof_final:true,prof_sys_thread_name:true,prof_prefix:{out}/{name}"
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "LD_PRELOAD": library, "MALLOC_CONF": conf}


def compiled(name: str, *flags: str) -> str:
    """The program *name*, compiled; C or C++."""
    source = next(PROGRAMS.glob(f"{name}.c*"))
    compiler = "gcc" if source.suffix == ".c" else "g++"
    argv = [compiler, "-O1", "-g0", "-Wl,--build-id", *flags, "-o", name, str(source)]
    subprocess.run(argv, check=True, cwd=WORK)
    return f"./{name}"


def run_leak() -> Path:
    return run("leak", "lg_prof_sample:12,lg_prof_interval:21", compiled("leak"), "1000")


def run_forks() -> Path:
    return run("forks", "lg_prof_sample:12", compiled("forks"))


def run_paths() -> Path:
    return run("paths", "lg_prof_sample:9", compiled("paths"), "400", "4")


def run_unsampled() -> Path:
    return run("unsampled", "lg_prof_sample:0", compiled("leak"), "20")


def run_python() -> Path:
    shutil.copy(PROGRAMS / "grow.py", WORK)
    conf = "lg_prof_sample:14,lg_prof_interval:24"
    return run("python", conf, "/usr/bin/python3", "grow.py", "200")


def run_inlines() -> Path:
    """A C++ program with its debug information, whose calls of new lie in inlined functions."""
    flags = ("-O2", "-g", "-gz", f"-fdebug-prefix-map={PROGRAMS}=/src")
    conf = "lg_prof_sample:12,lg_prof_interval:21"
    return run("inlines", conf, compiled("inlines", *flags), "2000")


def run_redis() -> Path:
    """Debian's redis, which is linked with Debian's jemalloc, as redis-cli fills it."""
    out, socket = WORK / "dumps" / "redis", WORK / "redis.sock"
    out.mkdir(parents=True)
    env = _environment(out, "redis", "lg_prof_sample:14,lg_prof_interval:22")
    del env["LD_PRELOAD"]
    argv = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", ""]
    client = ["redis-cli", "-s", str(socket)]
    with subprocess.Popen(argv, env=env, cwd=WORK, stdout=subprocess.DEVNULL):
        while not socket.exists():
            time.sleep(0.05)
        for batch in range(40):
            subprocess.run(
                [*client, "--pipe"], input=_orders(batch), check=True, capture_output=True
            )
        subprocess.run([*client, "shutdown", "nosave"], check=True, capture_output=True)
    return out


def _orders(batch: int) -> bytes:
    """A thousand commands: hashes that stay, a list that grows, a counter."""
    lines = []
    for number in range(batch * 500, batch * 500 + 500):
        item = f"{number:x}" * 40
        lines.append(f'HSET order:{number} item "{item}" paid no at {number}')
        lines.append(f'RPUSH audit "{item[:200]}"')
    return "".join(f"{line}\r\n" for line in [*lines, "INCR batches"]).encode()


def run_jvm() -> Path:
    """The leaking JVM, with a perf map taken while it lived."""
    out, done, stop = WORK / "dumps" / "jvm", WORK / "done", WORK / "stop"
    with _jvm("jvm", JEMALLOC, "4", "1500", str(done), str(stop)) as jvm:
        while not done.exists():
            time.sleep(0.1)
        _perf_map(jvm.pid, out / "perf.map")
        stop.touch()
    return out


def run_jvm_unwind() -> Path:
    """The same with libunwind and frame pointers, slower, so that each dump has its perf map."""
    from tests.recipes.brewed import real_library

    out, done, stop = WORK / "dumps" / "jvm-unwind", WORK / "done", WORK / "stop"
    library = str(shutil.copy(real_library(variant="libunwind").path, WORK / "libjemalloc.so.2"))
    argv = ("4", "1500", str(done), str(stop), "20")
    with _jvm("jvm-unwind", library, *argv, flags=("-XX:+PreserveFramePointer",)) as jvm:
        mapped: set[int] = set()
        while not done.exists():
            for dump in sorted(out.glob("*.heap"), key=sequence):
                if sequence(dump) not in mapped:
                    mapped.add(sequence(dump))
                    _perf_map(jvm.pid, out / f"perf.{sequence(dump)}.map")
            time.sleep(0.05)
        stop.touch()
    return out


def _jvm(
    name: str, library: str, *argv: str, flags: tuple[str, ...] = ()
) -> subprocess.Popen[bytes]:
    out = WORK / "dumps" / name
    out.mkdir(parents=True)
    for left in ("done", "stop"):
        (WORK / left).unlink(missing_ok=True)
    subprocess.run(["javac", "-d", WORK, PROGRAMS / "Inflaters.java"], check=True)
    java = [
        "java",
        "-Xmx256m",
        "-Xmn64m",
        "-XX:+UseParallelGC",
        *flags,
        "-cp",
        str(WORK),
        "Inflaters",
    ]
    env = _environment(out, name, "lg_prof_sample:17,lg_prof_interval:25", library)
    return subprocess.Popen([*java, *argv], env=env)


def _perf_map(pid: int, to: Path) -> None:
    subprocess.run(["jcmd", str(pid), "Compiler.perfmap"], check=True, capture_output=True)
    shutil.copy(f"/tmp/perf-{pid}.map", to)


ENTRIES: dict[str, Callable[[], Path]] = {
    "leak": run_leak,
    "forks": run_forks,
    "paths": run_paths,
    "unsampled": run_unsampled,
    "python": run_python,
    "inlines": run_inlines,
    "redis": run_redis,
    "jvm": run_jvm,
    "jvm-unwind": run_jvm_unwind,
}


def keep(name: str, out: Path) -> None:
    """Pack a few dumps of *out* into the corpus, with symbols and jeprof's numbers."""
    home = HERE / name
    shutil.rmtree(home, ignore_errors=True)
    (home / "symbols").mkdir(parents=True)
    files = sorted(out.glob("*.heap"), key=lambda path: int(path.name.split(".")[2]))
    pids = {path.name.split(".")[1] for path in files}
    chosen = files if len(pids) > 1 else [*files[:: max(1, len(files) // 4)], files[-1]]
    for path in dict.fromkeys(chosen):
        pack(path, home / f"{path.name}.gz")
    for path in out.glob("perf*.map"):
        if path.name == "perf.map" or any(_seq(path) == sequence(each) for each in chosen):
            pack(path, home / f"{path.name}.gz")
    ids = slim(sorted(home.glob("*.heap.gz")), home / "symbols")
    (home / "build-ids.json").write_text(json.dumps(ids, indent=1, sort_keys=True) + "\n")
    frozen = {path.name: jeprof(path) for path in sorted(home.glob("*.heap.gz"))}
    with gzip.GzipFile(home / "jeprof.json.gz", "wb", mtime=0) as file:
        file.write(json.dumps(frozen, indent=0).encode())


def _seq(perf_map: Path) -> int:
    return int(perf_map.name.split(".")[1])


def pack(path: Path, to: Path) -> None:
    with gzip.GzipFile(to, "wb", mtime=0) as file:
        file.write(path.read_bytes())


def slim(dumps: list[Path], to: Path) -> dict[str, str]:
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
        symbols = sorted({Symbol(*function[:3]) for function in found if function})
        loads = [
            Load(each.offset, each.address, each.size) for each in elf.segments if each.kind == 1
        ]
        whole = Path(path).read_bytes() if elf.has_debug_info else b""
        stripped = not elf.has_all_names
        slim = elf_bytes(
            symbols, loads, elf.build_id, stripped=stripped, order=elf.order, machine=elf.machine
        )
        (to / elf.build_id).write_bytes(whole or slim)
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


def main(names: list[str]) -> None:
    """Make the entries called *names*, or all."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    os.umask(0o022)
    for name in names or ENTRIES:
        keep(name, ENTRIES[name]())


if __name__ == "__main__":
    main(sys.argv[1:])
