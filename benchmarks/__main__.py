"""``python -m tests.lab run --hosts "" -- python -m benchmarks``: figures and targets, never a test."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import analysis, page, ping, pull, ten_steps
from benchmarks.ground import NoHosts, ground
from benchmarks.measure import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Figures

ALL = ("ten-steps", "pull", "ping", "analyze", "page")


def main() -> int:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed memops is compiled
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--only", default=",".join(ALL), help=f"of {', '.join(ALL)}")
    parser.add_argument(
        "--rounds", type=int, default=5, help="interleaved rounds of each benchmark"
    )
    parser.add_argument("--hosts", type=int, default=10, help="hosts of the ten steps")
    parser.add_argument("--pinged", type=int, default=50, help="hosts that are pinged")
    parser.add_argument("--json", action="store_true", help="every run of everything, as JSON")
    chosen = parser.parse_args()
    wanted = chosen.only.split(",")
    if unknown := set(wanted) - set(ALL):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    found = []
    try:
        for figures in _measured(wanted, chosen):
            found.append(figures.as_json())
            if not chosen.json:
                print("\n".join(table(figures)), flush=True)
    except NoHosts as error:
        parser.error(str(error))
    if chosen.json:
        print(json.dumps(found, indent=2))
    return 0


def _measured(wanted: list[str], chosen: argparse.Namespace) -> Iterator[Figures]:
    if set(wanted) - {"analyze", "page"}:
        count = chosen.hosts if "ten-steps" in wanted else 1
        with ground(count) as here:
            print(f"benchmarks: {count} hosts up", file=sys.stderr)
            if "ten-steps" in wanted:
                yield ten_steps.run(here, chosen.rounds)
            if "pull" in wanted:
                yield from pull.run(here, chosen.rounds)
            if "ping" in wanted:
                yield ping.run(here, chosen.rounds, chosen.pinged)
    if "analyze" in wanted:
        with tempfile.TemporaryDirectory(prefix="memops-bench-") as scratch:
            yield from analysis.run(Path(scratch), chosen.rounds)
    if "page" in wanted:
        with tempfile.TemporaryDirectory(prefix="memops-bench-") as scratch:
            yield page.run(Path(scratch), chosen.rounds)


if __name__ == "__main__":
    raise SystemExit(main())
