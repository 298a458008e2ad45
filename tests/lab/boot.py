"""Bringing hosts up: an address, a network namespace, a key, a root, and the program that boots it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.lab import base
from tests.lab.host import LabHost
from tests.lab.world import World, sh

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Spec:
    """What a host is to be like.

    *disk* bounds everything it writes (the root is an overlay with a tmpfs of that size). *files* are
    put into its root before it boots: path to (mode, content), owner root. *hook* is sh, run in the
    root directory before it boots: mounts, removed files, other users. *jdk* shows it the machine's JDK,
    *compiler* leaves it one. *opt* is the size of a disk of its own for /opt (``"256k"``), or ``"ro"``.
    """

    kind: Literal["systemd", "lean"] = "systemd"
    disk: str = "1g"
    jdk: bool = True
    compiler: bool = True
    opt: str = ""
    files: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)
    hook: str = ""


def start(world: World, name: str, spec: Spec) -> LabHost:
    """Begin to boot a host; it answers a little later (`LabHost.wait_ready`)."""
    home = world.home / "hosts" / name
    for part in ("disk", "root", "seed"):
        (home / part).mkdir(parents=True)
    number = _number(world)
    host = LabHost(name, world.address(number), spec.kind, home, world)
    _connect(world, name, number)
    _seed(host, spec)
    (home / "host.json").write_text(json.dumps({"address": host.address, "kind": spec.kind}))
    (home / "spec.json").write_text(
        json.dumps({"kind": spec.kind, "disk": spec.disk, "jdk": spec.jdk})
    )
    power_on(host)
    return host


def power_on(host: LabHost) -> None:
    """Boot a host that was started before and powered off: what it wrote is lost, its key is kept."""
    spec = json.loads((host.home / "spec.json").read_text())
    lower = base.systemd_base() if host.kind == "systemd" else base.lean_base()
    env = os.environ | {
        "LAB_HOME": str(host.home),
        "LAB_NAME": host.name,
        "LAB_LOWER": lower,
        "LAB_DISK": spec["disk"],
        "LAB_CGROUPS": " ".join(map(str, host.cgroups)),
        "LAB_NETNS": f"/run/netns/{host.name}",
        "LAB_BINDS": " ".join(_jdk_binds()) if spec["jdk"] and host.kind == "systemd" else "",
    }
    argv = ["unshare", "--mount", "--propagation", "private"]
    argv += ["sh", str(HERE / f"{host.kind}-host.sh")]
    with (host.home / "console").open("ab") as console:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env=env,
            start_new_session=True,
        )
    (host.home / "pid").write_text(str(process.pid))
    process.returncode = 0  # its end is seen through its cgroup, and buried with the world


def _number(world: World) -> int:
    """A free host number, taken by making a directory: two test processes never get the same one."""
    taken = world.home / "numbers"
    taken.mkdir(exist_ok=True)
    for number in range(2, 255):
        try:
            (taken / str(number)).mkdir()
        except FileExistsError:
            continue
        return number
    raise RuntimeError("the lab's network is full: 253 hosts")


def _connect(world: World, name: str, number: int) -> None:
    sh("ip", "netns", "add", name)
    wire = f"h{number}"
    # One hardware address per number: who reuses a number must not wait for stale neighbour entries.
    peer = f"name eth0 address 02:00:00:00:00:{number:02x} netns {name}"
    outer = f"link add {wire} type veth peer {peer}\nlink set {wire} master br0 up\n"
    sh("ip", "-n", "lab", "-batch", "-", stdin=outer)
    inner = f"link set lo up\nlink set eth0 up\naddr add {world.address(number)}/24 dev eth0\n"
    inner += f"route add default via {world.address(1)}\n"
    sh("ip", "-n", name, "-batch", "-", stdin=inner)


def _seed(host: LabHost, spec: Spec) -> None:
    """What the root gets before it boots: its name, its key, the client's key, and the spec's files."""
    seed = host.home / "seed"
    key = host.home / "hostkey"
    sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", key)
    client = (host.home.parent.parent / "client.pub").read_bytes()
    files: dict[str, tuple[int, bytes]] = {
        "/etc/hostname": (0o644, f"{host.name}\n".encode()),
        "/etc/hosts": (0o644, f"127.0.0.1 localhost\n{host.address} {host.name}\n".encode()),
    }
    if spec.kind == "systemd":
        files["/etc/ssh/ssh_host_ed25519_key"] = (0o600, key.read_bytes())
        files["/etc/ssh/lab_keys"] = (0o644, client)
    else:
        files["/etc/dropbear/hostkey.openssh"] = (0o600, key.read_bytes())
        files["/root/.ssh/authorized_keys"] = (0o600, client)
        files["/home/deploy/.ssh/authorized_keys"] = (0o600, client)
    for path, (mode, content) in {**files, **spec.files}.items():
        _put(seed, path, mode, content)
    java = java_home()
    if spec.jdk and java and spec.kind == "systemd":
        (seed / "usr/bin").mkdir(parents=True, exist_ok=True)
        (seed / "usr/bin/java").symlink_to(java / "bin/java")
    (host.home / "hook").write_text(_hook(spec))


def _hook(spec: Spec) -> str:
    """The spec's own script, then the faults it asks for."""
    lines = [spec.hook]
    if not spec.compiler:
        lines.append(
            "rm -f usr/bin/gcc* usr/bin/cc usr/bin/c99 usr/bin/c89 usr/bin/*-linux-gnu-gcc*"
        )
    if spec.opt == "ro":
        lines.append("mount --bind opt opt; mount -o remount,ro,bind opt")
    elif spec.opt:
        lines.append(f"mount -t tmpfs -o size={spec.opt},mode=755 tmpfs opt")
    return "\n".join(lines) + "\n"


def _put(seed: Path, path: str, mode: int, content: bytes) -> None:
    """A file under *seed*; directories it needs are made like those of any root, 0755."""
    target = seed / path.lstrip("/")
    for parent in reversed(target.relative_to(seed).parents):
        (seed / parent).mkdir(exist_ok=True)
        (seed / parent).chmod(0o700 if parent.name == ".ssh" else 0o755)
    target.write_bytes(content)
    target.chmod(mode)


def java_home() -> Path | None:
    """The machine's JDK, or None: a directory under /usr/lib/jvm with bin/javac."""
    javac = shutil.which("javac")
    if javac and str(Path(javac).resolve()).startswith("/usr/lib/jvm/"):
        return Path(javac).resolve().parent.parent
    return None


def _jdk_binds() -> list[str]:
    if java_home() is None:
        return []
    places = [Path("/usr/lib/jvm"), *sorted(Path("/etc").glob("java-*"))]
    return [f"--bind-ro={place}" for place in places]


def remove(host: LabHost) -> None:
    """Power a host off and free its address, namespace and disk."""
    host.power_off()
    # The kernel takes a namespace apart when it finds the time: until then the number is not free.
    sh("ip", "-n", "lab", "link", "del", f"h{host.address.rsplit('.', 1)[1]}")
    sh("ip", "netns", "del", host.name)
    shutil.rmtree(host.home)
    (host.home.parent.parent / "numbers" / host.address.rsplit(".", 1)[1]).rmdir()
