"""When a schedule is due: on the clock, at whole multiples of its interval since midnight."""

from __future__ import annotations

from datetime import datetime, timedelta

from memops.facts.timer import check_every


def next_due(every: int, after: datetime) -> datetime:
    """The first moment after *after* that is due, in its time zone; *every* is in seconds.

    As systemd's ``OnCalendar=`` and cron have it: 30 minutes means :00 and :30 of each hour.
    """
    check_every(every)
    midnight = after.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = (after.replace(tzinfo=None) - midnight.replace(tzinfo=None)) // timedelta(seconds=1)
    due = midnight.replace(tzinfo=None) + timedelta(seconds=(passed // every + 1) * every)
    return due.replace(tzinfo=after.tzinfo)
