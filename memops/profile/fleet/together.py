"""The studies of several hosts as one: every stack of all of them, for flame graphs and tables."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.profile.growth.analysis import Analysis
from memops.profile.growth.naming import Call
from memops.profile.growth.rows import Rows, merged
from memops.profile.heap.files import find_dumps
from memops.profile.heap.runs import Process
from memops.profile.study import Inputs, Study, study

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence

    from memops.profile.fleet.lives import HostLives
    from memops.profile.growth.naming import Codes, Lexicon, Row
    from memops.profile.growth.window import Window


def studies_of(
    hosts: Sequence[HostLives],
    inputs: Sequence[Inputs],
    lexicon: Lexicon,
    *,
    window: Window | None = None,
    keep_going: bool = False,
) -> list[Study]:
    """The study of the life that is shown of each of *hosts*, whose files are among *inputs*.

    One *lexicon* makes a stack the same on all of them. Raises `UsageError` where some hosts tell
    growth and others, with one dump only, what is live: these are no parts of one whole.
    """
    found = [
        study(_files(host, inputs), pid=host.last.process.pid, keep_going=keep_going,
              window=window, lexicon=lexicon)
        for host in hosts
    ]  # fmt: skip
    alone = [each.inputs.host for each in found if not each.analysis.is_growth]
    if alone and len(alone) < len(found):
        what = "one dump tells what is live, and those of the other hosts tell growth"
        raise UsageError(", ".join(alone), what, "leave it out, or collect it again")
    return found


def _files(host: HostLives, inputs: Sequence[Inputs]) -> Inputs:
    """Those of *inputs* that have dumps of the life shown of *host*, without its files of memory."""
    pid = host.last.process.pid
    own = [each for each in inputs if each.host == host.host and each.dumps]
    having = [each for each in own if pid in {file.pid for file in find_dumps(each.dumps)}]
    return (having or own)[-1]._replace(memory=())


def together(studies: Sequence[Study], lexicon: Lexicon, *, host_frames: bool = False) -> Study:
    """*studies*, of which there is one at least and which share the *lexicon*, as one.

    With *host_frames* the host is the root of each stack, else what hosts have in common is one.
    """

    def placed(rows: Map[Codes, Row], host: str) -> Map[Codes, Row]:
        if not host_frames:
            return rows
        root = (lexicon.code(Call(host, "")),)
        return {codes + root: row for codes, row in rows.items()}

    first = studies[0]
    named = [(each.analysis, each.inputs.host) for each in studies]
    after: Rows = reduce(merged, (placed(one.after, host) for one, host in named), Rows())
    grown: Rows = reduce(merged, (placed(one.rows, host) for one, host in named), Rows())
    growing = first.analysis.is_growth
    return first._replace(
        inputs=_inputs(studies),
        process=Process(
            None,
            first.process.executable,
            sum(each.process.dumps for each in studies),
            sum(each.process.live for each in studies),
        ),
        interval=max(each.interval for each in studies),
        analysis=Analysis(grown if growing else after, after, lexicon.calls, is_growth=growing),
        others=(),
        notes=tuple(dict.fromkeys(note for each in studies for note in each.notes)),
        series=None,
        java=None,
        before=sum(each.before for each in studies),
        compared=tuple(path for each in studies for path in each.compared),
    )


def _inputs(studies: Sequence[Study]) -> Inputs:
    times = {path: time for each in studies for path, time in each.inputs.times.items()}
    dumps = [path for each in studies for path in each.inputs.dumps]
    return Inputs(dumps, studies[0].inputs.app, f"{len(studies)} hosts", times=times)
