"""Writes the pages that come from the code: ``python -m tests.docs``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from memops.cli.main import COMMANDS, cli
from memops.engine.bind import signatures

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS_HEAD = "# Commands\n\nThe help of each command; `python -m tests.docs` writes this page.\n"
TASKS_HEAD = """# Tasks

Each with its parameters, and what it says of itself; `python -m tests.docs` writes this page.
Nouns are states, which are kept; verbs are actions, which are done each time.
"""


def pages() -> dict[Path, str]:
    names = [[], *([name] for name in COMMANDS)]
    commands = "\n".join([COMMANDS_HEAD, *map(_command, names)])
    tasks = "\n".join([TASKS_HEAD, *(_task(name, task) for name, task in signatures().items())])
    return {DOCS / "commands.md": commands, DOCS / "tasks.md": tasks}


def _command(argv: list[str]) -> str:
    said = CliRunner().invoke(
        cli, [*argv, "--help"], prog_name="memops", terminal_width=100, color=False
    )
    text = "\n".join(line.rstrip() for line in said.output.strip().splitlines())
    return f"## memops {' '.join(argv)}".rstrip() + f"\n\n```text\n{text}\n```\n"


def _task(name: str, task: Callable[..., object]) -> str:
    parameters = [
        each
        for each in inspect.signature(task).parameters.values()
        if each.kind == each.KEYWORD_ONLY
    ]
    rows = [f"| `{each.name}` | {_type(each)} | {_default(each)} |" for each in parameters]
    table = "\n".join(["| parameter | type | default |", "|---|---|---|", *rows])
    return f"## `{name}`\n\n{inspect.getdoc(task)}\n\n{table}\n"


def _type(parameter: inspect.Parameter) -> str:
    return str(parameter.annotation).replace("|", "or").replace("App", "name of an app")


def _default(parameter: inspect.Parameter) -> str:
    needed = parameter.default is parameter.empty
    return "needed" if needed else f"`{parameter.default!r}`" if parameter.default else ""


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
