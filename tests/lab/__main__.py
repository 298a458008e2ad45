"""``python -m tests.lab``: bring real SSH hosts up around a command."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.lab import base, fleet, loopback, world


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser(
        "run", help="run a command with the hosts up; nothing of them stays behind"
    )
    shell = verbs.add_parser("shell", help="the same, with your shell")
    for verb in (run, shell):
        verb.add_argument(
            "--hosts", default=",".join(fleet.FLEET), help="names of the default fleet"
        )
    run.add_argument("command", nargs="+", metavar="CMD")
    verbs.add_parser("build", help="build the cached base roots now")
    verbs.add_parser("clean", help="remove the cached base roots")
    inner = verbs.add_parser("inside")
    inner.add_argument("hosts")
    inner.add_argument("command", nargs="+")
    return VERBS[parser.parse_args().verb](parser.parse_args())


def run(args: argparse.Namespace) -> int:
    command = args.command if args.verb == "run" else [os.environ.get("SHELL", "/bin/bash")]
    names = [name for name in args.hosts.split(",") if name]
    _as_root_if_possible()
    obstacle = world.obstacle()
    if obstacle and os.environ.get("MEMOPS_LAB_REQUIRED", os.environ.get("CI")) in {"1", "true"}:
        raise SystemExit(f"lab: {obstacle}, and the full lab is required here")
    if obstacle:
        return loopback.run(names, command, obstacle)
    build(args)
    inner = [sys.executable, "-m", "tests.lab", "inside", args.hosts, "--", *command]
    return world.run_in_world(inner)


def _as_root_if_possible() -> None:
    """Start again through sudo where it asks for no password; what the command writes is root's then."""
    may = ["sudo", "-n", "true"]
    if os.geteuid() == 0 or not shutil.which("sudo") or os.environ.get("MEMOPS_LAB_TIER"):
        return
    if subprocess.run(may, capture_output=True, check=False).returncode:
        return
    kept = [
        f"{k}={v}" for k, v in os.environ.items() if k in {"PATH", "CI", "TERM"} or "MEMOPS" in k
    ]
    argv = ["sudo", "-n", "-H", "env", *kept, "PYTHONDONTWRITEBYTECODE=1", sys.executable]
    os.execvp(argv[0], [*argv, "-m", "tests.lab", *sys.argv[1:]])


def inside(args: argparse.Namespace) -> int:
    began = time.monotonic()
    here = world.found_world()
    fleet.prepare(here.home)
    hosts = fleet.raise_fleet(here, [name for name in args.hosts.split(",") if name])
    print(f"lab: {len(hosts)} hosts up in {time.monotonic() - began:.1f} s", file=sys.stderr)
    return world.supervise(args.command, os.environ | fleet.environment(here.home))


def build(_args: argparse.Namespace) -> int:
    base.systemd_base()
    base.lean_base()
    return 0


def clean(_args: argparse.Namespace) -> int:
    print(f"lab: removing {base.cache()}")
    for place in (base.cache(), *Path("/dev/shm").glob("memops-lab-*")):
        shutil.rmtree(place, ignore_errors=True)
    return 0


VERBS = {"run": run, "shell": run, "build": build, "clean": clean, "inside": inside}

if __name__ == "__main__":
    raise SystemExit(main())
