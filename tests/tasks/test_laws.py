"""The laws that every state task keeps, over every case; on a real shell and real files."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memops import data, yaml
from memops.engine.plan import plan
from memops.engine.rollback import roll_back
from memops.model import stored
from memops.model.app import App
from memops.playbook.template import render_file
from memops.tasks import named
from memops.transport.overlay import Overlay
from tests.engine.host import applier, connection, grow, ignore, listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memops.engine.apply import Applier
    from memops.model.step import Step

CASES = [
    case for path in sorted(Path(__file__).parent.glob("cases/*.yaml")) for case in yaml.load(path)
]


def fill(value: Any, root: Path) -> Any:
    if isinstance(value, str):
        return value.replace("{root}", str(root)).replace("{megabyte}", "0123456789abcde\n" * 65536)
    if isinstance(value, list):
        return [fill(each, root) for each in value]
    return (
        {key: fill(each, root) for key, each in value.items()} if isinstance(value, dict) else value
    )


def render(variables: Any, name: str, **extra: object) -> str:
    return render_file(data.find("templates", name), {**variables, **extra})


class Case:
    def __init__(self, given: Any, root: Path) -> None:
        self.name = str(given["case"])
        self.root = root
        (root.parent / "large").write_bytes(bytes(range(256)) * 300)
        self.params = {str(key): each for key, each in fill(given["params"], root).items()}
        self.changes = fill(given["changes"], root)
        task = named(given["task"])
        if "app" in self.params:
            self.params["app"] = App(
                **self.params["app"], pid_file=str(root.parent / "pid"), restart=("true",)
            )
        variables = given.get("variables", {})
        if given["task"] in ("template", "launcher"):
            task = functools.partial(task, render=functools.partial(render, variables))
        self.task = task

    def apply(self, to: Applier) -> tuple[Step, ...]:
        return to.apply(self.name, self.task, self.params).steps


@pytest.fixture(scope="module", autouse=True)
def process() -> Iterator[int]:
    """The process of the app that launch settings are written for."""
    with subprocess.Popen(["sleep", "1000"]) as started:
        yield started.pid
        started.kill()


@pytest.fixture(params=CASES, ids=lambda case: f"{case['task']}: {case['case']}")
def case(request: pytest.FixtureRequest, tmp_path: Path, process: int) -> Case:
    root = tmp_path / "host"
    root.mkdir()
    (tmp_path / "pid").write_text(f"{process}\n")
    grow(root, request.param["before"])
    return Case(request.param, root)


def test_planning_touches_nothing_and_says_what_would_change(case: Case) -> None:
    before = listing(case.root)

    with connection() as opened:
        steps = case.apply(applier(opened, case.root, check=True))

    assert [step.change.what for step in steps] == case.changes
    assert listing(case.root) == before


def test_applying_converges(case: Case) -> None:
    with connection() as opened:
        first = applier(opened, case.root)
        case.apply(first)
        first.close()
        steps, _ = plan(case.task, Overlay(opened.session()), case.params)

    assert steps == ()


def test_steps_survive_their_stored_form(case: Case) -> None:
    with connection() as opened:
        steps, _ = plan(case.task, Overlay(opened.session()), case.params)

    assert stored.load_steps(stored.dump(steps), "here") == steps


def by_controller(to: Applier, opened: Any) -> None:
    journal = to.journal
    roll_back(opened, None, journal.place, journal.record(), journal.header, ignore)


def by_undo_script(to: Applier, _: Any) -> None:
    script = f"{to.journal.directory}/undo.sh"
    for shell in (["dash"], ["busybox", "sh"]):  # again, there is nothing left to run
        if Path(script).exists():
            subprocess.run([*shell, script], check=True)


@pytest.mark.parametrize("undo", [by_controller, by_undo_script])
def test_rolling_back_restores_the_host_exactly(
    case: Case, undo: Callable[[Applier, Any], None]
) -> None:
    before = listing(case.root)

    with connection() as opened:
        to = applier(opened, case.root)
        case.apply(to)
        to.close()
        if case.changes:
            assert listing(case.root) != before
            undo(to, opened)

    assert listing(case.root) == before


@pytest.mark.parametrize("undo", [by_controller, by_undo_script])
def test_killed_between_any_two_actions_it_can_be_rolled_back(
    case: Case, undo: Callable[[Applier, Any], None]
) -> None:
    before = listing(case.root)
    done, more = 1, True
    while more:
        with connection() as opened:
            to = applier(opened, case.root)
            steps, _ = plan(case.task, Overlay(opened.session()), case.params)
            actions = [*to.journal.begin(steps, ()), *(step.do for step in steps)] if steps else []
            to.session.act(actions[:done])
            to.locked = True
            to.close()
            more = done < len(actions)
            if Path(f"{to.journal.directory}/undo.sh").exists() or undo is by_controller:
                undo(to, opened)
            if Path(to.journal.place.root).exists():  # killed before the journal was whole
                by_controller(to, opened)
        if steps:
            assert listing(case.root) == before, f"killed after {actions[:done][-1:]}"
        done += 1
