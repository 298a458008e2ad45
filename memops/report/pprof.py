"""A study as pprof's ``profile.proto``, for ``go tool pprof``, Pyroscope, Parca and speedscope.

The field numbers are those of github.com/google/pprof, ``proto/profile.proto``. Unlike the other
formats this one keeps addresses, so that others can look them up again, and threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import memops
from memops.profile.memory.maps import DELETED
from memops.profile.symbols.demangle import demangle
from memops.profile.symbols.names import Inlined
from memops.report.protobuf import block, number, packed, text, varint
from memops.report.samples import samples
from memops.report.text import title

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Mapping as Map
    from pathlib import Path

    from memops.profile.study import Study
    from memops.profile.symbols.frame import Frame
    from memops.report.samples import Mapped, Samples
    from memops.report.view import View

VALUES = (("inuse_objects", "count"), ("inuse_space", "bytes"))
_NANO = 10**9
_Key = TypeVar("_Key")


def pprof(study: Study, _view: View) -> bytes:
    """*study* as a gzipped profile, the same bytes each time.

    What shrank has negative values, as with ``pprof -diff_base``. A function without a name is
    called by its library and offset, and its mapping says that it lacks functions, so that pprof
    looks for them itself. Code of a JIT has no mapping. Where debug information told lines, a
    location has one of each inlined call.
    """
    import gzip  # noqa: PLC0415 - the other formats need it not

    return gzip.compress(encode([study], [samples(study)]), mtime=0)


def pprof_together(studies: Sequence[Study], _view: View) -> bytes:
    """The lives *studies* as one gzipped profile, each sample with the labels of its host and life.

    So ``go tool pprof -tagfocus=host=web-1``, ``-tagroot=host`` and ``-tags`` tell hosts apart, and
    without them a function is one on all hosts.
    """
    import gzip  # noqa: PLC0415 - the other formats need it not

    from memops.report.merging import on_common_ground  # noqa: PLC0415 - of several hosts only

    return gzip.compress(encode(studies, on_common_ground(list(map(samples, studies)))), mtime=0)


def encode(studies: Sequence[Study], found: Sequence[Samples]) -> bytes:
    """The samples *found* behind each of *studies* as a profile message, not yet compressed.

    Of several they agree on the places and names of frames.
    """
    strings = _Strings({"": 0})
    ground = found[0]
    frames = dict.fromkeys(
        frame for one in found for sample in one.counts for frame in sample.frames
    )
    lines = {frame: _lines(frame, ground) for frame in frames}
    body = [
        *(block(1, _value_type(strings, kind)) for kind in VALUES),
        *(block_ for study, one in zip(studies, found, strict=True)
          for block_ in _samples(study, one, frames, strings)),
        *_mappings(ground, lines, strings),
        *_locations(ground, lines),
        *_functions((line.function for each in lines.values() for line in each), strings),
        *_about(studies, strings),
    ]  # fmt: skip
    return b"".join([*body, *(text(6, each) for each in strings)])


class _Strings(dict[str, int]):
    """The string table: each text has the number of its place, and the empty one is the first."""

    def __missing__(self, key: str) -> int:
        self[key] = len(self)
        return self[key]


class _Function(NamedTuple):
    """A function: its name for people, the symbol in the file, whether that was found, its source."""

    name: str
    symbol: str
    is_named: bool
    file: str = ""


class _Line(NamedTuple):
    """A call in a *function*, in the line *number* of its file, 0 where that is not known."""

    function: _Function
    number: int


def _ids(keys: Iterable[_Key]) -> dict[_Key, int]:
    """A number from 1 on for each of *keys*, in their order."""
    return {key: at for at, key in enumerate(dict.fromkeys(keys), 1)}


def _value_type(strings: _Strings, kind: tuple[str, str]) -> bytes:
    return number(1, strings[kind[0]]) + number(2, strings[kind[1]])


def _samples(
    study: Study, found: Samples, frames: Iterable[Frame], strings: _Strings
) -> Iterator[bytes]:
    encoded = {frame: varint(at) for frame, at in _ids(frames).items()}
    threads = dict.fromkeys(sample.thread for sample in found.counts)
    labels = {each: b"".join(_labels(study, each, strings)) for each in threads}
    for sample, count in found.counts.items():
        stack = block(1, b"".join([encoded[frame] for frame in sample.frames]))
        values = packed(2, (count.objects, count.bytes))
        yield block(2, stack + values + labels[sample.thread])


def _labels(study: Study, thread: str, strings: _Strings) -> Iterator[bytes]:
    inputs = study.inputs
    labels = {"thread": thread, "host": inputs.host, "app": inputs.app, "life": _life(study)}
    for key, value in labels.items():
        if value:
            yield block(3, number(1, strings[key]) + number(2, strings[value]))


def _life(study: Study) -> str:
    """What tells the life from others of its host: what the store calls it, or its pid."""
    inputs, pid = study.inputs, study.process.pid
    return inputs.life or (f"pid {pid}" if inputs.host and pid is not None else "")


def _lines(frame: Frame, found: Samples) -> tuple[_Line, ...]:
    """The calls at *frame*: those inlined there, the innermost first, and its function's own."""
    name = found.names(frame)
    if not name.symbol:
        return (_Line(_Function(name.label, name.label, is_named=False), 0),)
    calls = [*name.inlined, Inlined(name.symbol, name.source)]
    return tuple(_line(each) for each in calls)


def _line(call: Inlined) -> _Line:
    file, _, line = call.source.rpartition(":")
    function = _Function(demangle(call.symbol), call.symbol, is_named=True, file=file)
    return _Line(function, int(line or 0))


def _used(found: Samples, frames: Iterable[Frame]) -> dict[Mapped, int]:
    """The mappings by number: the program's is the first, as the format asks."""
    places = [found.program, *(found.places[frame].mapped for frame in frames)]
    return _ids(each for each in places if each)


def _mappings(
    found: Samples, lines: Map[Frame, tuple[_Line, ...]], strings: _Strings
) -> Iterator[bytes]:
    nameless = {found.places[frame].mapped for frame, each in lines.items()
                if not each[-1].function.is_named}  # fmt: skip
    lined = {found.places[frame].mapped for frame, each in lines.items() if each[-1].number}
    for each, at in _used(found, lines).items():
        mapping = each.mapping
        yield block(3, b"".join([
            number(1, at),
            number(2, mapping.start),
            number(3, mapping.end),
            number(4, mapping.offset),
            number(5, strings[mapping.path.removesuffix(DELETED)]),
            number(6, strings[each.build_id]),
            number(7, each not in nameless),
            *(number(field, each in lined) for field in (8, 9, 10)),
        ]))  # fmt: skip


def _locations(found: Samples, lines: Map[Frame, tuple[_Line, ...]]) -> Iterator[bytes]:
    mappings = _used(found, lines)
    numbers = _ids(line.function for each in lines.values() for line in each)
    for at, (frame, calls) in enumerate(lines.items(), 1):
        place = found.places[frame]
        mapping = number(2, mappings[place.mapped]) if place.mapped else b""
        entries = [block(4, number(1, numbers[each.function]) + number(2, each.number))
                   for each in calls]  # fmt: skip
        yield block(4, b"".join([number(1, at), mapping, number(3, place.address), *entries]))


def _functions(functions: Iterable[_Function], strings: _Strings) -> Iterator[bytes]:
    for function, at in _ids(functions).items():
        name = number(2, strings[function.name]) + number(3, strings[function.symbol])
        yield block(5, number(1, at) + name + number(4, strings[function.file]))


def _about(studies: Sequence[Study], strings: _Strings) -> Iterator[bytes]:
    """When and how the profile was made, and which value to show first."""
    times = [time for each in studies if (time := _time(each)) is not None]
    spans = [each.series.times[-1] - each.series.times[0] for each in studies
             if each.analysis.is_growth and each.series]  # fmt: skip
    if times:
        yield number(9, round(max(times) * _NANO))
    if spans:
        yield number(10, round(max(spans) * _NANO))
    yield block(11, _value_type(strings, ("space", "bytes")))
    yield number(12, max(each.interval for each in studies))
    yield packed(13, [strings[line] for each in studies for line in comments(each)])
    yield number(14, strings[VALUES[-1][0]])


def _time(study: Study) -> float | None:
    """When the last dump was written, in seconds since the epoch, if its files can be trusted to tell."""
    return study.inputs.times.get(study.last, study.series.times[-1] if study.series else None)


def comments(study: Study) -> list[str]:
    """Where the numbers come from, in lines for people: the tool, the process, the dumps."""
    growth = study.analysis.growth
    return [
        f"memops {memops.__version__}",
        title(study),
        f"sampling error of the total: {growth.error:.0f} bytes (one sigma)",
        *(_provenance("compared with", path) for path in [study.first] if path),
        _provenance("dump", study.last),
        *(f"note: {each}" for each in study.notes),
    ]


def _provenance(what: str, path: Path) -> str:
    import hashlib  # noqa: PLC0415 - the other formats need it not

    return f"{what} {path} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}"
