#!/usr/bin/env python3
"""Capture what a JVM and its kernel say of its memory, into tests/corpus/memory.

Needs a JDK (17 or later), gcc, procps, Debian's libjemalloc2 and libgoogle-perftools4, and cgroup
version 1 (version 2 is written by hand after the kernel's cgroup-v2.rst in the test).
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS, OUT, WORK = HERE / "programs", HERE / "memory", Path("/tmp/memops-memory")
LIBRARIES = "/usr/lib/x86_64-linux-gnu"


def keep(name: str, text: bytes) -> None:
    """Save *text* packed under *name*."""
    with gzip.GzipFile(OUT / f"{name}.gz", "wb", mtime=0) as file:
        file.write(text)


def jvm() -> None:
    """Everything that a JVM with native memory tracking and its /proc tell."""
    done, stop = WORK / "done", WORK / "stop"
    subprocess.run(["javac", "-d", WORK, PROGRAMS / "Inflaters.java"], check=True)
    argv = ["java", "-Xmx128m", "-XX:NativeMemoryTracking=detail", "-cp", str(WORK), "Inflaters"]
    with subprocess.Popen([*argv, "2", "300", str(done), str(stop)]) as process:
        time.sleep(1)
        _jcmd(process.pid, "VM.native_memory", "baseline")
        while not done.exists():
            time.sleep(0.1)
        time.sleep(1)
        for name in ("smaps", "smaps_rollup", "status", "maps"):
            keep(name, Path(f"/proc/{process.pid}/{name}").read_bytes())
        for flag in ("x", "X"):
            said = subprocess.run(
                ["pmap", f"-{flag}", str(process.pid)], capture_output=True, check=True
            )
            keep(f"pmap-{flag}", said.stdout)
        for kind in ("summary", "detail", "summary.diff"):
            keep(f"nmt-{kind}", _jcmd(process.pid, "VM.native_memory", kind))
        keep("vm-info", b"".join(
            line for line in _jcmd(process.pid, "VM.info").splitlines(keepends=True)
            if line.startswith((b"C-Heap", b"Process Memory", b"Resident"))))  # fmt: skip
        stop.touch()


def _jcmd(pid: int, *words: str) -> bytes:
    return subprocess.run(["jcmd", str(pid), *words], capture_output=True, check=True).stdout


def allocators() -> None:
    """glibc's arenas, jemalloc's statistics and gperftools' profiles."""
    for name in ("leak", "arenas"):
        source = PROGRAMS / f"{name}.c"
        subprocess.run(["gcc", "-O1", "-o", WORK / name, source, "-lpthread"], check=True)
    keep("malloc_info", subprocess.run([WORK / "arenas"], capture_output=True, check=True).stdout)
    env = {
        "LD_PRELOAD": f"{LIBRARIES}/libjemalloc.so.2",
        "MALLOC_CONF": "stats_print:true,stats_print_opts:Jmdablxe",
    }
    keep(
        "jemalloc-stats",
        subprocess.run(["/bin/true"], env=env, capture_output=True, check=True).stderr,
    )
    env = {"LD_PRELOAD": f"{LIBRARIES}/libtcmalloc.so.4", "HEAPPROFILE": f"{WORK}/tc",
           "HEAP_PROFILE_ALLOCATION_INTERVAL": "12000000"}  # fmt: skip
    subprocess.run([WORK / "leak", "1000"], env=env, check=True, capture_output=True)
    for path in sorted(WORK.glob("tc.*.heap")):
        keep(path.name, path.read_bytes())


def main() -> None:
    for directory in (WORK, OUT):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
    os.umask(0o022)
    jvm()
    allocators()
    for name in ("memory.stat", "memory.usage_in_bytes", "memory.limit_in_bytes"):
        keep(f"v1-{name}", Path("/sys/fs/cgroup/memory", name).read_bytes())


if __name__ == "__main__":
    main()
