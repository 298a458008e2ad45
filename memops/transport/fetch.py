"""Bringing files home: many in one stream, checked by a digest at both ends, resumed by offset.

The digest is sha256, or BLAKE2b where the host makes that much sooner (it says so in front of the
first file); what is told and kept is always the sha256 of what came.
Local names are those the caller chose; nothing a host says becomes part of a path.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

from memops.model.action import Run
from memops.transport import script
from memops.transport.arrival import Arrival
from memops.transport.digests import Digests
from memops.transport.shell import Ended, Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from memops.model.action import Output
    from memops.transport.script import Call
    from memops.transport.shell import Shell

_GROUP = 500
"""Files in one batch: their names must fit one command line of the host (128 KiB at least)."""

_SYNCERS = 8
"""Files synced at once: a file system commits them together, one by one would cost a commit each."""

_CHANGED = 75  # "try again", as sysexits.h has it

_UNSIZED = ("/proc/", "/sys/")

_HASHER = script.Call('memops_hasher; printf "%s\\n" "$memops_hasher"')
_BLAKE = b"b2sum\n"


def fetch(
    shell: Shell,
    files: Iterable[tuple[str | Run, Path]],
    progress: Callable[[int], None] | None = None,
) -> tuple[Output, ...]:
    """See `memops.transport.base.Session.fetch`."""
    arrivals = [Arrival(source, into) for source, into in files]
    heard = _Counter(progress)
    with ThreadPoolExecutor(_SYNCERS) as pool:
        try:
            for group in _groups(arrivals):
                _bring(shell, group, pool, heard)
        finally:
            for arrival in arrivals:
                arrival.shut()
    return tuple(arrival.output() for arrival in arrivals)


class _Counter:
    """Tells how many bytes came, over all files."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self._progress = progress
        self._total = 0

    def add(self, size: int) -> None:
        self._total += size
        if self._progress is not None:
            self._progress(self._total)


def _groups(arrivals: Sequence[Arrival]) -> Iterable[list[Arrival]]:
    """Files together, streams together, in order, and never too many for one command line."""
    group: list[Arrival] = []
    length = 0
    for arrival in arrivals:
        size = 8 * len(str(arrival.source))
        if group and (
            len(group) == _GROUP
            or length + size > 1 << 19
            or _unsized(arrival) != _unsized(group[0])
        ):
            yield group
            group, length = [], 0
        group.append(arrival)
        length += size
    if group:
        yield group


def _unsized(arrival: Arrival) -> bool:
    return isinstance(arrival.source, Run) or arrival.source.startswith(_UNSIZED)


def _bring(shell: Shell, group: list[Arrival], pool: ThreadPoolExecutor, heard: _Counter) -> None:
    if _unsized(group[0]):
        _receive(shell, group, [_stream_call(arrival) for arrival in group], pool, heard)
    else:
        _resume(
            shell, [each for each in group if each.part.is_file() and not each.part.is_symlink()]
        )
        _checked(shell, group, pool, heard)
        for arrival in group:
            if arrival.rc == _CHANGED:
                _again(shell, arrival, pool, heard)
    for _ in pool.map(Arrival.keep, [arrival for arrival in group if arrival.rc == 0]):
        pass


def _checked(
    shell: Shell, group: Sequence[Arrival], pool: ThreadPoolExecutor, heard: _Counter
) -> None:
    """Files as they are, hashed on the host meanwhile, in one batch."""
    words = [_word(arrival) for arrival in group]
    calls = [
        script.Call(f"memops_cat {word} {arrival.done:d}")
        for word, arrival in zip(words, group, strict=True)
    ]
    feed = f"memops_digests {' '.join(words)}"
    said = _receive(shell, group, [_HASHER, *calls, script.Call("cat")], pool, heard, feed, ahead=1)
    blake, digests = said.startswith(_BLAKE), said.decode("ascii", "replace").splitlines()[1:]
    for arrival, digest in zip(group, digests + ["-"] * len(group), strict=False):
        ours = arrival.digests.blake2b if blake else arrival.digests.sha256
        if arrival.rc == 0 and ours != digest:
            arrival.rc = _CHANGED


def _again(shell: Shell, arrival: Arrival, pool: ThreadPoolExecutor, heard: _Counter) -> None:
    """A file that grows: as many bytes of it as it has now. One that has no size: until it ends."""
    arrival.discard()
    word = _word(arrival)
    size = _ask(shell, f"stat -L -c %s {word}").strip().decode("ascii", "replace")
    if size == "0":
        _receive(shell, [arrival], [script.Call(f"memops_cat {word} 0")], pool, heard)
        return
    if not size.isdigit():
        arrival.rc, arrival.error = 1, b"vanished while it was being read"
        return
    bounded = f"memops_head {word} {size}"
    calls = [script.Call(bounded), script.Call("cat")]
    said = _receive(shell, [arrival], calls, pool, heard, f"{bounded} | sha256sum")
    if arrival.rc == 0 and said.split(b" ")[0].decode("ascii", "replace") != arrival.digests.sha256:
        arrival.discard()
        arrival.rc, arrival.error = _CHANGED, b"changed while it was being read"


def _resume(shell: Shell, partial: Sequence[Arrival]) -> None:
    """Go on behind the bytes that lie here, where they are still those of the host."""
    for arrival in partial:
        digests, size = Digests(), arrival.part.stat().st_size
        with arrival.part.open("rb") as file:
            while piece := file.read(1 << 20):
                digests.update(piece, None, blake2b=True)
                digests.settle()
        said = _ask(shell, f"memops_head {_word(arrival)} {size:d} | sha256sum")
        if said[:64].decode("ascii", "replace") == digests.sha256:
            arrival.done, arrival.digests = size, digests


def _ask(shell: Shell, text: str) -> bytes:
    with closing(shell.converse([script.Call(text)])) as events:
        return b"".join(each.content for each in events if isinstance(each, Piece) and not each.err)


def _receive(
    shell: Shell,
    group: Sequence[Arrival],
    calls: Sequence[Call],
    pool: ThreadPoolExecutor,
    heard: _Counter,
    feed: str = "",
    ahead: int = 0,
) -> bytes:
    """Write what *calls* print, each to its arrival.

    What *ahead* calls in front of them and those behind print is returned.
    """
    extra = b""
    with closing(shell.converse(calls, feed=feed)) as events:
        for event in events:
            if not 0 <= event.index - ahead < len(group):
                extra += event.content if isinstance(event, Piece) and not event.err else b""
                continue
            arrival = group[event.index - ahead]
            if isinstance(event, Ended):
                _end(arrival, event.rc, calls[event.index])
                if len(group) == 1:  # many are better synced together
                    arrival.sync(pool, ahead=1)
            elif event.err:
                arrival.error = (arrival.error + event.content)[-4096:]
            else:
                arrival.write(event.content, pool, blake2b=extra == _BLAKE)
                arrival.sync(pool)
                heard.add(len(event.content))
    return extra


def _end(arrival: Arrival, rc: int, call: Call) -> None:
    arrival.rc = 0 if rc in call.ok else rc or 1
    if arrival.rc:
        arrival.discard()


def _stream_call(arrival: Arrival) -> Call:
    if isinstance(arrival.source, Run):
        return script.look(arrival.source)
    return script.Call(f"memops_cat {_word(arrival)} 0")


def _word(arrival: Arrival) -> str:
    return script.operand(str(arrival.source))
