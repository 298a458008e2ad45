"""What hosts of many kinds say of themselves, as it was captured, and what we understand."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.facts.os import SCRIPT, parse, platform, version_key
from memops.model.action import Output
from tests.facts.shellcheck import complaints

if TYPE_CHECKING:
    from pathlib import Path

DEBIAN_12 = """\
arch x86_64
kernel 6.1.0-25-amd64
euid 0
page 4096
smaps 4
release VERSION_ID="12"
release ID=debian
getconf glibc 2.36
ldd ldd (Debian GLIBC 2.36-9+deb12u14) 2.36 Copyright (C) 2022 Free Software Foundation, Inc.\x20
loader /lib64/ld-linux-x86-64.so.2
libc GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.
compiler /usr/bin/cc
place /opt
writable yes
free 82739612
mount rw,relatime
"""
DEBIAN_11_ARM = """\
arch aarch64
kernel 5.10.0-32-arm64
euid 1000
page 65536
release VERSION_ID="11"
release ID=debian
getconf glibc 2.31
loader /lib/ld-linux-aarch64.so.1
place /opt
free 1024
mount rw,nosuid
"""
CENTOS_7 = """\
arch x86_64
kernel 3.10.0-1160.el7.x86_64
euid 0
page 4096
redhat CentOS Linux release 7.9.2009 (Core)
getconf\x20
ldd ldd (GNU libc) 2.17 Copyright (C) 2012 Free Software Foundation, Inc.\x20
loader /lib64/ld-linux-x86-64.so.2
place /opt
writable yes
free 5000
mount rw,seclabel
mount ro,seclabel
"""
ALPINE = """\
arch x86_64
kernel 6.6.31-0-virt
euid 0
page 4096
release ID=alpine
release VERSION_ID=3.20.1
alpine 3.20.1
getconf\x20
ldd musl libc (x86_64) Version 1.2.5\x20
loader /lib/ld-musl-x86_64.so.1
loader /lib/ld-linux-x86-64.so.2
place /
writable yes
free 100
mount rw
"""
BUSYBOX = """\
arch x86_64
kernel 6.1.0
euid 0
page\x20
smaps 4
getconf\x20
place /
writable yes
free\x20
"""
NO_GETCONF = (
    "libc GNU C Library (GNU libc) stable release version 2.39.\nloader /lib64/ld-linux.so.2\n"
)
MUSL_WITHOUT_TOOLS = "loader /lib/ld-musl-aarch64.so.1\n"
MUSL_GUEST = "getconf glibc 2.31\nloader /lib/ld-musl-x86_64.so.1\n"


@dataclass(frozen=True)
class Case:
    said: str
    expected: dict[str, Any]


CASES = {
    "debian 12": Case(
        DEBIAN_12,
        {"arch": "x86_64", "libc": "glibc", "libc_version": "2.36", "kernel": "6.1.0-25-amd64",
         "distro": "debian", "distro_version": "12", "page_size": 4096, "euid": 0,
         "compiler": "/usr/bin/cc", "place": "/opt", "free": 82739612 * 1024, "writable": True,
         "read_only": False},
    ),
    "debian 11 on arm with large pages, as a user": Case(
        DEBIAN_11_ARM,
        {"arch": "aarch64", "libc_version": "2.31", "page_size": 65536, "euid": 1000,
         "compiler": "", "free": 1 << 20, "writable": False, "read_only": False},
    ),
    "centos 7, read-only": Case(
        CENTOS_7,
        {"libc": "glibc", "libc_version": "2.17", "distro": "centos", "distro_version": "7.9.2009",
         "writable": False, "read_only": True},
    ),
    "alpine with a glibc loader": Case(
        ALPINE, {"libc": "musl", "libc_version": "1.2.5", "distro": "alpine"}
    ),
    "busybox": Case(
        BUSYBOX,
        {"libc": "unknown", "libc_version": "", "distro": "", "page_size": 4096, "free": 0},
    ),
    "glibc without getconf and ldd": Case(NO_GETCONF, {"libc": "glibc", "libc_version": "2.39"}),
    "musl without tools": Case(MUSL_WITHOUT_TOOLS, {"libc": "musl", "libc_version": ""}),
    "glibc with musl beside it": Case(MUSL_GUEST, {"libc": "glibc", "libc_version": "2.31"}),
    "nothing": Case("", {"libc": "unknown", "arch": "", "euid": -1}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_host_is_understood(case: Case) -> None:
    said = parse(Output(0, case.said.encode()))
    assert {name: getattr(said, name) for name in case.expected} == case.expected


@given(st.binary(max_size=200))
def test_no_answer_is_an_error(said: bytes) -> None:
    parse(Output(0, said))


@pytest.mark.parametrize("shell", [("dash",), ("busybox", "sh"), ("bash", "--posix")])
def test_the_script_sees_this_machine_in_every_shell(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    there = tmp_path / "with space" / "not" / "yet"
    query = platform(str(there))
    (look,) = query.looks
    argv = getattr(look, "argv")[1:]  # noqa: B009  # the look is a Run
    done = subprocess.run([*shell, *argv], capture_output=True, check=True)
    said = query.parse((Output(0, done.stdout),))
    assert done.stderr == b""
    assert (said.libc, said.place, said.writable) == ("glibc", str(tmp_path), True)
    assert said.page_size == 4096
    assert said.free > 0
    assert version_key(said.libc_version) >= (2, 17)


def test_the_script_is_clean() -> None:
    assert complaints(SCRIPT) == ""


def test_versions_compare_by_number() -> None:
    assert version_key("2.9") < version_key("2.17") < version_key("2.17.1")
