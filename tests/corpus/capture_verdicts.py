#!/usr/bin/env python3
"""Capture processes with one kind of memory each, into tests/corpus/verdicts/<case>.tar.gz.

A case holds two snapshots, ``0`` before the memory was taken and ``1`` after, ten minutes apart by
their times; ``heap`` holds the profiles, as many seconds apart as they were. Needs root (for a
cgroup of version 1), gcc, procps, JDK 17 (``java``) and 25 (its directory in ``JDK25``), and Debian's
libjemalloc2. Of NMT's detail the stacks and the malloc sites are left out, for they are long.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
PROGRAMS, OUT, WORK = HERE / "programs", HERE / "verdicts", Path("/tmp/memops-verdicts")
JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
JDK25 = Path(os.environ.get("JDK25", "/usr/lib/jvm/temurin-25-jdk-amd64"))
CGROUP = Path("/sys/fs/cgroup/memory/memops-verdicts")
BLOCKS = WORK / "blocks.dat"
JOIN = ["sh", "-c", f'echo $$ >{CGROUP}/cgroup.procs; exec "$@"', "sh"]

C = [str(WORK / "memory")]
JVM = ["-XX:NativeMemoryTracking=detail", "-Xmx400m", "-Xmn320m", "-XX:+UseSerialGC", "-Xss1m"]
JAVA = ["java", *JVM, "-cp", str(WORK), "Memory"]
JAVA25 = [str(JDK25 / "bin/java"), *JVM, "-cp", str(WORK), "Memory"]
PRELOAD = {"LD_PRELOAD": JEMALLOC, "MALLOC_CONF": "prof:false"}
PROFILED = {"LD_PRELOAD": JEMALLOC, "MALLOC_CONF": "prof:true,lg_prof_sample:16,lg_prof_interval:23,"
            f"prof_sys_thread_name:true,prof_prefix:{WORK}/seep"}  # fmt: skip
G1 = ["java", "-XX:NativeMemoryTracking=detail", "-Xmx256m", "-XX:+UseG1GC", "-cp", str(WORK)]

CASES: dict[str, tuple[Sequence[str], dict[str, str]]] = {
    **{f"c-{kind}": ([*C, kind], {}) for kind in (
        "steady", "leak", "blocks", "retain", "stacks", "anonymous", "huge", "shared")},
    "c-mapped": ([*C, "mapped", str(WORK / "mapped.dat")], {}),
    "c-cache": ([*C, "cache", str(BLOCKS)], {}),
    "je-leak": ([*C, "leak"], PRELOAD),
    "je-retain": ([*C, "retain"], PRELOAD),
    **{f"java-{kind}": ([*JAVA, kind], {}) for kind in (
        "steady", "leak", "retain", "classes", "threads", "direct", "garbage")},
    "java-mapped": ([*JAVA, "mapped", str(BLOCKS)], {}),
    "java-je-leak": ([*JAVA, "leak"], PRELOAD),
    "java-je-seep": ([*JAVA, "seep"], PROFILED),
    "java-g1-leak": ([*G1, "Memory", "leak"], {}),
    "java25-threads": ([*JAVA25, "threads"], {}),
    "java25-leak": ([*JAVA25, "leak"], {}),
}  # fmt: skip


def capture(name: str, argv: Sequence[str], extra: dict[str, str]) -> None:
    """Run *argv* and save what it and the kernel say of it at its two stops."""
    grouped = name in {"c-cache", "c-shared"}
    _forget(BLOCKS)
    env = {"PATH": os.environ["PATH"], **extra}
    stops: list[dict[str, bytes]] = []
    program = argv[0]
    argv = [*JOIN, *argv] if grouped else argv
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env,
                          cwd=WORK) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        for stop in range(2):
            while process.stdout.readline() != b"ready\n":
                assert process.poll() is None, f"{name} ended"
            if name.startswith("java") and not stop:
                _jcmd(program, process.pid, "VM.native_memory", "baseline")
            stops.append(_snapshot(process.pid, program, stop, grouped=grouped))
            process.stdin.write(b"\n")
            process.stdin.flush()
    _save(name, stops)


def _forget(path: Path) -> None:
    """Take *path* out of the page cache, for it counts for whoever reads it first."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _snapshot(pid: int, program: str, stop: int, *, grouped: bool) -> dict[str, bytes]:
    said = {"allocator": (WORK / f"allocator.{stop}").read_bytes()} if "java" not in program else {}
    for name in ("smaps", "smaps_rollup", "status"):
        said[name] = Path(f"/proc/{pid}/{name}").read_bytes()
    if "java" in program:
        said["nmt"] = _slim(_jcmd(program, pid, "VM.native_memory", "detail"))
        if stop:
            said["nmt.diff"] = _jcmd(program, pid, "VM.native_memory", "detail.diff")
        said["vminfo"] = b"".join(
            re.findall(rb"^C-Heap .*\n", _jcmd(program, pid, "VM.info"), re.MULTILINE)
        )
        said["heap_info"] = _jcmd(program, pid, "GC.heap_info")
        if str(JDK25) in program:
            said["system_map"] = _jcmd(program, pid, "System.map")
    for name in ("memory.stat", "memory.usage_in_bytes", "memory.limit_in_bytes"):
        if grouped:
            said[name] = (CGROUP / name).read_bytes()
    return said


def _jcmd(program: str, pid: int, *words: str) -> bytes:
    jcmd = str(Path(program).with_name("jcmd")) if "/" in program else "jcmd"
    return subprocess.run([jcmd, str(pid), *words], capture_output=True, check=True).stdout


def _slim(detail: bytes) -> bytes:
    whole = detail.partition(b"\nDetails:")[0]
    return re.sub(rb"^[ \t]*\[0x[0-9a-f]+\][^\n]*\n", b"", whole, flags=re.MULTILINE)


def _save(name: str, stops: Sequence[dict[str, bytes]]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for stop, files in enumerate(stops):
            for file, text in files.items():
                _add(tar, f"{name}/{stop}/{file}", text, 600 * stop)
        for path, seconds in _heaps():
            _add(tar, f"{name}/heap/{path.name}", path.read_bytes(), seconds)
            path.unlink()
    with gzip.GzipFile(OUT / f"{name}.tar.gz", "wb", mtime=0) as out:
        out.write(packed.getvalue())


def _heaps() -> list[tuple[Path, int]]:
    """The heap profiles that were just written, and their seconds after the first."""
    times = sorted((path.stat().st_mtime, path) for path in WORK.glob("seep.*.i*.heap"))
    return [(path, int(time - times[0][0])) for time, path in times]


def _add(tar: tarfile.TarFile, name: str, text: bytes, seconds: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(text), 1_790_000_000 + seconds
    tar.addfile(info, io.BytesIO(text))


def main() -> None:
    wanted = sys.argv[1:] or list(CASES)
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    OUT.mkdir(exist_ok=True)
    CGROUP.mkdir(exist_ok=True)
    BLOCKS.write_bytes(os.urandom(1 << 20) * 96)
    subprocess.run(["gcc", "-O1", "-o", C[0], PROGRAMS / "memory.c", "-lpthread", "-lrt", "-ldl"],
                   check=True)  # fmt: skip
    subprocess.run(["javac", "-d", WORK, PROGRAMS / "Memory.java"], check=True)
    for name in wanted:
        capture(name, *CASES[name])
    (CGROUP / "memory.force_empty").write_text("0")
    CGROUP.rmdir()
    shutil.rmtree(WORK)


if __name__ == "__main__":
    main()
