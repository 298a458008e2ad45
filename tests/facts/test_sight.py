"""How a process sees the path it is to write to: asked of this very process, and of answers of any kind."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.facts.process import Process
from memops.facts.sight import SCRIPT, Sight, sight
from memops.model.action import Output
from tests.facts.shellcheck import complaints

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ME = Process(os.getpid(), 1, 1)


@pytest.mark.parametrize(
    ("path", "nearest"),
    [("there", "there"), ("there/gone/deep", "there"), ("a b'$(x)", "a b'$(x)")],
)
def test_the_nearest_directory_that_is_there_is_told(
    ask: Any, tmp_path: Path, path: str, nearest: str
) -> None:
    (tmp_path / nearest).mkdir()

    found = ask(sight(ME, str(tmp_path / path)))

    assert found == Sight(
        known=True, there=path == nearest, owner=os.getuid(), nearest=str(tmp_path / nearest)
    )


# What is done to the directory "$1" in mounts of its own, and what is seen then of "$1/deep".
BOUND = 'mount --bind "$1/deep" "$1/deep"; mount -o remount,ro,bind "$1/deep"'
OPENED = """
mkdir "$1-aside"; mount --bind "$1" "$1-aside"; mount -t tmpfs none "$1"
mkdir "$1/deep"; mount --bind "$1-aside/deep" "$1/deep"
"""
MOUNTS = {
    "nothing": (":", {}),
    "read-only": (BOUND, {"writable": False}),
    "no-programs": (
        'mount --bind "$1" "$1"; mount -o remount,noexec,bind "$1"',
        {"executable": False},
    ),
    "covered": ('mount -t tmpfs -o mode=755 none "$1"', {"covered": True, "there": False}),
    "hidden": (
        'mount -t tmpfs -o mode=000,ro none "$1"',
        {"covered": True, "hidden": True, "there": False, "writable": False},
    ),
    "opened": (
        OPENED,
        {},
    ),
}


@pytest.mark.parametrize(("mounts", "seen"), MOUNTS.values(), ids=MOUNTS)
def test_a_process_with_mounts_of_its_own_is_looked_at_through_its_eyes(
    ask: Any, tmp_path: Path, mounts: str, seen: dict[str, bool]
) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")

    with sandboxed(mounts, tmp_path / "real") as pid:
        found = ask(sight(Process(pid, 1, 1), str(tmp_path / "link" / "deep")))

    nearest = tmp_path / "real" / ("deep" if seen.get("there", True) else "")
    usual = {"known": True, "owner": os.getuid(), "nearest": str(nearest)}
    assert found == Sight(**usual | seen)  # type: ignore[arg-type]


def test_a_root_of_its_own_is_told(ask: Any, tmp_path: Path) -> None:
    with sandboxed('exec chroot / sh -c "echo; exec sleep 60"', tmp_path) as pid:
        assert not ask(sight(Process(pid, 1, 1), "/opt")).own_root
    root = 'for d in bin usr lib lib64; do mkdir -p "$1/$d"; mount --rbind /$d "$1/$d"; done; '
    with sandboxed(root + 'exec chroot "$1" sh -c "echo; exec sleep 60"', tmp_path) as pid:
        assert ask(sight(Process(pid, 1, 1), "/opt")).own_root


@contextmanager
def sandboxed(mounts: str, place: Path) -> Iterator[int]:
    """A process for which *mounts* was done to *place*."""
    argv = ["unshare", "--map-root-user", "--mount", "sh", "-ec", f"{mounts}\necho; exec sleep 60"]
    with subprocess.Popen([*argv, "sh", str(place)], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        try:
            assert started.stdout.readline() == b"\n"
            yield started.pid
        finally:
            started.kill()


def test_of_a_process_that_is_gone_nothing_is_known(ask: Any) -> None:
    assert not ask(sight(Process(1 << 22, 1, 1), "/tmp")).known


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            "other\nread exec own whole 0 755 /var\n",
            Sight(known=True, own_root=True, writable=False, nearest="/var"),
        ),
        (
            "same\nread exec other part 0 0 /a b\n",
            Sight(True, False, False, True, True, True, False, 0, "/a b"),  # noqa: FBT003
        ),
        ("same\nwrite exec own whole x 755 /\n", Sight()),
        ("same\nwrite exec own whole \u00b2 755 /\n", Sight()),
        ("same\n", Sight()),
        ("", Sight()),
    ],
)
def test_an_answer_is_read(said: str, found: Sight) -> None:
    assert sight(ME, "/x").parse((Output(0, said.encode()),)) == found


@given(st.binary(max_size=60))
def test_no_answer_is_too_odd(said: bytes) -> None:
    assert isinstance(sight(ME, "/x").parse((Output(0, said),)), Sight)


def test_shellcheck_has_nothing_to_say_of_it() -> None:
    assert complaints(f"#!/bin/sh\n{SCRIPT}") == ""
