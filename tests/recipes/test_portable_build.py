"""The portable build, for real: minutes of work, and the ziglang wheel (`make soak`)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memops.facts import jemalloc as facts
from memops.model.action import Run
from memops.recipes import make
from memops.recipes.elf import needs
from tests.recipes.brewed import kitchen, local_session, quiet, recipe

if TYPE_CHECKING:
    from memops.model.action import Local

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


def portable(arch: str) -> Local:
    pytest.importorskip("ziglang", reason="needs memops[portable]")
    with local_session() as session:
        asked = recipe("jemalloc", session, arch=arch, libc_version="2.17", compiler="no")
        return make(asked, session, replace(kitchen(), place="portable"), quiet)


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_a_portable_library_starts_on_the_oldest_glibc(arch: str) -> None:
    need = needs(Path(portable(arch).path))
    assert (need.arch, need.glibc, need.profiling) == (arch, "2.17", True)


def test_a_portable_library_loads_profiles_and_unwinds_here() -> None:
    with local_session() as session:
        arch = session.look((Run(("uname", "-m")),))[0].text.strip()
        verify = Run(("sh", "-c", facts.VERIFY, "verify", portable(arch).path, "prof:true"))
        (said,) = session.look((verify,))
    assert (said.rc, said.stderr) == (0, b"")
