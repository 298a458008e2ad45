from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tests.transport import servers
from tests.transport.targets import TARGETS, Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


@contextmanager
def _opened(name: str) -> Iterator[Target]:
    with (
        tempfile.TemporaryDirectory() as root,
        cast("AbstractContextManager[Target]", TARGETS[name](Path(root))) as target,
    ):
        yield target


@pytest.fixture(scope="module", params=TARGETS)
def place(request: pytest.FixtureRequest) -> Iterator[Target]:
    """Every target in turn, each with an empty directory of ours."""
    with _opened(request.param) as target:
        yield target


@pytest.fixture(scope="module", params=[name for name in TARGETS if name != "fake"])
def real(request: pytest.FixtureRequest) -> Iterator[Target]:
    """The targets that run programs; a fake host has none but those a test gives it."""
    with _opened(request.param) as target:
        yield target


@pytest.fixture(scope="session")
def sshd() -> Iterator[servers.Server]:
    with tempfile.TemporaryDirectory() as directory, servers.openssh(Path(directory)) as server:
        yield server
