"""The shop on a host, seen from behind memops's back: its processes, its account, its files."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.lab.listing import Entry, difference
from tests.lab.world import sh, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab, LabHost

PATHS = ("/etc", "/opt", "/srv", "/usr/local", "/var/lib/memops")

# Each line: seconds of the host's clock, and the bytes leaked by the shop's own account.
ACCOUNT = r"""
: >/run/account; : >/run/accounting
while [ -e /run/accounting ] && [ $(wc -l </run/account) -lt 900 ]; do
    before=$(date +%s.%N)
    leaked=$(wget -q -T 2 -O - 127.0.0.1:8080/leaked) && echo "$before $leaked" >>/run/account
    sleep 0.1
done
"""

# What `LabHost.listing` tells, in a tenth of the time, on a host with GNU find: type, mode, owner,
# size, link target and path of everything; then the sha256 of the files.
LISTING = r"""
find "$@" -printf '%y %m %U:%G %s %l\0%p\0' 2>/dev/null
printf '\0'
find "$@" -type f -exec sha256sum -z {} + 2>/dev/null
"""

# Everything on the root file system with its times: not even a file that came and went is missed.
TIMES = r"""
find / /opt /srv /tmp /var/tmp -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run \
    -o -path /var/log \) -prune -o -printf '%p %y %m %U:%G %s %T@ %C@ %l\n' | sort -u
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What a host shows: its files, and the shop's process (*pid* 0 while it does not run)."""

    files: dict[str, Entry]
    pid: int
    environ: dict[str, str]
    maps: str


def look(host: LabHost) -> Look:
    pid = shop_pid(host)
    raw = host.read(f"/proc/{pid}/environ").decode(errors="surrogateescape") if pid else ""
    environ = dict(pair.split("=", 1) for pair in raw.split("\0") if "=" in pair)
    maps = host.read(f"/proc/{pid}/maps").decode() if pid else ""
    return Look(listing(host), pid, environ, maps)


def listing(host: LabHost) -> dict[str, Entry]:
    """Everything under `PATHS` by name: type, mode, owner, size, sha256 or link target."""
    done = host.exec(["/bin/sh", "-s", "--", *PATHS], LISTING.encode(), check=False)
    told, _, sums = done.stdout.decode().partition("\0\0")
    digests = {line[66:]: line[:64] for line in sums.split("\0") if line}
    fields = told.split("\0")
    found = {}
    for path, facts in zip(fields[1::2], fields[::2], strict=True):
        kind, mode, owner, size, target = facts.split(" ", 4)
        content = digests[path] if kind == "f" else target
        found[path] = Entry(kind, mode, owner, 0 if kind == "d" else int(size), content)
    return found


def shop_pid(host: LabHost) -> int:
    """The process that listens on the shop's port; 0 where there is none."""
    found = re.search(r"pid=(\d+)", host.sh("ss -Hltnp 'sport = :8080'"))
    return int(found[1]) if found else 0


def same(before: Look, host: LabHost) -> Look:
    """Assert that *host* has the files of *before* and a shop that knows nothing of memops."""
    wait_for_answer(host)
    now = look(host)
    assert difference(before.files, now.files) == []
    assert traceless(now)
    assert launch_settings(now) == launch_settings(before)
    return now


def launch_settings(seen: Look) -> dict[str, str]:
    """What of the process's environment is not different in every life."""
    fleeting = ("INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "SSH_", "XDG_", "PWD",
                "OLDPWD", "SHLVL", "_", "MAIL", "LOGNAME", "USER", "HOME", "SHELL", "LANG", "PATH",
                "SUDO_", "TERM", "NSPAWN", "MOTD_SHOWN")  # fmt: skip
    return {k: v for k, v in seen.environ.items() if not k.startswith(fleeting)}


def traceless(seen: Look) -> bool:
    return "memops" not in f"{seen.environ}{seen.maps}"


def answers(host: LabHost) -> bool:
    return host.sh("wget -q -T 2 -O - 127.0.0.1:8080/health", check=False) == "ok\n"


def wait_for_answer(host: LabHost) -> None:
    wait_for(lambda: answers(host), 30, f"{host.name}: the shop")


def appctl(lab: Lab, host: LabHost, verb: str) -> None:
    """Start or stop the shop as an operator does: over ssh, in the host's own sessions."""
    sh(*lab.ssh_argv(host, f"/srv/shop/bin/appctl {verb}"))


def dumps(host: LabHost) -> dict[str, float]:
    """The heap profiles on the host: path and time of the last write."""
    lines = host.sh("find /var/lib/memops/dumps -name '*.heap' -printf '%p %T@\\n'", check=False)
    return {path: float(time) for path, time in (line.split() for line in lines.splitlines())}


def wait_for_dumps(host: LabHost, number: int, pid: int | None = None) -> None:
    def there() -> bool:
        return sum(1 for path in dumps(host) if pid is None or f".{pid}." in path) >= number

    wait_for(there, 60, f"{host.name}: {number} heap profiles")


@contextlib.contextmanager
def accounted(host: LabHost) -> Iterator[None]:
    """While this lasts, the host writes down what the shop says it has leaked, ten times a second."""
    host.write("/run/account.sh", ACCOUNT)
    host.sh("setsid sh /run/account.sh >/dev/null 2>&1 </dev/null & sleep 0.3")
    try:
        yield
    finally:
        host.sh("rm -f /run/accounting; sleep 0.3; rm /run/account.sh")


def account(host: LabHost) -> list[tuple[float, float]]:
    lines = (line.split() for line in host.read("/run/account").decode().splitlines())
    return [(float(time), float(leaked)) for time, leaked in lines]


def leaked_at(account: list[tuple[float, float]], time: float) -> float:
    """What the shop's account said at *time*, on the straight line between two readings."""
    for (before, low), (after, high) in pairwise(account):
        if before <= time <= after and high >= low:
            return low + (high - low) * (time - before) / max(after - before, 1e-6)
    raise AssertionError(f"no account at {time}: {account[0]} to {account[-1]}")


def times(host: LabHost) -> list[str]:
    return host.sh(TIMES).splitlines()


def apps(**shop: Any) -> dict[str, Any]:
    """The variables of a host with the shop."""
    return {"memops_apps": {"shop": shop}}
