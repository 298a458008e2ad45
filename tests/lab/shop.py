"""The leaking shop on a host: its files, its unit or control script, and how an inventory describes it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Literal

from tests.lab import base
from tests.lab.boot import Spec, java_home

SOURCE = Path(__file__).parent.parent / "apps" / "shop"
HOME = "/srv/shop"
Language = Literal["java", "c"]
Control = Literal["unit", "script"]

JAVA_COMMAND = f"/usr/bin/java $JAVA_OPTS -cp {HOME}/lib/classes com.acme.shop.Shop"
HOOK = f"""
chown -R 0:0 .{HOME}
"""
ENABLE = """
mkdir -p etc/systemd/system/multi-user.target.wants
ln -s /etc/systemd/system/shop.service etc/systemd/system/multi-user.target.wants/shop.service
"""


def best_language() -> Language:
    """Java where this machine has a JDK for the hosts to use, else C."""
    return "java" if java_home() else "c"


def spec(language: Language, control: Control, **settings: Any) -> Spec:
    """A systemd host with the shop on it, run by a unit or by appctl; *settings* change shop.env."""
    files = _program(language)
    files[f"{HOME}/etc/shop.env"] = (0o644, _environment(settings).encode())
    if control == "unit":
        command = JAVA_COMMAND if language == "java" else f"{HOME}/lib/shop"
        unit = (SOURCE / "shop.service").read_text().replace("@COMMAND@", command)
        files["/etc/systemd/system/shop.service"] = (0o644, unit.encode())
        return Spec(files=files, hook=HOOK + ENABLE)
    files[f"{HOME}/bin/appctl"] = (0o755, (SOURCE / "appctl").read_bytes())
    return Spec(files=files, hook=HOOK)


def description(control: Control) -> dict[str, Any]:
    """The shop as ``memops_apps`` in an inventory describes it."""
    common = {
        "health": [{"http": "http://127.0.0.1:8080/health"}],
        "deadline": 30,
    }
    if control == "unit":
        return {"unit": "shop.service", **common}
    return {
        "script": f"{HOME}/bin/appctl",
        "pid_file": "/run/shop/shop.pid",
        "shape": "envfile",
        "launch_file": f"{HOME}/etc/shop.env",
        **common,
    }


def _environment(settings: dict[str, Any]) -> str:
    lines = (SOURCE / "shop.env").read_text().splitlines()
    kept = [line for line in lines if line.partition("=")[0] not in settings]
    return "\n".join([*kept, *(f"{name}={value}" for name, value in settings.items())]) + "\n"


def _program(language: Language) -> dict[str, tuple[int, bytes]]:
    if language == "c":
        return {f"{HOME}/lib/shop": (0o755, compiled_c().read_bytes())}
    classes = compiled_java()
    return {
        f"{HOME}/lib/classes/{path.relative_to(classes)}": (0o644, path.read_bytes())
        for path in sorted(classes.rglob("*.class"))
    }


def compiled_c() -> Path:
    """The C shop, compiled by the base root's own compiler: it runs with that root's libc."""
    source = (SOURCE / "shop.c").read_text()

    def build(root: Path) -> None:
        script = (
            'mount -t tmpfs tmpfs "$1/tmp"\n'
            'chroot "$1" gcc -O2 -Wall -Wextra -pthread -x c -o /tmp/shop - >&2\ncat "$1/tmp/shop"\n'
        )
        lower = base.systemd_base().rpartition(":")[2]
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", lower]
        done = subprocess.run(argv, input=source.encode(), capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"shop.c: {done.stderr.decode()}")
        root.mkdir()
        (root / "shop").write_bytes(done.stdout)

    return base.cached("shop-c", source, build, "a second") / "shop"


def compiled_java() -> Path:
    """The directory with the Java shop's classes."""
    sources = sorted((SOURCE / "java").rglob("*.java"))
    home = java_home()
    if home is None:
        raise RuntimeError("no JDK here; type: apt-get install openjdk-17-jdk-headless")
    javac = home / "bin" / "javac"

    def build(root: Path) -> None:
        argv = [str(javac), "-Xlint:all", "-Werror", "-d", str(root), *map(str, sources)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"javac: {done.stderr or done.stdout}")

    recipe = str(home) + "".join(path.read_text() for path in sources)
    return base.cached("shop-java", recipe, build, "two seconds")
