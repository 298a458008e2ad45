"""What the tests of facts share: this machine, asked in one shell or another."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from memops.model.action import Output, Run

SHELLS = [["dash"], ["busybox", "sh"], ["bash"]]


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def ask(request: pytest.FixtureRequest) -> Any:
    """Asks a query of this machine, its scripts in one shell or another."""

    def answer(query: Any) -> Any:
        outputs = []
        for look in query.looks:
            assert isinstance(look, Run)
            argv = [*request.param, *look.argv[1:]] if look.argv[0] == "sh" else look.argv
            done = subprocess.run(argv, capture_output=True, check=False, timeout=20)
            outputs.append(Output(done.returncode, done.stdout, done.stderr))
        return query.parse(tuple(outputs))

    return answer
