from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tests.transport import servers
from tests.transport.targets import TARGETS, Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


@pytest.fixture(scope="module", params=TARGETS)
def place(request: pytest.FixtureRequest) -> Iterator[Target]:
    """Every target in turn, each with an empty directory of ours."""
    with tempfile.TemporaryDirectory() as root:
        opened = cast("AbstractContextManager[Target]", TARGETS[request.param](Path(root)))
        with opened as target:
            yield target


@pytest.fixture
def real(place: Target) -> Target:
    """The targets that run programs."""
    if not place.real:
        pytest.skip("a fake host runs only the programs that a test gives it")
    return place


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with tempfile.TemporaryDirectory() as directory, servers.openssh(Path(directory)) as server:
        yield server
