from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from memops.cli.analyze import command
from memops.errors import UsageError
from tests.corpus import read
from tests.report import decode

if TYPE_CHECKING:
    from pathlib import Path

JVM = ("jvm", "--symbols", "jvm/symbols", "--perf-map", "jvm/perf.map.gz")


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "shows", "hides"),
    [
        (("--focus", r"Inflater\.init"), "inflateInit2_ (libz", "inflateBytesBytes"),
        (("--ignore", r"Inflater\.init"), "inflateBytesBytes", "inflateInit2_"),
        (("--hide", "libz|libzip"), "Inflater.inflateBytesBytes (JIT)", "inflateInit2_"),
        (("--show-from", "^inflate$"), "inflate (libz", "inflateBytesBytes"),
        (("--by", "thread"), "http-exec-0", "with callees"),
        (("--by", "package"), "java.* (JDK)", "function\n"),
        (("--by", "size"), "32.0 KiB", "with callees"),
        (("--sort", "cumulative"), "objects  function", "share  with callees  function"),
        (("--tree",), "callers first", "with callees"),
        (("--tree", "--min-share", "20%"), "inflateBytesBytes", "inflateInit2_ (libz"),
        (("--peek", "invoke_compiler"), "C2Compiler::compile_method", "with callees"),
        (("--unit", "GiB"), "0.171 GiB", "MiB"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_an_option_shows_its_view(arguments: tuple[str, ...], shows: str, hides: str) -> None:
    said = run(*JVM, *arguments).output

    assert shows in said
    assert hides not in said.partition("next: ")[0].partition("\n\n")[2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--focus", "("), r"--focus: '\(' is no regular expression: missing \)"),
        (("--peek", "*"), r"--peek: '\*' is no regular expression: nothing to repeat"),
        (("--tree", "--peek", "x"), "--tree: not together with --peek; ask for one at a time"),
        (("--tree", "--by", "size"), "--tree: not together with --by size"),
        (("--min-share", "1%"), "--min-share: there is no tree to be cut; add --tree"),
        (("--tree", "--min-share", "lots"), "--min-share: 'lots' is no share of the whole; write"),
        (("--tree", "--min-share", "101%"), "--min-share: '101%' is no share"),
        (("--tree", "--min-share", "nan"), "--min-share: 'nan' is no share"),
        (("--window", "2h", "--since", "1h"), "--window: it is --since and --until in one; give"),
        (("--window", "soon"), "--window: 'soon' is neither a duration nor a time"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run("jvm", *arguments)


def test_a_window_is_since_and_until_in_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for at, dump in enumerate(sorted(read.dumps("jvm"), key=read.sequence)):
        copy = tmp_path / dump.name
        copy.write_bytes(dump.read_bytes())
        os.utime(copy, (1_000_000 + 60 * at,) * 2)
    monkeypatch.chdir(tmp_path)
    late = json.loads(run(".", "--window", "2m", "--json").output)

    assert late == json.loads(run(".", "--since", "2m", "--json").output)
    assert late["process"]["dumps"] == 3
    both = json.loads(run(".", "--window", "3m..1m", "--json").output)
    assert both == json.loads(run(".", "--since", "3m", "--until", "1m", "--json").output)


def test_all_formats_leave_out_the_same(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("pprof", "csv", "svg", "speedscope")}
    written = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    value = json.loads(run(*JVM, "--focus", "inflateInit2_", "--json", *written).output)
    grown = value["growth"]["bytes"]

    assert 0 < grown < value["view"]["whole"]["growth"]
    samples = decode.decode(files["pprof"].read_bytes()).samples
    assert sum(sample.bytes for sample in samples) == grown
    assert (
        sum(int(line.split(",")[1]) for line in files["csv"].read_text().splitlines()[1:]) == grown
    )
    folded = run(*JVM, "--focus", "inflateInit2_", "--folded").output
    assert sum(int(line.rpartition(" ")[2]) for line in folded.splitlines()) == grown
    assert json.loads(files["speedscope"].read_text())["profiles"][0]["endValue"] == grown
    assert "inflateBytesBytes" not in files["svg"].read_text()


def test_where_lines_cannot_be_drawn_there_is_ascii() -> None:
    script = "from memops.cli.main import main; main()"
    environment = {
        **os.environ,
        "PYTHONIOENCODING": "ascii",
        "PYTHONPATH": str(read.HERE.parents[1]),
    }
    said = subprocess.run(
        [sys.executable, "-c", script, "analyze", *JVM, "--tree"],
        env=environment, capture_output=True, check=True,
    )  # fmt: skip

    assert b"+-" in said.stdout
    assert b"| java.util.zip.Inflater.inflateBytesBytes" in said.stdout
    assert said.stdout.isascii()
