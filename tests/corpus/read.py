"""The corpus as inputs, with paths relative to its directory so that outputs are the same anywhere."""

from __future__ import annotations

import atexit
import json
import shutil
import tarfile
import tempfile
from pathlib import Path

from memops.profile.study import Inputs

HERE = Path(__file__).parent
VERDICTS = sorted(path.name.removesuffix(".tar.gz") for path in HERE.glob("verdicts/*.tar.gz"))
UNPACKED = Path(tempfile.mkdtemp(prefix="memops-verdicts-"))
atexit.register(shutil.rmtree, UNPACKED, ignore_errors=True)
NAMES = (
    "arm64", "arm64-signed", "forks", "inlines", "jvm", "jvm-unwind", "leak", "paths", "python",
    "redis", "s390x", "unsampled",
)  # fmt: skip
EVERY = frozenset(("arm64", "arm64-signed", "s390x", "unsampled"))
"""Those that recorded every allocation."""


def inputs(name: str, *, perf: bool = False) -> Inputs:
    """The dumps of the corpus *name*; call with the corpus directory as the current one."""
    seconds = {path: 60.0 * sequence(path) for path in Path(name).glob("*.heap.gz")}
    maps = sorted(Path(name).glob("perf*.map.gz"), key=_mapped) if perf else []
    seconds |= {path: _mapped(path) for path in maps}
    return Inputs(
        times=seconds,
        dumps=[Path(name)],
        app=name,
        symbols=[Path(name) / "symbols"],
        perf_maps=maps,
        build_ids=json.loads((HERE / name / "build-ids.json").read_text()),
    )


def sequence(path: Path) -> int:
    """The number of the dump: in the corpus one is written every minute."""
    return int(path.name.split(".")[2])


def _mapped(path: Path) -> float:
    """When a perf map was taken: a second after the dump of its number, or at the end."""
    number = path.name.split(".")[1]
    return 60.0 * int(number) + 1 if number.isdigit() else 1e9


def dumps(name: str) -> list[Path]:
    return sorted((HERE / name).glob("*.heap.gz"))


HOSTS = ("web-1", "web-2", "web-3", "web-4", "web-5")
BEGUN = 1795467600.0  # 2026-11-23T21:00:00Z, when the first lives of the fleet began


def fleet(*hosts: str) -> list[Inputs]:
    """The fleet of the corpus, or these *hosts* of it: each host's lives begin two hours apart."""
    return [
        Inputs(
            times=_times(sorted(Path("fleet-shop", host).glob("*.heap.gz"))),
            dumps=[Path("fleet-shop", host)],
            app="shop",
            host=host,
            symbols=[Path("fleet-shop", "symbols")],
            build_ids=json.loads((HERE / "fleet-shop" / "build-ids.json").read_text()),
        )
        for host in hosts or HOSTS
    ]


def _times(paths: list[Path]) -> dict[Path, float]:
    """A dump about every ten minutes."""
    pids = sorted({int(path.name.split(".")[1]) for path in paths})
    return {
        path: BEGUN + 7200.0 * pids.index(int(path.name.split(".")[1])) + 300.0 * sequence(path)
        for path in paths
    }


def verdict_directory(name: str) -> Path:
    """A case of `capture_verdicts`, unpacked."""
    into = UNPACKED / name
    if not into.exists():
        with tarfile.open(HERE / "verdicts" / f"{name}.tar.gz") as tar:
            tar.extractall(UNPACKED / f"{name}.part", filter="data")
        (UNPACKED / f"{name}.part" / name).rename(into)
    return into


def verdict_case(name: str, *but: str) -> dict[str, list[Path]]:
    """The memory files of a case of `capture_verdicts` by snapshot, but for those named *but*."""
    return {
        stop.name: sorted(each for each in stop.iterdir() if each.name not in but)
        for stop in sorted(verdict_directory(name).glob("[01]"))
    }
