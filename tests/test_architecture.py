"""The house's budgets: small functions and files, imports that point down, one voice."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "memops").rglob("*.py"))


def lengths() -> dict[str, int]:
    found = {}
    for path in FILES:
        for each in ast.walk(ast.parse(path.read_text())):
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{path.relative_to(ROOT)}:{each.lineno} {each.name}"
                found[name] = (each.end_lineno or each.lineno) - each.lineno + 1
    return found


def test_functions_are_small() -> None:
    found = lengths()
    ordered = sorted(found.values())

    assert {name: lines for name, lines in found.items() if lines > 60} == {}
    assert statistics.median(ordered) <= 8
    assert ordered[len(ordered) * 9 // 10] <= 25


def test_files_are_small() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}

    assert {path: lines for path, lines in long.items() if lines > 400} == {}


def test_only_the_command_line_prints() -> None:
    printing = [
        str(path.relative_to(ROOT))
        for path in FILES
        if "cli" not in path.parts
        for each in ast.walk(ast.parse(path.read_text()))
        if isinstance(each, ast.Call)
        and isinstance(each.func, ast.Name)
        and each.func.id == "print"
    ]

    assert printing == []


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from memops.cli.main import run; run(['--help']); "
        "heavy = {'paramiko', 'fabric', 'jinja2', 'yaml', 'rich', 'pydantic'} & set(sys.modules); "
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert (done.returncode, done.stderr) == (0, "")
