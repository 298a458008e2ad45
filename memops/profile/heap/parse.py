"""Reading heap profiles: fast on whole ones, exact about what is wrong with the others.

A few regular expressions run over the bytes of the whole file; possessive repeats keep each of them
linear in time and without memory of its own, whatever the file holds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.profile.heap.profile import Count, HeapProfile, Sampled, Samples, Thread, add
from memops.profile.memory.maps import parse_maps

if TYPE_CHECKING:
    from collections.abc import Iterable

_COUNTS = rb"(\d{1,20}): (\d{1,20}) \[(\d{1,20}): (\d{1,20})\]"
_HEADER = re.compile(rb"heap_v2/(\d{1,20})\n  t\*: " + _COUNTS + rb"\n((?:  t\d[^\n]{0,200}+\n)*+)")
_STACK = re.compile(
    rb"@([ 0-9a-fx]*+)\n  t\*: (" + _COUNTS + rb"\n)((?:  t\d[^\n]{0,100}+\n)*+)",
)
_THREAD = re.compile(rb"  t(\d{1,20}): " + _COUNTS + rb"(?: ([^\n]*+))?\n")
_LIBRARIES = b"\nMAPPED_LIBRARIES:\n"
_REDO = "collect it again, or analyse the other dumps without it"

LINE_LIMIT = 1 << 17
"""Bytes in a line, at most: 128 frames is jemalloc's usual depth, this is room for 6,000."""
LINES_LIMIT = ADDRESSES_LIMIT = 2_000_000
"""Lines and different addresses in a file, at most: ten times what 50,000 stacks need."""
MAPS_LIMIT = 64 << 20
"""Bytes of MAPPED_LIBRARIES, at most: half a million mappings."""
_ADDRESSES = 1 << 64


def parse_heap(text: bytes, name: str) -> HeapProfile:
    """The profile in *text*, the contents of the file *name*.

    Raises `UsageError` that names the file, the line and what to do next.
    """
    header = _HEADER.match(text)
    if header is None:
        raise _not_a_profile(text, name)
    cut = text.find(_LIBRARIES, header.end() - 1)
    if cut < 0:
        raise _truncated(text, name)
    if text.count(b"\n") > LINES_LIMIT:
        raise UsageError(name, "more than 2 million lines, which no heap profile has", _REDO)
    interval = int(header[1])
    if not interval:
        raise UsageError(f"{name}:1", "the sampling interval is 0", _REDO)
    mapped = text[cut + len(_LIBRARIES) :]
    if len(mapped) > MAPS_LIMIT:
        raise _at(text, cut + 2, name, "MAPPED_LIBRARIES is longer than 64 MiB")
    return HeapProfile(
        interval=interval,
        total=_samples(header.groups()[1:5]),
        threads=_threads(header, name),
        stacks=_stacks(text, header.end(), cut + 1, name),
        mappings=parse_maps(mapped),
    )


def _stacks(text: bytes, start: int, end: int, name: str) -> dict[tuple[int, ...], Sampled]:
    """The samples by stack; a stack written twice (5.3.0 may) is added up."""
    stacks: dict[tuple[int, ...], Sampled] = {}
    addresses: dict[bytes, int] = {}
    position = start
    for match in _STACK.finditer(text, start, end):
        if match.start() != position:
            break
        position = match.end()
        frames, counts, objects, size, all_objects, all_size, threads = match.groups()
        stack = _addresses(frames, addresses, match, name)
        samples = _samples((objects, size, all_objects, all_size))
        each = Sampled(samples, _by_thread(samples, counts, threads, match, name))
        stacks[stack] = _both(stacks[stack], each) if stack in stacks else each
    if position != end and text[position:end].strip():
        raise _at(text, position, name, f"{_excerpt(text, position)} is not a stack of a heap")
    return stacks


def _addresses(
    frames: bytes, known: dict[bytes, int], match: re.Match[bytes], name: str
) -> tuple[int, ...]:
    if len(frames) > LINE_LIMIT:
        raise _at(match.string, match.start(), name, "the stack is too long")
    tokens = frames.split()
    try:
        return tuple(map(known.__getitem__, tokens))
    except KeyError:
        if len(known) > ADDRESSES_LIMIT:
            what = "more than 2 million different addresses"
            raise _at(match.string, match.start(), name, what) from None
        known.update(_read_addresses(tokens, match, name))
        return tuple(map(known.__getitem__, tokens))


def _read_addresses(tokens: Iterable[bytes], match: re.Match[bytes], name: str) -> dict[bytes, int]:
    try:
        read = {token: int(token, 16) for token in tokens}
    except ValueError:
        raise _at(match.string, match.start(), name, "a frame is not an address") from None
    if max(read.values()) >= _ADDRESSES:
        raise _at(match.string, match.start(), name, "an address has more than 64 bits")
    return read


def _by_thread(
    samples: Samples, counts: bytes, threads: bytes, match: re.Match[bytes], name: str
) -> tuple[tuple[int, Samples], ...]:
    """The samples of each thread; nearly always one has them all, in the same words."""
    head, _, rest = threads.partition(b": ")
    if rest == counts and head[3:].isdigit():
        return ((int(head[3:]), samples),)
    found = _thread_lines(threads, match, name) if threads else []
    return tuple([(int(uid), _samples(each)) for uid, *each, _ in found])


def _threads(header: re.Match[bytes], name: str) -> tuple[Thread, ...]:
    return tuple(
        Thread(int(uid), _samples(counts), label.decode("utf-8", "surrogateescape"))
        for uid, *counts, label in _thread_lines(header[6], header, name)
    )


def _thread_lines(
    lines: bytes, match: re.Match[bytes], name: str
) -> list[tuple[bytes, bytes, bytes, bytes, bytes, bytes]]:
    """The fields of the thread *lines*, which are the last group of *match*."""
    found = _THREAD.findall(lines)
    if len(found) != lines.count(b"\n"):
        position = match.start(match.lastindex or 0)
        for line in lines.splitlines(keepends=True):
            if not _THREAD.fullmatch(line):
                break
            position += len(line)
        raise _at(match.string, position, name, "this thread's line has no four counts")
    return found


def _samples(counts: Iterable[bytes]) -> Samples:
    objects, size, all_objects, all_size = counts
    if all_objects == all_size == b"0":
        return Samples(Count(int(objects), int(size)))
    return Samples(Count(int(objects), int(size)), Count(int(all_objects), int(all_size)))


def _both(one: Sampled, other: Sampled) -> Sampled:
    live = add(one.samples.live, other.samples.live)
    accumulated = add(one.samples.accumulated, other.samples.accumulated)
    return Sampled(Samples(live, accumulated), one.threads + other.threads)


def _not_a_profile(text: bytes, name: str) -> UsageError:
    if not text.strip(b"\0 \n"):
        return UsageError(f"{name}:1", "the file is empty", _REDO)
    if text.startswith((b"heap profile:", b"heap_v2")):
        line = 1 + text[:LINE_LIMIT].startswith(b"heap_v2/")
        what = "the header of this heap profile cannot be read"
        return UsageError(f"{name}:{line}", what, _REDO)
    what = f"not a jemalloc heap profile (it begins {_excerpt(text, 0)})"
    return UsageError(f"{name}:1", what, "give files that end in .heap")


def _truncated(text: bytes, name: str) -> UsageError:
    what = "cut short: it has no MAPPED_LIBRARIES (disk full, killed, or still being written?)"
    return UsageError(f"{name}:{_line(text, len(text))}", what, _REDO)


def _at(text: bytes, position: int, name: str, what: str) -> UsageError:
    return UsageError(f"{name}:{_line(text, position)}", what, _REDO)


def _line(text: bytes, position: int) -> int:
    return text.count(b"\n", 0, position) + 1


def _excerpt(text: bytes, position: int) -> str:
    line = text[position : position + 40].split(b"\n")[0]
    return repr(line.decode("utf-8", "replace"))
