#!/usr/bin/env python3
"""Capture what the JVMs of several JDKs answer, into tests/corpus/jdks/<feature version>.tar.gz.

    capture_jdks.py JAVA_HOME...

Needs a javac of JDK 17 to 25 on the path, and Debian's libjemalloc2. The corpus is of Debian's
openjdk-8 (8u504-ga-1), openjdk-11 (11.0.33~8ea-1), openjdk-21 (21.0.13.0.3+1-1) and openjdk-25
(25.0.5.0.3+1-1) with glibc 2.43. An answer is named as the command was, ``jcmd PID VM.version``;
``GC.heap_info Serial`` is of the collector -XX:+UseSerialGC. Of VM.info only the header, the Java heap,
native memory tracking and the C heap are kept, for the rest tells of the machine.
"""

from __future__ import annotations

import gzip
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
OUT = HERE / "jdks"
JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
ASKED = (
    "help", "VM.version", "VM.native_memory summary", "VM.native_memory detail",
    "VM.native_memory detail.diff", "VM.info", "System.map", "Compiler.perfmap",
)  # fmt: skip
COLLECTORS = ("Serial", "Parallel", "G1", "ConcMarkSweep", "Z", "Shenandoah")
_KEPT = re.compile(
    rb"^# JRE version:[^\n]*\n|^C-Heap [^\n]*\n|^Heap:\n(?:[^\n]+\n)+\n"
    rb"|^Native Memory Tracking:\n.*?(?=^-{15}|\n\n\n)",
    re.MULTILINE | re.DOTALL,
)


@contextmanager
def leaking(home: Path, work: Path, *flags: str) -> Iterator[int]:
    """The pid of a JVM that has leaked; it ends with the block. A JVM that refuses *flags* gives 0."""
    done, stop = work / "done", work / "stop"
    done.unlink(missing_ok=True)
    argv = [str(home / "bin/java"), "-Xmx256m", *flags, "-cp", str(work), "Inflaters"]
    env = {"LD_PRELOAD": JEMALLOC, "MALLOC_CONF": "prof:false"}
    process = subprocess.Popen([*argv, "2", "300", str(done), str(stop), "5"], env=env)
    time.sleep(1)
    if "-XX:NativeMemoryTracking=detail" in flags:
        jcmd(home, process.pid, "VM.native_memory baseline")
    while not done.exists() and process.poll() is None:
        time.sleep(0.1)
    yield process.pid if process.poll() is None else 0
    process.kill()
    process.wait()


def jcmd(home: Path, pid: int, command: str) -> bytes:
    """What the JVM answers to *command*, or what jcmd says of it (on stderr, where it is not known)."""
    argv = [str(home / "bin/jcmd"), str(pid), *command.split()]
    done = subprocess.run(argv, capture_output=True, check=False)
    return done.stdout + done.stderr


def answers(home: Path, work: Path) -> dict[str, bytes]:
    """All answers of the JVM at *home*, by the command."""
    found: dict[str, bytes] = {}
    with leaking(home, work, "-XX:NativeMemoryTracking=detail") as pid:
        for command in ASKED:
            said = jcmd(home, pid, command)
            found[command] = b"".join(_KEPT.findall(said)) if b"JRE version" in said else said
        found["maps"] = Path(f"/proc/{pid}/maps").read_bytes()
        perf = Path(f"/tmp/perf-{pid}.map")
        if perf.exists():
            found["perf.map"] = perf.read_bytes()
            perf.unlink()
    for collector in COLLECTORS:
        flags = ("-XX:+UnlockExperimentalVMOptions", f"-XX:+Use{collector}GC")
        with leaking(home, work, *flags) as pid:
            if pid:
                found[f"GC.heap_info {collector}"] = jcmd(home, pid, "GC.heap_info")
    return found


def save(name: str, found: dict[str, bytes]) -> None:
    """Pack *found* so that the same answers give the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for command, said in found.items():
            entry = tarfile.TarInfo(command)
            entry.size = len(said)
            archive.addfile(entry, io.BytesIO(said))
    (OUT / f"{name}.tar.gz").write_bytes(gzip.compress(packed.getvalue(), 9, mtime=0))


def main() -> None:
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="memops-jdks-") as folder:
        work = Path(folder)
        source = HERE / "programs/Inflaters.java"
        subprocess.run(
            ["javac", "--release", "8", "-Xlint:-options", "-d", work, source], check=True
        )
        for home in map(Path, sys.argv[1:]):
            found = answers(home, work)
            version = re.search(rb"^JDK (\d+)", found["VM.version"], re.MULTILINE)
            assert version, found["VM.version"]
            save(version[1].decode(), found)


if __name__ == "__main__":
    main()
