"""Which dumps are lives of one app, and what they tell side by side."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from memops.errors import UsageError
from memops.profile.fleet.lives import pairs, read_lives
from memops.profile.fleet.restarts import restarts
from memops.profile.growth.naming import Call, Lexicon
from memops.profile.growth.window import Window
from memops.profile.study import Inputs
from tests.corpus import read

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


def test_restarts_split_lives_in_the_order_of_time() -> None:
    found = read_lives(read.fleet("web-1", "web-2"))

    assert [(host.host, len(host.lives)) for host in found.hosts] == [("web-1", 3), ("web-2", 2)]
    assert [life.first - read.BEGUN for life in found.hosts[0].lives] == [0, 7200, 14400]
    assert found.notes == ()


def test_of_processes_at_the_same_time_the_largest_is_the_life() -> None:
    found = read_lives([read.inputs("forks")])

    assert len(found.hosts[0].lives) == 1
    assert len(found.notes) == 2
    assert "not a life of the same program" in found.notes[0]


def test_another_program_at_another_time_is_no_life(tmp_path: Path) -> None:
    for at, path in enumerate([*read.dumps("leak"), *read.dumps("python")]):
        shutil.copy(path, tmp_path)
        os.utime(tmp_path / path.name, (600.0 * at, 600.0 * at))

    found = read_lives([Inputs([tmp_path])])

    assert [life.process.executable[-10:] for life in found.hosts[0].lives] == ["python3.11"]
    assert "(leak)" in found.notes[0]


def test_a_window_counts_from_the_newest_dump_of_all_hosts() -> None:
    found = read_lives(read.fleet(), window=Window("1h"))

    assert [host.host for host in found.hosts] == ["web-1"]  # the others' last lives began earlier
    assert len(found.hosts[0].lives) == 1


def test_what_grows_in_every_life_and_what_is_new() -> None:
    hosts = read_lives(read.fleet("web-1", "web-2", "web-5")).hosts
    remedy, always, canary = (restarts("shop", host) for host in hosts)

    assert remedy.rows[0].stopped
    assert not remedy.rows[0].always
    assert [each is not None and each.low > 0 for each in remedy.rows[0].rates] == [
        True,
        True,
        False,
    ]
    assert always.rows[0].always
    assert not always.rows[0].stopped
    assert canary.rows[0].always
    assert canary.rows[0].grows_since is None
    assert canary.rows[1].grows_since == 2
    assert not canary.rows[1].is_new  # it held its cache before, too


def test_the_same_function_of_another_build_is_the_same_row() -> None:
    found = restarts("shop", read_lives(read.fleet("web-5")).hosts[0])
    functions = [row.calls[0].function for row in found.rows]

    assert functions.count("rent_page") == functions.count("refresh_cache") == 1


def test_a_function_is_the_same_on_another_line_of_another_release() -> None:
    lexicon = Lexicon()
    stacks = [
        tuple(lexicon.code(Call(name, "shop", "", f"shop.c:{line + at}")) for at, name in
              enumerate(("rent_page", "serve_request", "main")))
        for line in (10, 20)
    ]  # fmt: skip

    one, other = map(pairs(lexicon), stacks)

    assert stacks[0] != stacks[1]
    assert one == other
    assert [lexicon.calls[code] for code in one] == [
        Call("rent_page", "shop"), Call("serve_request", "shop"),
    ]  # fmt: skip


def test_a_broken_dump_is_refused_or_left_out(tmp_path: Path) -> None:
    for path in sorted((read.HERE / "fleet-shop" / "web-2").glob("shop.10904.*")):
        shutil.copy(path, tmp_path)
    (tmp_path / "shop.10904.4.i4.heap.gz").write_bytes(b"\x1f\x8b\x08broken")

    with pytest.raises(UsageError, match=r"i4\.heap\.gz"):
        read_lives([Inputs([tmp_path])])
    kept = read_lives([Inputs([tmp_path])], keep_going=True)
    assert "i4.heap.gz" in kept.notes[0]


@pytest.mark.parametrize("window", [None, Window("1h")])
def test_without_any_heap_profile_it_says_so(window: Window | None) -> None:
    with pytest.raises(UsageError, match="collect heap profiles first"):
        read_lives([Inputs([], host="web-1")], window=window)


def test_without_times_that_tell_no_rate_is_told(tmp_path: Path) -> None:
    for path in sorted((read.HERE / "fleet-shop" / "web-2").glob("shop.10904.*")):
        shutil.copy(path, tmp_path)
        os.utime(tmp_path / path.name, (1000.0, 1000.0))

    host = read_lives([Inputs([tmp_path])]).hosts[0]

    assert host.whole() is None
    assert restarts("shop", host).rows[0].rates == (None,)
