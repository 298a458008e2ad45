"""What the end-to-end tests share: the library, built once."""

from __future__ import annotations

import pytest

from tests.recipes.brewed import real_library

pytest.register_assert_rewrite("tests.e2e.operators", "tests.e2e.shops")


@pytest.fixture(scope="session")
def library() -> None:
    """The library is in this machine's cache, so that no test waits for its building."""
    real_library()
