"""``make demo``: the commands of the README on the lab's three hosts, each echoed before it runs.

Before and after, every file under /etc, /opt and the app's directory is listed; the two must be equal.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.api import Lab
from tests.lab.listing import difference
from tests.lab.world import wait_for

if TYPE_CHECKING:
    from tests.lab.host import LabHost
    from tests.lab.listing import Entry

PATHS = ("/etc", "/opt", "/srv/shop")
LEAK = 64 << 20  # bytes that the canary leaks before we look: about a dozen seconds
FIND = (
    "memops ping --hosts all",
    "memops enable-profiling --hosts prod-canary --check --diff",
    "memops enable-profiling --hosts prod-canary",
    "memops status",
)
TELL = (
    "memops collect --hosts prod-canary",
    "memops analyze",
)
LEAVE = (
    "memops rollback --hosts prod-canary",
    "memops status",
)


def main() -> int:
    lab = Lab.attach()
    if lab.tier != "full":
        say("the demo needs real hosts, and this machine gives none: " + lab.obstacle)
        return 1
    hosts = [lab.host(name) for name in ("shop-1", "shop-2", "shop-3")]
    canary = hosts[0]
    env = environment(lab)
    for host in hosts:
        wait_for(partial(answers, host), 60, f"{host.name}: the shop")
    before = [host.listing(PATHS) for host in hosts]
    run(FIND, env)
    wait_for_leak(canary)
    run(TELL, env)
    said = (leaked(canary) or 0) / (1 << 20)
    say(
        f"the shop's own account: {said:.1f} MiB leaked since it started, in inflaters that it never ends"
    )
    run(LEAVE, env)
    return compare(hosts, before)


def environment(lab: Lab) -> dict[str, str]:
    """Where memops finds the lab, and a store that goes with it."""
    tools = str(Path(sys.executable).parent)
    return os.environ | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "XDG_DATA_HOME": str(lab.home / "data"),
        "XDG_STATE_HOME": str(lab.home / "state"),
    }


def run(commands: tuple[str, ...], env: dict[str, str]) -> None:
    for command in commands:
        print(f"\n$ {command}", flush=True)
        began = time.monotonic()
        code = subprocess.run(shlex.split(command), env=env, check=False).returncode
        say(f"({time.monotonic() - began:.1f} s)")
        if code:
            raise SystemExit(f"demo: {command}: exit code {code}")


def leaked(host: LabHost) -> int | None:
    """What the shop says it has leaked so far in bytes, None while it does not answer."""
    answer = host.sh("wget -q -T 2 -O - 127.0.0.1:8080/leaked", check=False).strip()
    return int(answer) if answer else None


def answers(host: LabHost) -> bool:
    return leaked(host) is not None


def wait_for_leak(host: LabHost) -> None:
    """Let the shop leak for a while, then serve on without leaking until one more dump is written."""
    say(f"\nthe shop on {host.name} serves and leaks, up to {LEAK >> 20} MiB here:")
    while (now := leaked(host) or 0) < LEAK:
        if sys.stderr.isatty():
            print(f"\r  {now >> 20:3} MiB", end="", file=sys.stderr, flush=True)
        time.sleep(0.5)
    host.sh("wget -q -O - 127.0.0.1:8080/leak/0")
    say(f"\r  {now >> 20:3} MiB; a few seconds more for the next dump")
    time.sleep(5)  # at 10 MB/s and a dump every 32 MiB


def compare(hosts: list[LabHost], before: list[dict[str, Entry]]) -> int:
    say(
        f"\neverything under {', '.join(PATHS)} before and now (type, mode, owner, size, sha256, target):"
    )
    failures = 0
    for host, old in zip(hosts, before, strict=True):
        changes = difference(old, host.listing(PATHS))
        failures += bool(changes)
        print(f"  {host.name}: {'equal' if not changes else 'DIFFERENT'} ({len(old)} files)")
        for line in changes:
            print(f"    {line}")
    return 1 if failures else 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
