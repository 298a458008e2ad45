"""Write what ansible-core itself makes of each case into cases/*.json; run it when a case is added.

    python tests/inventory/freeze.py DIRECTORY-OF-ANSIBLE'S-COMMANDS [CASE...]

Only ansible-core's commands are run; the project neither imports it nor needs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from memops import yaml
from tests.inventory.case_files import CASES, lay_out

ENV = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "False"}


def main() -> None:
    commands, names = Path(sys.argv[1]), sys.argv[2:]
    for path in sorted(CASES.glob("*.yaml")):
        if not names or path.stem in names:
            answer = freeze(yaml.load(path), commands)
            path.with_suffix(".json").write_text(
                json.dumps(answer, indent=1, sort_keys=True) + "\n"
            )


def freeze(case: dict[str, Any], commands: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        sources = [part for each in lay_out(case, Path(name)) for part in ("-i", each)]
        beside = case.get("playbook_dir")
        playbook = ["--playbook-dir", f"{name}/{beside}"] if beside else []
        listing = run([commands / "ansible-inventory", *sources, *playbook, "--list"])
        listed = json.loads(listing, object_hook=untagged)
        listed["_meta"].pop("profile", None)
        graph = run([commands / "ansible-inventory", *sources, *playbook, "--graph"])
        hosts = {
            pattern: orders([commands / "ansible", *sources, pattern, "--list-hosts"])
            for pattern in case["patterns"]
        }
    version = run([commands / "ansible", "--version"]).splitlines()[0]
    return {"by": version, "list": listed, "graph": graph.splitlines(), "hosts": hosts}


def orders(argv: list[Any]) -> list[list[str]]:
    """The hosts that *argv* lists; in several orders where ansible-core leaves it to a hash's seed."""
    told = [run(argv, seed).split()[2:] for seed in ("1", "2", "3")]
    return [order for number, order in enumerate(told) if order not in told[:number]]


def untagged(value: dict[str, Any]) -> Any:
    """*value* without ansible-core's own mark of text that is never a template."""
    return value.get("__ansible_unsafe", value)


def run(argv: list[Any], seed: str = "0") -> str:
    done = subprocess.run(
        [*map(str, argv)],
        env={**ENV, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{argv}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
