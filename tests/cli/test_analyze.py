from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from memops.cli.analyze import command
from memops.errors import UsageError
from memops.store import Arrival, Place, Store
from tests.corpus import read

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(read.HERE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_files_from_anywhere_are_analysed() -> None:
    result = run("jvm", "--symbols", "jvm/symbols", "--top", "2")

    assert result.exit_code == 0
    assert result.output.startswith("pid ")
    assert "with callees  function" in result.output
    assert result.output.splitlines()[-1].startswith("next: ")
    table = result.output.partition("with callees")[2].partition("next: ")[0]
    assert all(len(line) <= 100 for line in table.splitlines())


def test_a_perf_map_names_the_java_methods() -> None:
    result = run("jvm", "--perf-map", "jvm/perf.map.gz", "--folded")

    assert "java.util.zip.Inflater.inflateBytesBytes;" in result.output


def test_json_is_one_object_and_folded_ends_in_bytes() -> None:
    assert json.loads(run("leak", "--json").output)["is_growth"]
    assert all(
        int(line.rpartition(" ")[2]) > 0 for line in run("leak", "--folded").output.splitlines()
    )


def collect(corpus: str, app: str) -> None:
    """Put *corpus* into the store in two snapshots, as collecting it from web-1 would."""
    with Store.open() as store:
        dumps = sorted(read.dumps(corpus), key=lambda path: int(path.name.split(".")[2]))
        ids = read.HERE / corpus / "build-ids.json"
        for number, dump in enumerate(dumps):
            life = f"{dump.name.split('.')[1]}-77-0f3a9c2e"
            place = Place(app, "web-1", life, f"20261123T20560{number}.000Z", dump.name[:-3])
            keep(store, place, gzip.decompress(dump.read_bytes()))
        keep(store, replace(place, name="build-ids"), ids.read_bytes())
        for file in (read.HERE / corpus / "symbols").iterdir():
            keep(store, Place("", "", "", "", file.name), file.read_bytes())


def keep(store: Store, place: Place, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    file = store.incoming("web-1", place.path, digest)
    file.write_bytes(content)
    store.adopt([Arrival(file, place, "web-1", place.name, len(content), 0, digest)])


def test_without_files_the_newest_collection_is_analysed() -> None:
    for name, app in (("leak", "orders"), ("forks", "orders+sh"), ("unsampled", "site")):
        collect(name, app)
    result = run()

    assert "leak rent_page called from serve_request: +" in result.output
    assert "\nsite on web-1, pid " in result.output
    assert "orders+sh" not in result.output
    assert run("--app", "orders+sh").output.startswith("orders+sh on web-1, pid ")
    with pytest.raises(UsageError, match="nothing of orders of web-2 here"):
        run("--app", "orders", "--host", "web-2")


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
        "import sys; from memops.cli.analyze import command;"
        "print([m for m in sys.modules if m.startswith(('memops.profile', 'memops.report', 'rich'))])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout == "[]\n"
