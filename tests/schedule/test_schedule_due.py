from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.facts import timer
from memops.schedule.due import next_due

EVERY = [60 * m for m in (1, 2, 5, 10, 15, 20, 30, 60)] + [3600 * h for h in (2, 6, 12, 24)]


@pytest.mark.parametrize(
    ("every", "after", "due"),
    [
        (1800, "2026-11-23T20:56:00", "2026-11-23T21:00:00"),
        (1800, "2026-11-23T21:00:00", "2026-11-23T21:30:00"),
        (1800, "2026-11-23T23:59:59", "2026-11-24T00:00:00"),
        (3600, "2026-11-23T20:00:01", "2026-11-23T21:00:00"),
        (21600, "2026-11-23T20:00:00", "2026-11-24T00:00:00"),
        (86400, "2026-12-31T20:00:00", "2027-01-01T00:00:00"),
    ],
)
def test_a_schedule_is_due_on_the_clock(every: int, after: str, due: str) -> None:
    assert next_due(every, datetime.fromisoformat(after)) == datetime.fromisoformat(due)


def test_it_is_due_in_local_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    after = datetime(2026, 3, 28, 23, 30, tzinfo=berlin)

    assert next_due(86400, after) == datetime(2026, 3, 29, tzinfo=berlin)
    assert next_due(86400, after.astimezone(UTC)).tzinfo == UTC


@given(
    st.sampled_from(EVERY),
    st.datetimes(timezones=st.just(UTC)).filter(lambda moment: moment.year < 9999),
)
def test_it_is_the_first_due_moment_after(every: int, after: datetime) -> None:
    due = next_due(every, after)
    midnight = due.replace(hour=0, minute=0)

    assert timedelta() < due - after <= timedelta(seconds=every)
    assert (due - midnight).total_seconds() % every == 0
    assert next_due(every, due) - due == timedelta(seconds=every)


@pytest.mark.parametrize("every", [0, -60, 1, 59, 90, 2700, 18000, 90000, 172800])
def test_an_interval_that_no_clock_knows_is_refused(every: int) -> None:
    with pytest.raises(UsageError, match="30m"):
        timer.check_every(every)


@pytest.mark.parametrize(
    ("every", "calendar", "cron"),
    [
        (60, "*-*-* *:00/1:00", "*/1 * * * *"),
        (1800, "*-*-* *:00/30:00", "*/30 * * * *"),
        (3600, "*-*-* 00/1:00:00", "0 */1 * * *"),
        (21600, "*-*-* 00/6:00:00", "0 */6 * * *"),
        (86400, "*-*-* 00:00:00", "0 0 * * *"),
    ],
)
def test_the_interval_as_systemd_and_cron_write_it(every: int, calendar: str, cron: str) -> None:
    assert (timer.calendar(every), timer.cron(every)) == (calendar, cron)


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}", fullmatch=True)
words = st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), max_size=20)


@given(
    st.builds(
        timer.Timer,
        names,
        st.sampled_from(EVERY),
        st.lists(words, min_size=1).map(tuple),
        words,
        st.lists(st.tuples(words, words)).map(tuple),
    )
)
def test_a_timer_is_read_back_from_its_comment(one: timer.Timer) -> None:
    assert timer.parse(f"# other\n{one.line()}\n[Timer]\n") == {one.name: one}


@given(st.text())
def test_a_damaged_line_is_passed_by(text: str) -> None:
    assert timer.parse(f"# memops begin x {text}") in ({}, timer.parse(f"# memops begin x {text}"))
    assert timer.parse(text) == {}


@pytest.mark.parametrize("name", ["", "-x", "a b", "../x", "a" * 61, "a\nb", "a.b", "a/b"])
def test_a_name_that_could_mean_something_to_the_shell_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        timer.check_name(name)


def test_a_word_with_a_newline_is_refused() -> None:
    with pytest.raises(UsageError, match="printed"):
        timer.Timer("x", 60, ("memops", "a\n* * * * * rm -rf /"), "/")
