"""Samples of several processes on common ground: where a frame lay, and its name, are one for all.

As ``go tool pprof`` merges profiles (``profile.Merge``): a file that is mapped elsewhere in another process
is the mapping that was seen first, and the addresses in it move along.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from memops.profile.symbols.frame import Frame
from memops.report.samples import Mapped, Place, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memops.profile.symbols.names import Name
    from memops.report.samples import Samples

_Key = tuple[str, str, int, int]


def on_common_ground(found: Sequence[Samples]) -> list[Samples]:
    """*found* with frames that mean the same in all of them, and with places and names that agree.

    A frame without a build-id is the same in its own process only: two files of one path may differ,
    and code of a JIT is never the same.
    """
    places: dict[Frame, Place] = {}
    names: dict[Frame, Name] = {}
    grounds: dict[_Key, Mapped] = {}
    counts = []
    for at, one in enumerate(found):
        known = {frame: _own(frame, at) for frame in one.places}
        for frame, own in known.items():
            if own not in places:
                places[own] = _moved(one.places[frame], grounds)
                names[own] = one.names(frame)
        counts.append({
            Sample(tuple(map(known.__getitem__, each.frames)), each.thread): count
            for each, count in one.counts.items()
        })  # fmt: skip
    program = found[0].program
    ground = program and grounds.get(_key(program), program)
    return [
        replace(one, counts=each, places=places, names=names.__getitem__, program=ground)
        for one, each in zip(found, counts, strict=True)
    ]


def _own(frame: Frame, at: int) -> Frame:
    """*frame* as it is called among several processes, of which this is number *at*."""
    if frame.has_file and frame.build_id:
        return frame
    return Frame.at(frame.path, frame.offset, f"{frame.build_id}#{at}") if at else frame


def _moved(place: Place, grounds: dict[_Key, Mapped]) -> Place:
    """*place* in the mapping that was first seen of its file; those are the *grounds*."""
    if place.mapped is None:
        return place
    ground = grounds.setdefault(_key(place.mapped), place.mapped)
    by = ground.mapping.start - place.mapped.mapping.start
    return Place(place.address + by, ground)


def _key(mapped: Mapped) -> _Key:
    """What is the same of a mapping in two processes: its file, size and offset."""
    each = mapped.mapping
    return each.path, mapped.build_id, each.end - each.start, each.offset
