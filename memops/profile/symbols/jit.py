"""Names of code that a process wrote for itself, from perf maps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memops.profile.symbols.frame import JIT, UNMAPPED, Frame
from memops.profile.symbols.names import Name
from memops.profile.unpack import read_file

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence
    from pathlib import Path

    from memops.profile.symbols.perfmap import PerfMap

# HotSpot's CodeBlobs without a method: shared runtime, C1's Runtime1, adapters, StubRoutines, and what
# C2 calls (``_new_array_Java`` to JDK 21, ``C2 Runtime new_array`` of 25).
_STUB = re.compile(
    r"(?i:stub|blob|adapters?$|vtable|^native signature handlers)|^resolve_|^ic_miss|^wrong_method|^jni_fast"
    r"|^_[a-z]\w{1,60}_Java$|^_notify_jvmti_|^C[12] (?:Runtime|temporary) | throw_exception$|^jfr_(?:write|return)_"
    r"|^g1_\w{1,40}_slow$|^Signature Handler |^InlineCacheBuffer$"
)
_STUBS_OWN = ("StubRoutines", "Stub:")
# A method as perf-map-agent names it for JDK 8 and 11, without and with its option dottedclass.
_AGENT = re.compile(r"L([\w$/]++);(?:::|\.)([\w$<>]++)|((?:[\w$]++\.)+[\w$]++)::([\w$<>]++)")
# A class that the JVM made at run time (a lambda's) has its address in its name.
_HIDDEN = re.compile(r"[/.+]0x[0-9a-f]{6,16}(?=\.)")


class JitSymbols:
    """Names from perf maps, the oldest first, which were taken at *times* (seconds since the epoch).

    Code is thrown away and its place used again, so that a map tells the truth about its own
    moment: of those that know an address the one taken nearest to the dump names it. Without times
    the newest does.
    """

    def __init__(self, maps: tuple[PerfMap, ...] = (), times: tuple[float, ...] = ()) -> None:
        self.maps, self.times = maps, times
        self.orders: dict[str, tuple[PerfMap, ...]] = {}

    def epoch(self, time: float) -> str:
        """What the frames of a dump written at *time* have for a build-id: the nearest map's number."""
        if len(set(self.times)) < 2:  # noqa: PLR2004 - one moment is the same for all dumps
            return ""
        return str(self._by_distance(time)[0])

    def settled(self, frame: Frame) -> Frame:
        """*frame* without its epoch where all maps agree, so that it is the same in every dump."""
        if frame.path in {JIT, UNMAPPED} and frame.build_id and not self.disagree(frame.offset):
            return Frame.at(frame.path, frame.offset)
        return frame

    def disagree(self, address: int) -> bool:
        """Whether the maps have different names for the return *address*."""
        names = {readable(each.name_at(address - 1)) for each in self.maps} - {""}
        return len(names) > 1

    def name(self, frame: Frame) -> Name | None:
        """The name of *frame* if it is code that the process wrote for itself."""
        path, address = frame.path, frame.offset
        if path not in {JIT, UNMAPPED}:
            return None
        for each in self._nearest(frame.build_id):
            if found := each.name_at(address - 1):
                return Name(symbol=readable(found), module=JIT)
        if path == JIT:
            reason = "not in the perf map" if self.maps else "JIT code without a perf map"
            return Name(label=f"[JIT {address:#x}]", reason=reason)
        return Name(label=f"[{address:#x}]", reason="outside every mapping")

    def _nearest(self, epoch: str) -> Sequence[PerfMap]:
        """The maps in the order in which they are asked."""
        if epoch not in self.orders:
            known = epoch.isdigit() and int(epoch) < len(self.times)
            order = (
                self._by_distance(self.times[int(epoch)]) if known else range(len(self.maps))[::-1]
            )
            self.orders[epoch] = tuple(self.maps[at] for at in order)
        return self.orders[epoch]

    def _by_distance(self, time: float) -> list[int]:
        """The numbers of the maps, those nearest to *time* first, of two as near the newer."""
        return sorted(range(len(self.times)), key=lambda at: (abs(self.times[at] - time), -at))


def read_jit_symbols(paths: Sequence[Path], times: Map[Path, float]) -> JitSymbols:
    """The perf maps at *paths*, the oldest first, taken at *times*, or when the files were written.

    Raises `UsageError` for a map that cannot be read.
    """
    if not paths:
        return JitSymbols()
    from memops.profile.symbols.perfmap import parse_perf_map  # noqa: PLC0415 - mostly there is none

    maps = tuple(parse_perf_map(read_file(path)) for path in paths)
    return JitSymbols(maps, tuple(times.get(path, path.stat().st_mtime) for path in paths))


def readable(name: str) -> str:
    """The *name* in a perf map for people.

    HotSpot writes ``long a.b.C.method(int, byte[])`` for a method: the class and method are kept, and
    perf-map-agent ``La/b/C;::method``, ``La/b/C;.method`` or ``a.b.C::method``, which mean the same.
    What has no arguments is code of its own: ``[interpreter]`` runs every method that was not
    compiled, and ``[stub ...]`` is glue. Other runtimes' names stay: ``LazyCompile:~f /app.js:3``
    of V8, ``TRACE_4::f.lua:9`` of LuaJIT, ``$lists:map/2`` of Erlang, ``[app] A.B::C(int32)[Tier0]``
    of .NET.
    """
    head, paren, _ = name.partition("(")
    if name == "Interpreter":
        return "[interpreter]"
    if agent := _AGENT.fullmatch(name):
        owner = (agent[1] or agent[3]).replace("/", ".")
        return f"{owner}.{agent[2] or agent[4]}"
    if paren and name.endswith(")") and "." in head:
        return _HIDDEN.sub("", head.rpartition(" ")[2])
    is_stub = name.startswith(_STUBS_OWN) or (":" not in name and _STUB.search(name))
    return f"[stub {name}]" if is_stub else name
