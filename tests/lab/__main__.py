"""``python -m tests.lab``: bring real SSH hosts up around a command."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time

from tests.lab import base, fleet, world


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
    build(args)
    command = args.command if args.verb == "run" else [os.environ.get("SHELL", "/bin/bash")]
    inner = [sys.executable, "-m", "tests.lab", "inside", args.hosts, "--", *command]
    return world.run_in_world(inner)


def inside(args: argparse.Namespace) -> int:
    began = time.monotonic()
    here = world.found_world()
    fleet.prepare(here.home)
    names = [name for name in args.hosts.split(",") if name]
    hosts = fleet.raise_fleet(here, names)
    print(f"lab: {len(hosts)} hosts up in {time.monotonic() - began:.1f} s", file=sys.stderr)
    env = os.environ | {
        "MEMOPS_LAB": str(here.home),
        "MEMOPS_INVENTORY": str(here.home / "inventory.yml"),
        "MEMOPS_SSH_CONFIG": str(here.home / "ssh_config"),
        "MEMOPS_KNOWN_HOSTS": str(here.home / "known_hosts"),
    }
    return world.supervise(args.command, env)


def build(_args: argparse.Namespace) -> int:
    base.systemd_base()
    base.lean_base()
    return 0


def clean(_args: argparse.Namespace) -> int:
    print(f"lab: removing {base.cache()}")
    shutil.rmtree(base.cache(), ignore_errors=True)
    return 0


VERBS = {"run": run, "shell": run, "build": build, "clean": clean, "inside": inside}

if __name__ == "__main__":
    raise SystemExit(main())
