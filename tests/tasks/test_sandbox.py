"""What is planned for an app that its unit gives a sandbox, from what its process sees."""

from __future__ import annotations

import functools
import operator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memops import data, yaml
from memops.engine.plan import plan
from memops.errors import StepFailed
from memops.facts import process, sight
from memops.model.action import File, Output, Put
from memops.model.app import App
from memops.playbook.template import render_file
from memops.tasks.launcher import launcher
from memops.transport.fake import FakeHost
from memops.transport.overlay import Overlay

if TYPE_CHECKING:
    from memops.model.action import Run

CASES: list[Any] = list(yaml.load(Path(__file__).parent / "sandbox.yaml"))
NAME = operator.itemgetter("case")
LIBRARY = "/opt/memops/lib"
RUNNING = b"boot b\npid 7 1 70\nexe \ncmdline \nenviron \nUid: 999\nGid: 999\n"
NO_SANDBOX = "write exec own whole 0 755 /"


def planned(case: Any) -> dict[str, str]:
    """The files that launch settings put for *case*: path to text."""
    root = case.get("root_dir", "/var/lib/memops")
    dumps = f"{root}/dumps/shop"

    def shell(_: FakeHost, wanted: Run) -> Output:
        if wanted.argv[2] == sight.SCRIPT:
            told = {dumps: case.get("dumps"), LIBRARY: case.get("library")}[wanted.argv[5]]
            return Output(0, f"{case.get('root', 'same')}\n{told or NO_SANDBOX}\n".encode())
        assert wanted.argv[2] == process.SCRIPT
        return Output(0, RUNNING)

    def gone(_: FakeHost, __: Run) -> Output:
        return Output(1)

    shape = case.get("shape", "dropin")
    app = App("shop", unit="shop.service", shape=shape, launch_file="/etc/shop.env")
    host = FakeHost("here", programs={"sh": shell, "test": gone})
    with host.connection() as opened:
        steps, _ = plan(
            functools.partial(launcher, render=render),
            Overlay(opened.session(run_dir="/run")),
            {"app": app, "library": f"{LIBRARY}/j.so", "run": "r", "host": "here", "root": root},
        )
    puts = {step.do.path: step.do.entry for step in steps if isinstance(step.do, Put)}
    return {path: text(entry) for path, entry in puts.items() if isinstance(entry, File)}


def text(entry: File) -> str:
    assert isinstance(entry.content, bytes)
    return entry.content.decode()


def render(name: str, /, **variables: object) -> str:
    return render_file(data.find("templates", name), variables)


@pytest.mark.parametrize("case", [each for each in CASES if "refused" not in each], ids=NAME)
def test_what_the_unit_keeps_from_the_app_is_opened_and_no_more(case: Any) -> None:
    lines = [line for each in planned(case).values() for line in each.splitlines()]

    assert any("LD_PRELOAD=" in line for line in lines)
    assert [line for line in lines if line.startswith(("Bind", "Exec"))] == case.get("opens", [])


@pytest.mark.parametrize("case", [each for each in CASES if "refused" in each], ids=NAME)
def test_what_cannot_be_opened_is_refused_by_name(case: Any) -> None:
    with pytest.raises(StepFailed) as error:
        planned(case)

    assert case["refused"] in str(error.value)
