"""What grew by the name of the thread that allocated it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.profile.growth.groups import add_up, group
from memops.profile.growth.naming import Row
from memops.report.samples import samples

if TYPE_CHECKING:
    from memops.profile.growth.groups import Group
    from memops.profile.study import Study

UNKNOWN = "[unknown thread]"


def by_thread(study: Study) -> tuple[Group, ...]:
    """The groups of *study* by the name of the thread, which add up to it to the byte.

    jemalloc writes names with ``prof_sys_thread_name:true``; a thread without one is ``t<number>``.
    The first dump and the last are read again, with the lines of their threads.
    """
    found = samples(study)
    rows = (
        (sample.thread, Row(size, objects, 0)) for sample, (objects, size) in found.counts.items()
    )
    sums = {
        name: Row(row.bytes, row.objects, found.variances[name])
        for name, row in add_up(rows).items()
    }
    return tuple(group(name or UNKNOWN, row, row) for name, row in sums.items())
