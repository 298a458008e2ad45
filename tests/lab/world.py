"""The disposable world: private mounts, processes and wires for the lab's hosts.

A command in the world keeps the machine's own network, so it can still download what it needs; the
hosts hang on a bridge in a network namespace of their own, tied to the machine by one veth pair that
goes when that namespace goes. Whatever ends the world, ``kill -9`` too, the kernel takes its processes,
mounts and links; a small shell outside of it then removes the empty cgroup directories.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CGROUP = Path("/sys/fs/cgroup")
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_WANTED = 1024  # a systemd host takes about 6 instances: Debian's 128 end at host 22

UNSHARE = (
    *("setpriv", "--pdeathsig", "KILL"),  # who kills the runner kills the world
    *("unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child=KILL"),
    *("--mount-proc", "--propagation", "private"),
)

# Whether overlays can be mounted, tried on a tmpfs of its own.
OVERLAY = """
mount -t tmpfs tmpfs /mnt; cd /mnt; mkdir lower upper work root
mount -t overlay overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work root
"""

# Waits for the world's end (end of file on fd 0), then sweeps up what the kernel leaves behind.
REAPER = """
read -r _ || :
i=0
while [ $i -lt 200 ]; do
    i=$((i + 1)); left=
    for group in $LAB_CGROUPS; do
        if [ -d "$group" ]; then
            find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
            [ ! -d "$group" ] || left=1
        fi
    done
    ip link show "$LAB_CABLE" >/dev/null 2>&1 && left=1
    [ -n "$left" ] || break
    sleep 0.05
done
rmdir "$LAB_DIR" 2>/dev/null
others=
for group in /sys/fs/cgroup/memops-lab-* /sys/fs/cgroup/*/memops-lab-*; do
    [ ! -d "$group" ] || others=1
done
if [ -n "$LAB_INOTIFY" ] && [ -z "$others" ]; then
    echo "$LAB_INOTIFY" >/proc/sys/fs/inotify/max_user_instances
fi
"""


@dataclass(frozen=True, slots=True)
class World:
    """Where a running world lies: its directory, its cable's name and its network's first bytes."""

    dir: str
    name: str
    cable: str
    prefix: str
    cgroups: tuple[str, ...]

    @property
    def home(self) -> Path:
        return Path(self.dir)

    def address(self, number: int) -> str:
        """The address of the host with this number (1 is the machine's own end of the cable)."""
        return f"{self.prefix}.{number}"

    def save(self) -> None:
        (self.home / "world.json").write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, home: Path) -> World:
        stored = json.loads((home / "world.json").read_text())
        return cls(**(stored | {"cgroups": tuple(stored["cgroups"])}))


def cgroup_roots() -> tuple[Path, ...]:
    """The hierarchies a host gets a directory in: one on cgroup v2, a handful on v1 and hybrid."""
    if (CGROUP / "cgroup.controllers").exists():
        return (CGROUP,)
    names = ("systemd", "unified", "memory", "freezer", "pids")
    return tuple(CGROUP / name for name in names if os.path.ismount(CGROUP / name))


def sh(*argv: str | Path, stdin: str | None = None) -> str:
    """Run a program of the machine; its output, or an error that shows what it said."""
    done = subprocess.run(
        [str(a) for a in argv], input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(map(str, argv))}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout


def obstacle() -> str | None:
    """Why this machine cannot have the full lab, or None when it can."""
    if os.environ.get("MEMOPS_LAB_TIER") == "loopback":
        return "MEMOPS_LAB_TIER=loopback"
    if os.geteuid() != 0:
        return "not root, and sudo asks for a password"
    lacking = [p for p in ("ip", "mmdebstrap", "systemd-nspawn", "unshare") if not shutil.which(p)]
    if lacking:
        return f"no {', '.join(lacking)} here; type: sh tests/lab/setup.sh lab"
    tried = subprocess.run(
        [*UNSHARE, "sh", "-ec", OVERLAY], capture_output=True, text=True, check=False
    )
    return f"no namespaces or overlays here: {tried.stderr.strip()}" if tried.returncode else None


def run_in_world(inner: Sequence[str]) -> int:
    """Run the argv *inner* as the first process of a new world; its exit code."""
    home = tempfile.mkdtemp(prefix="memops-lab-")
    name = Path(home).name
    cable = "ml" + name[-8:].replace("_", "0")
    groups = [str(root / name) for root in cgroup_roots()]
    env = os.environ | {"LAB_DIR": home, "LAB_CABLE": cable, "LAB_CGROUPS": " ".join(groups)}
    reading, writing = os.pipe()
    env["LAB_INOTIFY"] = raise_inotify()
    reaper = subprocess.Popen(["sh", "-c", REAPER], stdin=reading, env=env, start_new_session=True)
    os.close(reading)
    world = subprocess.Popen(
        [*UNSHARE, *inner],
        env=env | {"LAB_ALIVE": str(writing)},
        pass_fds=(writing,),
    )
    os.close(writing)
    code = _wait(world)
    with contextlib.suppress(subprocess.TimeoutExpired):
        reaper.wait(15)
    return code


def _wait(world: subprocess.Popen[bytes]) -> int:
    def end(_number: int, _frame: object) -> None:
        world.kill()

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells the command itself
    code = world.wait()
    return code if code >= 0 else 128 - code


def raise_inotify() -> str:
    """Allow for many systemd hosts; the limit to put back afterwards, or nothing."""
    before = INOTIFY.read_text().strip()
    if int(before) >= INOTIFY_WANTED:
        return ""
    try:
        INOTIFY.write_text(str(INOTIFY_WANTED))
    except OSError as error:
        print(
            f"lab: {INOTIFY} stays at {before} ({error.strerror}): about 20 hosts at most",
            file=sys.stderr,
        )
        return ""
    return before


def found_world() -> World:
    """From the world's first process: its mounts, its bridge and the cable to the machine."""
    os.set_inheritable(int(os.environ["LAB_ALIVE"]), False)  # noqa: FBT003  # os gives it no name
    home = Path(os.environ["LAB_DIR"])
    sh("mount", "-t", "tmpfs", "-o", "mode=755", "memops-lab", home)
    for private in ("/run/netns", "/run/systemd/nspawn"):
        Path(private).mkdir(parents=True, exist_ok=True)
        sh("mount", "-t", "tmpfs", "-o", "mode=755", "memops-lab", private)
    cable = os.environ["LAB_CABLE"]
    world = World(
        dir=str(home),
        name=home.name,
        cable=cable,
        prefix=_lay_cable(cable),
        cgroups=tuple(os.environ["LAB_CGROUPS"].split()),
    )
    for name in ("LAB_DIR", "LAB_CABLE", "LAB_CGROUPS", "LAB_ALIVE", "LAB_INOTIFY"):
        del os.environ[name]
    world.save()
    return world


def _lay_cable(cable: str) -> str:
    sh("ip", "netns", "add", "lab")
    sh("ip", "link", "add", cable, "type", "veth", "peer", "name", "up0", "netns", "lab")
    wires = "link set lo up\nlink add br0 type bridge\nlink set up0 master br0\nlink set up0 up\nlink set br0 up\n"
    sh("ip", "-n", "lab", "-batch", "-", stdin=wires)
    sh("ip", "link", "set", cable, "up")
    prefix = _free_network()
    sh("ip", "addr", "add", f"{prefix}.1/24", "dev", cable)
    return prefix


def _free_network() -> str:
    """A /24 of 198.18.0.0/15 (RFC 2544: networks for benchmarks) that no other lab uses."""
    taken = sh("ip", "-4", "route", "show")
    networks = [f"198.{18 + i // 256}.{i % 256}" for i in range(512)]
    random.shuffle(networks)
    return next(n for n in networks if f"{n}." not in taken)


def supervise(argv: Sequence[str], env: dict[str, str]) -> int:
    """As first process of the world: run a command, bury orphans, return its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    program = shutil.which(argv[0], path=env.get("PATH"))
    if program is None:
        print(f"lab: {argv[0]}: no such command", file=sys.stderr)
        return 127
    command = subprocess.Popen(argv, executable=program, env=env)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells the command itself
    while True:
        pid, status = os.wait()
        if pid == command.pid:
            return _code(os.waitstatus_to_exitcode(status))


def _code(status: int) -> int:
    return status if status >= 0 else 128 - status


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Ask *condition* until it is true; TimeoutError naming *what* after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)
