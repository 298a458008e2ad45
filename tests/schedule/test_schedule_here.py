import configparser
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops import data
from memops.errors import DriftError, StepFailed, UsageError
from memops.facts.timer import Timer
from memops.model.event import Event, Planned
from memops.model.host import ConnectOptions, Host
from memops.playbook.template import render_file
from memops.schedule import local
from memops.tasks.timer import cron_block, unit_word
from memops.transport.local import connect

SHOP = Timer(
    "prod-shop",
    1800,
    ("/usr/bin/python3", "-m", "memops", "collect", "--hosts", "prod:&eu:!db1", "--app", "a b's"),
    "/srv/my ops",
    (("MEMOPS_KNOWN_HOSTS", "/srv/my ops/known hosts"),),
)
OLD = "# mine\nMAILTO=me\n\n5 4 * * * true\n\n\n"


@pytest.fixture
def here(fake: Path) -> Iterator[local.Here]:
    def render(template: str, /, **variables: object) -> str:
        return render_file(data.find("templates", template), variables)

    with connect(Host("localhost", connection="local"), ConnectOptions()) as connection:
        yield local.Here(connection, render, str(fake / "booted"), str(fake / "units"))


def ignore(event: Event) -> None:
    assert event is not None


def tree(folder: Path) -> dict[str, str]:
    skipped = ("calls", "bin")
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else "/"
        for path in sorted(folder.rglob("*"))
        if path.relative_to(folder).parts[0] not in skipped
    }


def test_what_was_added_is_listed_and_removed_without_a_trace(
    here: local.Here, fake: Path, kind: str
) -> None:
    (fake / "crontab").write_text(OLD)
    before = tree(fake)

    assert local.add(here, SHOP, ignore)
    assert local.timers(here) == {"prod-shop": SHOP}
    assert not local.add(here, SHOP, ignore)
    assert (fake / "enabled.memops-prod-shop.timer").exists() == (kind == "systemd")
    local.remove(here, "prod-shop", ignore)

    assert local.timers(here) == {}
    assert tree(fake) == before


def test_two_schedules_do_not_meet(here: local.Here, fake: Path, kind: str) -> None:
    assert kind
    other = Timer("prod", 86400, ("memops", "collect"), "/")
    before = tree(fake)
    for each in (SHOP, other):
        local.add(here, each, ignore)

    assert local.timers(here) == {"prod-shop": SHOP, "prod": other}
    local.remove(here, "prod-shop", ignore)
    assert local.timers(here) == {"prod": other}
    local.remove(here, "prod", ignore)
    assert {path: text for path, text in tree(fake).items() if path != "units"} == before


def test_added_again_it_is_replaced(here: local.Here, fake: Path, kind: str) -> None:
    assert kind
    before = tree(fake)
    slower = Timer(SHOP.name, 3600, SHOP.argv, SHOP.directory)
    local.add(here, SHOP, ignore)

    assert local.add(here, slower, ignore)

    assert local.timers(here) == {"prod-shop": slower}
    local.remove(here, "prod-shop", ignore)
    assert tree(fake) == before


def test_a_check_changes_nothing(here: local.Here, fake: Path, kind: str) -> None:
    assert kind
    before = tree(fake)
    events: list[Event] = []

    assert local.add(here, SHOP, events.append, check=True)
    assert tree(fake) == before
    assert any(isinstance(event, Planned) for event in events)

    local.add(here, SHOP, ignore)
    added = tree(fake)
    local.remove(here, "prod-shop", events.append, check=True)
    assert tree(fake) == added


def test_without_its_journal_it_is_still_removed(here: local.Here, fake: Path, kind: str) -> None:
    assert kind
    local.add(here, SHOP, ignore)
    subprocess.run(["rm", "-r", f"{fake}/state"], check=True)

    local.remove(here, "prod-shop", ignore)

    assert local.timers(here) == {}
    assert not (fake / "enabled.memops-prod-shop.timer").exists()
    assert not [path for path in tree(fake) if path.startswith("state/runs")]


def test_what_fails_half_way_is_undone(here: local.Here, fake: Path) -> None:
    (fake / "booted").mkdir()
    before = tree(fake)
    (fake / "broken").touch()

    with pytest.raises(StepFailed, match="broken"):
        local.add(here, SHOP, ignore)

    (fake / "broken").unlink()
    assert tree(fake) == before


def test_a_crontab_that_cannot_be_read_is_not_overwritten(here: local.Here, fake: Path) -> None:
    (fake / "crontab").write_text(OLD)
    (fake / "broken").touch()

    with pytest.raises(StepFailed, match="cannot fork"):
        local.add(here, SHOP, ignore)

    assert (fake / "crontab").read_text() == OLD


def test_a_crontab_that_others_changed_keeps_their_lines(here: local.Here, fake: Path) -> None:
    local.add(here, SHOP, ignore)
    with (fake / "crontab").open("a") as crontab:
        crontab.write("1 2 * * * theirs\n")

    local.remove(here, "prod-shop", ignore)

    assert (fake / "crontab").read_text() == "1 2 * * * theirs\n"


def test_a_unit_that_somebody_changed_stops_it(here: local.Here, fake: Path) -> None:
    (fake / "booted").mkdir()
    local.add(here, SHOP, ignore)
    with (fake / "units" / "memops-prod-shop.service").open("a") as unit:
        unit.write("Nice=10\n")

    with pytest.raises(DriftError, match="memops-prod-shop"):
        local.remove(here, "prod-shop", ignore)
    local.remove(here, "prod-shop", ignore, force=True)
    assert local.timers(here) == {}


def test_an_unknown_schedule_is_refused_with_the_nearest(here: local.Here, kind: str) -> None:
    assert kind
    local.add(here, SHOP, ignore)
    with pytest.raises(UsageError, match="did you mean prod-shop"):
        local.remove(here, "prod-shpo", ignore)


def test_where_nothing_starts_commands_it_says_so(here: local.Here, fake: Path) -> None:
    (fake / "bin" / "crontab").unlink()
    with pytest.raises(UsageError, match="neither systemd nor cron"):
        local.add(here, SHOP, ignore)
    assert local.timers(here) == {}


def test_the_units_say_what_systemd_understands(here: local.Here, fake: Path) -> None:
    (fake / "booted").mkdir()
    local.add(here, SHOP, ignore)
    parsers = {}
    for suffix in ("service", "timer"):
        parsers[suffix] = configparser.ConfigParser(interpolation=None, strict=True)
        parsers[suffix].optionxform = str  # type: ignore[assignment,method-assign] # keys keep their case
        parsers[suffix].read(fake / "units" / f"memops-prod-shop.{suffix}")

    service, timer = parsers["service"]["Service"], parsers["timer"]["Timer"]
    assert service["WorkingDirectory"] == "/srv/my ops"
    assert service["Environment"] == '"MEMOPS_KNOWN_HOSTS=/srv/my ops/known hosts"'
    assert shlex.split(service["ExecStart"]) == list(SHOP.argv)
    assert timer["OnCalendar"] == "*-*-* *:00/30:00"


def test_the_cron_line_runs_the_very_command(fake: Path) -> None:
    folder = fake / "my ops"
    folder.mkdir()
    show = ("/bin/sh", "-c", 'printf "%s\\n" "$PWD" "$KEY" "$@"'.replace("%", ""), "sh")
    words = ("a b", "it's", "$HOME", "`id`", "*", "")
    timer = Timer("x", 60, (*show, *words), str(folder), (("KEY", "a 'b'"),))

    line = cron_block(timer).splitlines()[1]
    command = line.split(" ", 5)[5]
    said = subprocess.run(["/bin/sh", "-c", command.replace('printf "s', 'printf "%s')],
                          capture_output=True, text=True, check=True).stdout  # fmt: skip

    assert said.splitlines() == [str(folder), "a 'b'", *words]


def test_cron_is_given_no_percent_sign() -> None:
    with pytest.raises(UsageError, match="%"):
        cron_block(Timer("x", 60, ("memops", "100%"), "/"))


words = st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), max_size=20)


@given(words)
def test_a_word_of_a_unit_is_one_word(word: str) -> None:
    written = unit_word(word)
    (read,) = shlex.split(written) if written else ("",)
    assert read.replace("%%", "%").replace("$$", "$") == word
    assert not re.search(r"(?<!%)%(?!%)", written.replace("%%", ""))


def test_the_comment_is_json_for_others_too() -> None:
    text = SHOP.line().removeprefix("# memops begin prod-shop ")
    assert json.loads(text)["every"] == 1800
