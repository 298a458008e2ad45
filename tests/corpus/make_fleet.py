#!/usr/bin/env python3
"""Make the fleet of the corpus anew: five hosts, several lives, three releases of one service.

Needs gcc and Debian's libjemalloc2. Run from the repository: ``python tests/corpus/make_fleet.py``.
Pids, addresses and samples differ each time, so golden files must then be looked at and committed anew.

``web-1`` to ``web-4`` run the release that loses pages; ``web-5`` the next one, which loses entries of
its cache too. Each has two lives, ``web-1`` three, the last of which is of the remedy.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from tests.corpus import make  # noqa: E402

HOME = HERE / "fleet-shop"
RELEASES = {"1.7": [], "1.8": ["-DFORGETFUL=8"], "1.7.1": ["-DCAREFUL=50"]}
LIVES = [
    ("web-1", "1.7", 900), ("web-1", "1.7", 1000), ("web-1", "1.7.1", 1000),
    ("web-2", "1.7", 1000), ("web-2", "1.7", 1100),
    ("web-3", "1.7", 900), ("web-3", "1.7", 1000),
    ("web-4", "1.7", 1000), ("web-4", "1.7", 900),
    ("web-5", "1.7", 1000), ("web-5", "1.8", 1000),
]  # fmt: skip
DUMPS = 7


def build(release: str, flags: list[str]) -> Path:
    """The service of *release*, in a directory of its own as deployments have them."""
    program = make.WORK / f"shop-{release}" / "shop"
    program.parent.mkdir()
    source = make.PROGRAMS / "leak.c"
    options = ["-O1", "-g0", "-Wl,--build-id", *flags]
    subprocess.run(["gcc", *options, "-o", program, source], check=True)
    return program


def keep(host: str, program: Path, requests: int, life: int) -> None:
    """Run a life and pack some of its dumps."""
    out = make.run(
        f"shop-{life}", "lg_prof_sample:13,lg_prof_interval:21", str(program), str(requests)
    )
    dumps = sorted(out.glob("*.heap"), key=lambda path: int(path.name.split(".")[2]))
    kept = [path for path in dumps if ".f." not in path.name]
    (HOME / host).mkdir(parents=True, exist_ok=True)
    for path in kept[:: max(1, len(kept) // DUMPS)][:DUMPS]:
        make.pack(path, HOME / host / f"{path.name.replace(f'-{life}', '', 1)}.gz")


def main() -> None:
    shutil.rmtree(make.WORK, ignore_errors=True)
    make.WORK.mkdir()
    shutil.rmtree(HOME, ignore_errors=True)
    (HOME / "symbols").mkdir(parents=True)
    programs = {release: build(release, flags) for release, flags in RELEASES.items()}
    for life, (host, release, requests) in enumerate(LIVES):
        keep(host, programs[release], requests, life)
    build_ids = make.slim(sorted(HOME.rglob("*.heap.gz")), HOME / "symbols")
    text = json.dumps(build_ids, indent=1, sort_keys=True)
    (HOME / "build-ids.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
