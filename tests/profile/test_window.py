from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.profile.growth.window import Window, parse_range, within
from memops.profile.heap.files import dump_file
from memops.profile.study import study
from tests.corpus import read

# 20:00, 20:01, ... of 2026-11-23 in UTC.
TIMES = {Path(f"a.7.{at}.i{at}.heap"): 1795464000.0 + 60 * at for at in range(10)}
FILES = [dump_file(path) for path in TIMES]


@pytest.mark.parametrize(
    ("window", "kept"),
    [
        (Window(), range(10)),
        (Window(since="3m"), range(6, 10)),
        (Window(until="3m"), range(7)),
        (Window("5m", "2m"), range(4, 8)),
        (Window(since="2026-11-23T20:07:00+00:00"), range(7, 10)),
        (Window(until="2026-11-23T21:01:00+01:00"), range(2)),
    ],
)
def test_a_window_is_before_the_newest_dump_or_by_the_clock(window: Window, kept: range) -> None:
    assert [each.seq for each in within(window, FILES, TIMES.__getitem__)] == list(kept)


@pytest.mark.parametrize(
    ("window", "says"),
    [
        (Window(since="2027-01-01"), "--since, --until: none of 10 dumps was written then; they span 9 min"),
        (Window(since="soon"), "--since: 'soon' is neither a duration nor a time"),
        (Window(until="2026-99-99"), "--until: '2026-99-99' is neither"),
        (Window("1m", "2m"), "--since, --until: it ends before it begins; write the earlier"),
        (parse_range("1m..2m", "--window"), "--window: it ends before it begins; write the earlier"),
        (parse_range("..1h", "--before"), "--before: none of 10 dumps was written then; they span 9"),
    ],
)  # fmt: skip
def test_a_window_without_dumps_or_sense_is_refused(window: Window, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        within(window, FILES, TIMES.__getitem__)

    assert str(refused.value).startswith(says)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("3m", range(6, 10)),
        ("5m..2m", range(4, 8)),
        ("5m..", range(4, 10)),
        ("..3m", range(7)),
        (" 5m .. 2m ", range(4, 8)),
        ("2026-11-23T20:01:00+00:00..2026-11-23T20:03:00+00:00", range(1, 4)),
        ("2026-11-23T20:01:00+00:00..6m", range(1, 4)),
    ],
)
def test_a_range_is_a_window_in_one_word(text: str, kept: range) -> None:
    window = parse_range(text, "--window")

    assert [each.seq for each in within(window, FILES, TIMES.__getitem__)] == list(kept)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "'' is no window of time; write T1..T2, T1.., ..T2 or 2h"),
        ("..", "'..' is no window of time"),
        ("2026-11-23T20:00", "'2026-11-23T20:00' is no window of time"),
        ("soon", "'soon' is neither a duration nor a time"),
        ("2h..soon", "'soon' is neither a duration nor a time"),
        ("2h...1h", "'.1h' is neither a duration nor a time"),
        ("2026-99-99..", "'2026-99-99' is neither a duration nor a time"),
    ],
)
def test_a_range_without_sense_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_range(text, "--before")

    assert str(refused.value).startswith(f"--before: {says}")


@given(st.text("0123456789.hmds-T:Z+ ") | st.text())
def test_any_text_is_a_range_or_is_refused(text: str) -> None:
    try:
        found = within(parse_range(text, "--window"), FILES, TIMES.__getitem__)
    except UsageError:
        return
    assert found


def test_only_dumps_in_the_window_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)
    whole = study(read.inputs("leak"))
    late = study(read.inputs("leak"), window=Window(since="12m"))

    assert whole.series is not None
    assert late.series is not None
    assert late.series.times == tuple(
        time for time in whole.series.times if time >= whole.series.times[-1] - 720
    )
    assert late.last == whole.last
    assert late.analysis.growth.bytes < whole.analysis.growth.bytes
