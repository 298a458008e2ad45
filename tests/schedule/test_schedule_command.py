import json
import shlex
import subprocess
from pathlib import Path

import pytest

from memops.cli.main import run

INVENTORY = "[prod]\nweb1 ansible_connection=local\n"


@pytest.fixture
def project(fake: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = fake / "my ops"
    folder.mkdir()
    (folder / "hosts.ini").write_text(INVENTORY)
    monkeypatch.chdir(folder)
    return folder


def test_what_is_scheduled_is_a_collect_that_works(
    project: Path, fake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["schedule", "add", "-i", "hosts.ini", "--hosts", "prod", "--every", "30m", "--jvm"]

    assert run([*argv, "--check"]) == 0
    assert not (fake / "crontab").exists()
    assert run([*argv]) == 0
    assert run(["schedule", "list", "--json"]) == 0

    out = capsys.readouterr().out
    (row,) = json.loads(out[out.index("[") :])
    words = shlex.split(row["command"])
    assert (row["name"], row["every_seconds"]) == ("prod", 1800)
    assert words[2:8] == [
        "memops", "collect", "--inventory", str(project / "hosts.ini"), "--hosts", "prod",
    ]  # fmt: skip
    assert "--jvm" in words
    subprocess.run([*words, "--help"], check=True, capture_output=True)
    assert "memops collect" in (fake / "crontab").read_text()
    assert run(["schedule", "remove", "prod"]) == 0
    assert not (fake / "crontab").exists()


def test_it_can_be_told_by_a_program(
    project: Path, fake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project.is_relative_to(fake)
    argv = ["-i", "hosts.ini", "--every", "1h", "--name", "nightly", "--json"]
    assert run(["schedule", "add", *argv]) == 0
    added = json.loads(capsys.readouterr().out)
    assert run(["schedule", "remove", "nightly", "--json"]) == 0
    removed = json.loads(capsys.readouterr().out)

    assert (added["schedule"]["name"], added["changed"]) == ("nightly", True)
    assert removed["removed"] == "nightly"


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--hosts", "prod", "--every", "45m"], 2, "choose for example"),
        (["--hosts", "prod", "--every", "soon"], 2, "not a duration"),
        (["--hosts", "prdo", "--every", "30m"], 5, "prod"),
        (["--hosts", "prod", "--every", "30m", "-K"], 2, "a timer cannot ask"),
        (["--hosts", "prod", "--every", "30m", "-e", "db_password=x"], 2, "would be written down"),
        (["--hosts", "prod", "--every", "30m", "--name", "../x"], 2, "cannot name a schedule"),
        (["--hosts", "prod", "--every", "30m", "--accept-new-host-keys"], 2, "yours to say"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(
    project: Path, fake: Path, capsys: pytest.CaptureFixture[str],
    options: list[str], code: int, told: str,
) -> None:  # fmt: skip
    before = sorted(fake.rglob("*"))

    assert run(["schedule", "add", "-i", str(project / "hosts.ini"), *options]) == code

    error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) == 1
    assert sorted(fake.rglob("*")) == before


def test_no_secret_is_ever_written(project: Path, fake: Path) -> None:
    (project / "secrets.yml").write_text("ansible_become_password: hunter2\n")
    argv = ["--hosts", "prod", "--every", "30m", "-e", "@secrets.yml"]
    assert run(["schedule", "add", "-i", "hosts.ini", *argv]) == 0

    written = [path.read_text() for path in fake.rglob("*") if path.is_file()]
    holding = [text for text in written if "hunter2" in text]
    assert len(holding) == 1  # the file itself
    assert any(str(project / "secrets.yml") in text for text in written)


def test_an_unknown_schedule_is_told(fake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fake.is_dir()
    assert run(["schedule", "remove", "what"]) == 2
    assert "no such schedule" in capsys.readouterr().err
