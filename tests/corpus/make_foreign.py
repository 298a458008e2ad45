#!/usr/bin/env python3
"""Make the corpus of other processors anew: real programs of theirs, run by qemu under jemalloc.

Needs Debian's qemu-user-static, g++-aarch64-linux-gnu, g++-s390x-linux-gnu (whose C libraries qemu
takes) and, to build jemalloc for them, a directory with its sources and one into which arm64's
libunwind-dev, libunwind8, liblzma-dev and liblzma5 were unpacked (``dpkg -x``). Run from the repository:
``python tests/corpus/make_foreign.py JEMALLOC LIBUNWIND``; golden files must then be looked at and
committed anew. s390x has the other byte order.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from tests.corpus.make import PROGRAMS, WORK, keep  # noqa: E402


class Processor(NamedTuple):
    """What Debian calls its tools, what qemu calls it, and how a stub finds its slot there.

    *stub* is what objdump writes of the instructions that say where: an address, and what is added.
    """

    triple: str
    qemu: str
    stub: str


PROCESSORS = {
    "arm64": Processor("aarch64-linux-gnu", "aarch64",
                       r"adrp\tx16, ([0-9a-f]+).*\n.*ldr\tx17, \[x16(?:, #(\d+))?\]"),
    "s390x": Processor("s390x-linux-gnu", "s390x", r"^ *\S+\tlarl\t%r1,([0-9a-f]+)()"),
}  # fmt: skip
_BTI = "-Wl,-z,force-bti,--no-warnings"
SHARED = ("-shared", "-fPIC", "-Wl,-z,lazy", "-s")
STUBS = {
    "arm64": ("arm64", "stubs.c", SHARED),
    "arm64-pac": ("arm64", "stubs.c", (*SHARED, "-Wl,-z,pac-plt")),
    "arm64-bti": ("arm64", "carry.cpp", ("-no-pie", "-s", _BTI)),
    "s390x": ("s390x", "stubs.c", SHARED),
}
# libunwind 1.6 cannot follow return addresses that are signed.
RUNS = {
    "arm64": ("arm64", ()),
    "arm64-signed": ("arm64", ("-mbranch-protection=standard",)),
    "s390x": ("s390x", ()),
}


def tool(processor: Processor, name: str, *argv: str | Path) -> str:
    """What the *processor*'s binutils or compiler say."""
    return subprocess.run(
        [f"{processor.triple}-{name}", *argv], check=True, capture_output=True, text=True
    ).stdout


def library(name: str, source: Path, unwinder: Path | None) -> Path:
    """jemalloc of the directory *source*, built for *name* with libgcc or the *unwinder* there."""
    home, triple = WORK / f"jemalloc-{name}", PROCESSORS[RUNS[name][0]].triple
    home.mkdir()
    options = ["--enable-prof", "--disable-cxx", "--disable-static", "--with-lg-page=12"]
    env = {**os.environ, "EXTRA_CFLAGS": "-g0", "LDFLAGS": "-Wl,--build-id"}
    if unwinder:
        options.append("--enable-prof-libunwind")
        env["CPPFLAGS"] = f"-I{unwinder}/usr/include -I{unwinder}/usr/include/{triple}"
        env["LDFLAGS"] += "".join(
            f" -L{each} -Wl,-rpath-link,{each} -Wl,-rpath,{each}"
            for each in _homes(unwinder, triple)
        )
        env["LIBS"] = "-lunwind"
    configure = [str(source.resolve() / "configure"), f"--host={triple}", *options]
    for argv in (configure, ["make", "-j2", "build_lib_shared"]):
        subprocess.run(argv, check=True, cwd=home, env=env, stdout=subprocess.DEVNULL)
    return home / "lib" / "libjemalloc.so.2"


def _homes(unwinder: Path, triple: str) -> tuple[Path, Path]:
    """Where Debian keeps libunwind, and liblzma, which it needs."""
    return unwinder / "usr/lib" / triple, unwinder / "lib" / triple


def run(name: str, jemalloc: Path, unwinder: Path | None) -> Path:
    """Run the program of *name*; its dumps are in the directory returned."""
    (kind, flags), out = RUNS[name], WORK / "dumps" / name
    processor = PROCESSORS[kind]
    out.mkdir(parents=True)
    program, source = WORK / f"carry-{name}", PROGRAMS / "carry.cpp"
    tool(processor, "g++", "-O2", "-g0", "-Wl,--build-id", *flags, "-o", program, source)
    conf = f"prof:true,lg_prof_sample:0,prof_final:true,prof_prefix:{out}/{name}"
    env = {"PATH": "/usr/bin:/bin", "LD_PRELOAD": str(jemalloc), "MALLOC_CONF": conf}
    if unwinder:
        env["LD_LIBRARY_PATH"] = ":".join(map(str, _homes(unwinder, processor.triple)))
    argv = [f"qemu-{processor.qemu}-static", "-cpu", "max", "-L", f"/usr/{processor.triple}"]
    subprocess.run([*argv, str(program), "200"], check=True, cwd=WORK, env=env)
    return out


def stubs(processor: Processor, file: Path) -> dict[str, str]:
    """The linker's stubs in *file*, by address: what is in the slot that each of them jumps through."""
    slots = re.findall(
        r"^([0-9a-f]{12,16}) .*_(?:JUMP_SLOT|JMP_SLOT) +\S+ ([^\s@]+)",
        tool(processor, "readelf", "-rW", file),
        re.MULTILINE,
    )
    called = {int(at, 16): symbol for at, symbol in slots}
    plain = ("-d", "-j", ".plt", "--no-show-raw-insn")
    said = tool(processor, "objdump", *plain, file)
    found = {}
    for head, body in re.findall(r"^([0-9a-f]{16}) <.*@plt>:\n((?:.+\n)+)", said, re.MULTILINE):
        jump = re.search(processor.stub, body, re.MULTILINE)
        if jump and (slot := int(jump[1], 16) + int(jump[2] or 0)) in called:
            found[f"{int(head, 16):#x}"] = f"{called[slot]}@plt"
    assert set(found.values()) == {f"{symbol}@plt" for symbol in called.values()}
    return found


def make_stubs(home: Path) -> None:
    """Whole files, for the instructions in them matter."""
    known = {}
    for name, (processor, source, flags) in STUBS.items():
        cross, file = PROCESSORS[processor], WORK / f"stubs-{name}"
        compiler = "gcc" if source.endswith(".c") else "g++"
        tool(cross, compiler, "-O1", "-g0", *flags, "-o", file, PROGRAMS / source)
        known[name] = stubs(cross, file)
        with gzip.GzipFile(home / f"{name}.gz", "wb", mtime=0) as packed:
            packed.write(file.read_bytes())
    (home / "stubs.json").write_text(json.dumps(known, indent=1) + "\n")


def main(source: Path, libunwind: Path) -> None:
    """Make all of it with the jemalloc in *source* and, for one, *libunwind*."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    os.umask(0o022)
    (HERE / "stubs").mkdir(exist_ok=True)
    make_stubs(HERE / "stubs")
    for name in RUNS:
        unwinder = libunwind if name == "arm64-signed" else None
        keep(name, run(name, library(name, source, unwinder), unwinder))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
