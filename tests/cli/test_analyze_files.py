from __future__ import annotations

import gzip
import json
import re
import time
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from memops.cli.analyze import command, show
from memops.errors import UsageError
from memops.profile.study import Inputs
from tests.corpus import read
from tests.report import decode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_files_for_other_programs_are_written_beside_the_report(tmp_path: Path) -> None:
    names = ("pprof", "speedscope", "svg", "csv")
    options = [part for name in names for part in (f"--{name}", str(tmp_path / name))]
    result = run("leak", "--symbols", "leak/symbols", *options)

    found = decode.decode((tmp_path / "pprof").read_bytes())
    assert result.output == run("leak", "--symbols", "leak/symbols").output
    assert sum(sample.bytes for sample in found.samples) == 8_636_318
    assert ";leak+0x1172,8" in (tmp_path / "csv").read_text()
    assert json.loads((tmp_path / "speedscope").read_text())["profiles"]
    assert ET.parse(tmp_path / "svg").getroot().tag.endswith("svg")


def test_the_table_of_jeprof_is_one_of_the_styles() -> None:
    assert run("leak", "--jeprof").output.startswith("Total: 8.2 MB\n     7.8  94.2%  94.2% ")


def test_a_page_says_which_command_made_it(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    run("leak", "--focus", "refresh cache|main", "--symbols", "leak/symbols", "--html", str(page))
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())
    assert found
    data = json.loads(found[1])

    assert data["command"] == (
        f"memops analyze leak --focus 'refresh cache|main' --symbols leak/symbols --html {page}"
    )
    assert data["made"] == pytest.approx(time.time(), abs=60)
    assert [each["path"] for each in data["studies"][0]["files"][:1]] == [
        "leak/leak.2696.0.i0.heap.gz"
    ]


def test_a_single_dump_without_names_and_times_is_written_too(tmp_path: Path) -> None:
    dump = tmp_path / "x.heap"
    dump.write_bytes(gzip.decompress(read.dumps("forks")[0].read_bytes()))
    run(str(dump), "--pprof", str(tmp_path / "p"))

    assert decode.decode((tmp_path / "p").read_bytes()).nanos == 0


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "x.svg"

    with pytest.raises(UsageError, match=f"{path}: No such file or directory; give --svg a file"):
        run("leak", "--svg", str(path))


def test_one_file_is_not_for_two_apps(tmp_path: Path) -> None:
    subjects = [Inputs(read.dumps("leak"), "orders", "web-1"),
                Inputs(read.dumps("forks"), "site", "web-1")]  # fmt: skip

    with pytest.raises(UsageError, match="orders on web-1, site on web-1; choose one"):
        show(subjects, written={"csv": tmp_path / "x.csv"})
    assert not list(tmp_path.iterdir())
