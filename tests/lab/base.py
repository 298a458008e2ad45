"""Base roots: the file systems that the hosts of the lab are overlays of, built once and cached.

They lie in ``$MEMOPS_LAB_CACHE`` or ``~/.cache/memops-lab``, under a name with a hash of the recipe, and are
made beside it and renamed, so that an interrupted build is never taken for a base.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.world import sh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HERE = Path(__file__).parent
SYSTEMD_PACKAGES = (
    "systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,sudo,procps,iproute2,"
    "gcc,make,libc6-dev,bzip2,wget,libjemalloc2,libstdc++6,zlib1g"
)
LEAN_PACKAGES = ("busybox-static", "dropbear-bin", "libtomcrypt1", "libtommath1", "libgmp10")
SSHD_PACKAGES = ("openssh-server", "libwrap0")


def cache() -> Path:
    """Where the base roots are kept."""
    chosen = os.environ.get("MEMOPS_LAB_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "memops-lab"


def codename() -> str:
    """The release of this machine: the bases are of the same one."""
    text = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=(\w+)", text, re.MULTILINE)
    if not found:
        raise RuntimeError("/etc/os-release: no VERSION_CODENAME; the lab needs Debian or Ubuntu")
    return found[1]


def systemd_base() -> str:
    """The lower directories of a systemd host, built if they are not there yet."""
    if os.environ.get("MEMOPS_LAB_BASE"):
        return _machine_layer(os.environ["MEMOPS_LAB_BASE"])
    recipe = SYSTEMD_PACKAGES + codename() + (HERE / "systemd-base.sh").read_text()
    return str(cached("systemd", recipe, _build_systemd, "about a minute: mmdebstrap"))


def lean_base() -> str:
    """The lower directory of a lean host: busybox, dropbear and the libraries dropbear needs."""
    recipe = ",".join(LEAN_PACKAGES) + codename() + (HERE / "lean-base.sh").read_text()
    return str(cached("lean", recipe, _build_lean, "a few seconds"))


def cached(name: str, recipe: str, build: Callable[[Path], None], cost: str) -> Path:
    """The directory that *build* makes, once for every *recipe*; *cost* is told to who waits for it."""
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    home = cache()
    home.mkdir(parents=True, exist_ok=True)
    target = home / f"{name}-{digest}"
    if target.is_dir():
        return target
    with _lock(home / f"{name}.lock"):
        if target.is_dir():
            return target
        print(f"lab: building the {name} base root ({cost}) in {target}", file=sys.stderr)
        began = time.monotonic()
        work = Path(tempfile.mkdtemp(prefix=f"{name}-building-", dir=home))
        try:
            build(work / "root")
            (work / "root").rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        print(f"lab: {name} base root built in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return target


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _sources() -> list[Path]:
    """The apt sources of this machine that speak of its own release."""
    places = [Path("/etc/apt/sources.list")]
    places += sorted(Path("/etc/apt/sources.list.d").glob("*.list"))
    places += sorted(Path("/etc/apt/sources.list.d").glob("*.sources"))
    name = codename()
    return [
        p
        for p in places
        if p.is_file() and re.search(rf"^(deb |Suites:).*\b{name}\b", p.read_text(), re.MULTILINE)
    ]


def _apt_options() -> str:
    """How this machine reaches its mirrors (proxies, checks), as lines of an apt.conf."""
    dump = sh("apt-config", "dump", "--no-empty", "--format", '%f "%v";%n')
    return "".join(re.findall(r"^Acquire::(?:https?|Check-|Retries).*\n", dump, re.MULTILINE))


def _build_systemd(root: Path) -> None:
    options = root.parent / "apt.conf"
    options.write_text(_apt_options() + 'APT::Install-Recommends "false";\n')
    excluded = ("doc", "locale", "man")
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--aptopt={options}"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in excluded]
    command += ["--dpkgopt=force-unsafe-io", f"--include={SYSTEMD_PACKAGES}"]
    command += [codename(), str(root), *map(str, _sources())]
    log = root.parent / "log"
    with log.open("wb") as out:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise RuntimeError(f"mmdebstrap failed ({done.returncode}); its last lines:\n{tail}")
    sh("chroot", root, "/bin/sh", "-s", stdin=(HERE / "systemd-base.sh").read_text())


def _build_lean(root: Path) -> None:
    parts = _unpacked(root.parent, LEAN_PACKAGES)
    sh("sh", HERE / "lean-base.sh", parts, root)


def _unpacked(work: Path, packages: Sequence[str]) -> Path:
    """The files of Debian packages, unpacked without installing them; root is not needed."""
    debs = work / "debs"
    debs.mkdir()
    command = ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *packages]
    done = subprocess.run(command, cwd=debs, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"apt-get download: {done.stderr.strip()}")
    for deb in sorted(debs.glob("*.deb")):
        sh("dpkg-deb", "-x", deb, work / "parts")
    return work / "parts"


def sshd() -> tuple[Path, Path]:
    """An sshd and the directory of libraries it may need: the machine's own, or one from its package.

    Installing openssh-server would start a daemon on the user's machine; unpacking it does not.
    """
    own = Path("/usr/sbin/sshd")
    if own.exists():
        return own, Path("/nonexistent")

    def build(root: Path) -> None:
        _unpacked(root.parent, SSHD_PACKAGES).rename(root)

    parts = cached("sshd", ",".join(SSHD_PACKAGES) + codename(), build, "a second")
    return parts / "usr/sbin/sshd", next(parts.glob("usr/lib/*-linux-*"), parts)


def _machine_layer(base: str) -> str:
    """Accounts and units over the root *base* (``/``), in shared memory: an answer in seconds.

    An overlay may not have two lower directories one inside the other, so the layer must not lie on
    the file system it covers.
    """
    recipe = base + (HERE / "systemd-base.sh").read_text()
    layer = Path("/dev/shm") / f"memops-lab-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not layer.is_dir():
        work = Path(tempfile.mkdtemp(prefix="memops-lab-", dir="/dev/shm"))
        for name in ("upper", "work", "root"):
            (work / name).mkdir()
        script = (
            'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"\n'
            'mount -t proc proc "$2/root/proc"; mount -t tmpfs tmpfs "$2/root/tmp"\n'
            'mount -t tmpfs tmpfs "$2/root/run"; chroot "$2/root" /bin/sh -s\n'
        )
        argv: list[str | Path] = ["unshare", "--mount", "--propagation", "private"]
        argv += ["sh", "-ec", script, "sh", base, work]
        sh(*argv, stdin=(HERE / "systemd-base.sh").read_text())
        (work / "upper").chmod(0o755)
        (work / "upper").rename(layer)
        sh("rm", "-rf", work)
    return f"{layer}:{base}"
