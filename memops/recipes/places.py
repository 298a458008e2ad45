"""Where a library can be built for a host, and which place is best."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from memops.errors import HostError
from memops.facts.os import version_key

Chosen = Literal["host", "controller", "portable"]

FLOOR = "2.17"
"""The glibc that a portable library needs at most: that of CentOS 7."""

TARGETS = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a library is built for: all hosts with the same values share one build."""

    arch: str
    libc_version: str
    page_size: int


@dataclass(frozen=True, slots=True)
class Here:
    """What the controller can build: for itself with *compiler*, for old hosts with *portable*."""

    target: Target
    compiler: bool
    portable: bool


def here() -> Here:
    """What this controller can build, and for what."""
    libc, version = platform.libc_ver() if platform.system() == "Linux" else ("", "")
    make = shutil.which("make") is not None
    compiler = bool(make and (shutil.which("cc") or shutil.which("gcc")))
    target = Target(
        platform.machine(), version if libc == "glibc" else "", os.sysconf("SC_PAGE_SIZE")
    )
    return Here(target, compiler and libc == "glibc", make and find_spec("ziglang") is not None)


def choose(
    host: str,
    target: Target,
    wanted: str,
    here: Here,
    *,
    compiler: bool,
    libunwind: bool = False,
) -> Chosen:
    """Where to build for *target*: as *wanted* says, or the best place.

    *compiler* tells whether *host*, which asks, has one; *libunwind* whether the library is built
    with that, which a portable one never is. Raises `HostError` that says why the
    *wanted* place cannot do it, or, for ``auto``, what the operator can type.
    """
    obstacles = {
        "host": "" if compiler else "it has no compiler",
        "controller": _controller(target, here),
        "portable": _portable(target, here, libunwind=libunwind),
    }
    names: tuple[Chosen, ...] = ("host", "controller", "portable")
    for name in names:
        if wanted in (name, "auto") and not obstacles[name]:
            return name
    if wanted != "auto":
        raise HostError(
            host,
            f"--build {wanted} is not possible: {obstacles[wanted]}",
            _remedy(target, libunwind=libunwind),
        )
    raise HostError(
        host,
        f"no built jemalloc for {target.arch} with glibc {target.libc_version}, and nobody to build"
        f" it: {'; '.join(obstacles[name] for name in names)}",
        _remedy(target, libunwind=libunwind),
    )


def _remedy(target: Target, *, libunwind: bool) -> str:
    if libunwind:
        return "install gcc, make and libunwind-dev on one such host, or say --unwinder libgcc"
    portable = "pip install 'memops[portable]' here, or " if target.arch in TARGETS else ""
    return f"{portable}install gcc and make on one such host, or say --jemalloc distro"


def _controller(target: Target, here: Here) -> str:
    if not here.compiler:
        return "this controller has no compiler for Linux with glibc"
    if (here.target.arch, here.target.page_size) != (target.arch, target.page_size):
        return f"this controller is {here.target.arch}, the host {target.arch}"
    if version_key(here.target.libc_version) > version_key(target.libc_version):
        return (
            f"this controller's glibc {here.target.libc_version} is newer than"
            f" the host's {target.libc_version}: the app would not start"
        )
    return ""


def _portable(target: Target, here: Here, *, libunwind: bool) -> str:
    if libunwind:
        return "a portable library has no libunwind"
    if target.arch not in TARGETS:
        return f"the portable build knows {' and '.join(TARGETS)}, not {target.arch}"
    if version_key(target.libc_version) < version_key(FLOOR):
        return f"the host's glibc {target.libc_version} is older than {FLOOR}"
    return "" if here.portable else "this controller lacks ziglang (or make)"
