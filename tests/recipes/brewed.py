"""The real library for tests that need one: built once on this machine, and kept in its cache."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from memops.facts.os import platform
from memops.model.action import Local, Recipe
from memops.model.host import ConnectOptions, Host
from memops.recipes import Kitchen, make
from memops.tasks.jemalloc import PINS
from memops.transport.local import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from memops.model.event import Event
    from memops.transport.base import Session


@contextmanager
def local_session() -> Iterator[Session]:
    """This machine as a host."""
    with connect(Host("here", connection="local"), ConnectOptions()) as connection:
        yield connection.session()


def quiet(event: Event) -> None:
    """A sink that hears nothing."""


def recipe(kind: str, session: Session, **changes: str) -> Recipe:
    """What this machine would ask for."""
    host = platform().parse(session.look(platform().looks))
    params = {
        "version": "5.3.0",
        "variant": "libgcc",
        "sha256": PINS["5.3.0"],
        "arch": host.arch,
        "libc_version": host.libc_version,
        "page_size": str(host.page_size),
        "compiler": "yes" if host.compiler else "no",
    }
    return Recipe(kind, tuple((params | changes).items()))


def kitchen() -> Kitchen:
    """The developer's own cache; upstream is not asked, so that tests need apt alone."""
    return Kitchen(user_cache_path("memops"), upstream="")


def real_library(kind: str = "jemalloc", variant: str = "libgcc") -> Local:
    """The library (or, as ``jemalloc-manifest``, its text), built now if it never was."""
    with local_session() as session:
        return make(recipe(kind, session, variant=variant), session, kitchen(), quiet)


def tiny_library(into: Path, source: str = "int memops_tiny;") -> Path:
    """A shared library of *source* that is no jemalloc."""
    argv = ("cc", "-shared", "-fPIC", "-nostdlib", "-x", "c", "-", "-o", str(into))
    subprocess.run(argv, input=source.encode(), check=True)
    return into
