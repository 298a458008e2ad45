from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from memops.cli.analyze import command
from memops.errors import UsageError
from tests.corpus import read
from tests.corpus.read import inputs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command(), arguments, catch_exceptions=False)


def test_files_from_anywhere_are_analysed() -> None:
    result = run("jvm", "--symbols", "jvm/symbols", "--top", "2")

    assert result.exit_code == 0
    assert result.output.startswith("pid ")
    assert "with callees  function" in result.output
    assert result.output.splitlines()[-1].startswith("next: ")
    assert all(len(line) <= 100 for line in result.output.splitlines() if "next: " not in line)


def test_a_perf_map_names_the_java_methods() -> None:
    result = run("jvm", "--perf-map", "jvm/perf.map.gz", "--folded")

    assert "java.util.zip.Inflater.inflateBytesBytes;" in result.output


def test_json_is_one_object_and_folded_ends_in_bytes() -> None:
    assert json.loads(run("leak", "--json").output)["is_growth"]
    assert all(
        int(line.rpartition(" ")[2]) > 0 for line in run("leak", "--folded").output.splitlines()
    )


def test_without_files_the_newest_collection_is_analysed() -> None:
    subjects = [inputs("leak"), inputs("unsampled")]
    result = CliRunner().invoke(command(lambda: subjects), [], catch_exceptions=False)

    assert "leak rent_page called from serve_request: +" in result.output
    assert "\nunsampled, pid " in result.output


def test_without_files_and_without_a_collection_the_next_step_is_said() -> None:
    with pytest.raises(UsageError, match="nothing was collected yet; memops collect"):
        run()


def test_a_truncated_file_is_refused_by_name_and_line(tmp_path: Path) -> None:
    cut = tmp_path / "cut.heap"
    cut.write_bytes(b"heap_v2/524288\n  t*: 1: 8 [0: 0]\n@ 0x7f00\n  t*: 1:")

    with pytest.raises(UsageError, match=f"{cut}:4: cut short"):
        run(str(cut))


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from memops.cli.analyze import command; command();"
        "print([m for m in sys.modules if m.startswith(('memops.profile', 'memops.report', 'rich'))])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout == "[]\n"
