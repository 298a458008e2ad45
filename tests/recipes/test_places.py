"""Where a library is built, and what is said where it cannot be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from memops.errors import HostError
from memops.recipes.places import Here, Target, choose, here

CENTOS_7 = Target("x86_64", "2.17", 4096)
DEBIAN_12 = Target("x86_64", "2.36", 4096)
ARM = Target("aarch64", "2.31", 65536)
LAPTOP = Here(DEBIAN_12, compiler=True, portable=False)
WITH_ZIG = replace(LAPTOP, portable=True)
MAC = Here(Target("arm64", "", 16384), compiler=False, portable=False)


@dataclass(frozen=True)
class Case:
    target: Target
    wanted: str
    here: Here
    compiler: str
    expected: str
    libunwind: bool = False


CHOSEN = {
    "the host itself is best": Case(DEBIAN_12, "auto", WITH_ZIG, "cc", "host"),
    "a like controller": Case(DEBIAN_12, "auto", WITH_ZIG, "", "controller"),
    "an older controller": Case(Target("x86_64", "2.39", 4096), "auto", LAPTOP, "", "controller"),
    "an old host": Case(CENTOS_7, "auto", WITH_ZIG, "", "portable"),
    "another processor": Case(ARM, "auto", WITH_ZIG, "", "portable"),
    "as the operator says": Case(DEBIAN_12, "portable", WITH_ZIG, "cc", "portable"),
}
REFUSED = {
    "libunwind in a portable one": Case(
        CENTOS_7, "auto", WITH_ZIG, "",
        "a portable library has no libunwind; install gcc, make and libunwind-dev on one such host,"
        " or say --unwinder libgcc", libunwind=True,
    ),
    "nobody can": Case(
        CENTOS_7, "auto", LAPTOP, "",
        "web-1: no built jemalloc for x86_64 with glibc 2.17, and nobody to build it: it has no"
        " compiler; this controller's glibc 2.36 is newer than the host's 2.17: the app would not"
        " start; this controller lacks ziglang (or make); pip install 'memops[portable]' here, or"
        " install gcc and make on one such host, or say --jemalloc distro",
    ),
    "a host without compiler": Case(DEBIAN_12, "host", LAPTOP, "", "it has no compiler"),
    "a newer controller": Case(CENTOS_7, "controller", LAPTOP, "cc", "2.36 is newer than the host's"),
    "another controller": Case(ARM, "controller", LAPTOP, "", "is x86_64, the host aarch64"),
    "a mac": Case(DEBIAN_12, "controller", MAC, "", "no compiler for Linux"),
    "an unknown processor": Case(
        replace(ARM, arch="ppc64le"), "portable", WITH_ZIG, "", "x86_64 and aarch64, not ppc64le"
    ),
    "too old for anybody": Case(
        replace(CENTOS_7, libc_version="2.12"), "portable", WITH_ZIG, "", "older than 2.17"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHOSEN.values(), ids=CHOSEN.keys())
def test_the_place_is(case: Case) -> None:
    chosen = choose(
        "web-1",
        case.target,
        case.wanted,
        case.here,
        compiler=bool(case.compiler),
        libunwind=case.libunwind,
    )
    assert chosen == case.expected


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_no_place(case: Case) -> None:
    with pytest.raises(HostError) as refused:
        choose(
            "web-1",
            case.target,
            case.wanted,
            case.here,
            compiler=bool(case.compiler),
            libunwind=case.libunwind,
        )
    assert case.expected in str(refused.value)
    assert "\n" not in str(refused.value)


def test_this_machine_is_known() -> None:
    assert here().target.page_size > 0
