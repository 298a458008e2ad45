"""The corpus as inputs, with paths relative to its directory so that outputs are the same anywhere."""

from __future__ import annotations

import json
from pathlib import Path

from memops.profile.study import Inputs

HERE = Path(__file__).parent
NAMES = ("forks", "jvm", "leak", "paths", "python", "unsampled")


def inputs(name: str, *, perf: bool = False) -> Inputs:
    """The dumps of the corpus *name*; call with the corpus directory as the current one."""
    seconds = {path: 60.0 * sequence(path) for path in Path(name).glob("*.heap.gz")}
    return Inputs(
        times=seconds,
        dumps=[Path(name)],
        app=name,
        symbols=[Path(name) / "symbols"],
        perf_maps=sorted(Path(name).glob("perf.map.gz")) if perf else (),
        build_ids=json.loads((HERE / name / "build-ids.json").read_text()),
    )


def sequence(path: Path) -> int:
    """The number of the dump: in the corpus one is written every minute."""
    return int(path.name.split(".")[2])


def dumps(name: str) -> list[Path]:
    return sorted((HERE / name).glob("*.heap.gz"))
