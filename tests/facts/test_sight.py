"""How a process sees the path it is to write to: asked of this very process, and of answers of any kind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.facts.process import Process
from memops.facts.sight import SCRIPT, Sight, sight
from memops.model.action import Output
from tests.facts.shellcheck import complaints

if TYPE_CHECKING:
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

    assert found == Sight(True, False, True, os.getuid(), str(tmp_path / nearest))  # noqa: FBT003


def test_of_a_process_that_is_gone_nothing_is_known(ask: Any) -> None:
    assert not ask(sight(Process(1 << 22, 1, 1), "/tmp")).known


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("other\nread 0 /var\n", Sight(known=True, own_root=True, writable=False, nearest="/var")),
        ("same\nwrite 12 /a b\n", Sight(known=True, owner=12, nearest="/a b")),
        ("same\nwrite x /\n", Sight()),
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
