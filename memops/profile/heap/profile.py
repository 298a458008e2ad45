"""Heap profiles of jemalloc 4 and 5 (``heap_v2``) as values.

The format is written by ``prof_dump_impl`` in jemalloc's ``src/prof_data.c`` and described in its
manual under HEAP PROFILE FORMAT::

    heap_v2/<R>                                       the mean number of bytes between samples
      t*: <objects>: <bytes> [<objects>: <bytes>]     the whole process: live [accumulated]
      t<n>: <objects>: ... [<...>] <name>             one of its threads
    @ 0x<pc> 0x<pc> ...                               a stack, leaf first: return addresses
      t*: ...                                         what is live of it
      t<n>: ...                                       and by thread
    <empty line>
    MAPPED_LIBRARIES:
    <the lines of /proc/PID/maps>

All counts are of *samples*; `HeapProfile.live` and `unsample` estimate what they stand for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import expm1
from typing import TYPE_CHECKING, NamedTuple

from memops.profile.memory.maps import AddressSpace, Mapping, first_file

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

Stack = tuple[int, ...]
"""Return addresses, the leaf first."""


class Count(NamedTuple):
    """So many *objects* of so many *bytes* together."""

    objects: int
    bytes: int


class Samples(NamedTuple):
    """What was sampled: live now, and accumulated since the start (with ``prof_accum:true``)."""

    live: Count
    accumulated: Count = Count(0, 0)


class Thread(NamedTuple):
    """A thread as the header has it: its number, its samples and its name.

    The name is there with ``prof_sys_thread_name:true`` (jemalloc 5.3.0) or when the program set
    one; at most 15 bytes, as of ``pthread_setname_np``.
    """

    uid: int
    samples: Samples
    name: str = ""


class Sampled(NamedTuple):
    """The samples of one stack, whole and by thread number."""

    samples: Samples
    threads: tuple[tuple[int, Samples], ...] = ()


@dataclass(frozen=True)
class HeapProfile:
    """One dump as its file has it: samples by stack, not yet scaled.

    *interval* is the mean number of allocated bytes between two samples, 1 when every allocation
    was recorded. *total* is the header's own sum. *writer* is ``jemalloc`` or ``tcmalloc``.
    """

    interval: int
    total: Samples
    threads: tuple[Thread, ...]
    stacks: Map[Stack, Sampled]
    mappings: tuple[Mapping, ...]
    writer: str = "jemalloc"

    @cached_property
    def live(self) -> Map[Stack, Count]:
        """The estimate of what is live, by stack."""
        scale = self.interval
        return {stack: unsample(each.samples.live, scale) for stack, each in self.stacks.items()}

    @cached_property
    def space(self) -> AddressSpace:
        """The mappings, to be searched by address."""
        return AddressSpace.of(self.mappings)

    @property
    def executable(self) -> str:
        """The path of the program: the first file in the address space, or nothing."""
        return first_file(self.mappings)

    def live_by_thread(self) -> Map[str, Count]:
        """The estimate of what is live by the name of the thread that allocated it.

        A thread without a name is ``t<number>``.
        """
        names = {each.uid: each.name or f"t{each.uid}" for each in self.threads}
        sums: dict[str, Count] = {}
        for stack in self.stacks.values():
            for uid, samples in stack.threads:
                name, count = names.get(uid, f"t{uid}"), unsample(samples.live, self.interval)
                sums[name] = add(sums.get(name, Count(0, 0)), count)
        return sums

    @property
    def scaling(self) -> str:
        """How the file's numbers were scaled: ``none``, ``raw``, ``unbiased`` or ``inconsistent``.

        ``none``: every allocation was recorded. ``raw``: the stacks add up to the header, as before
        5.3.0; un-sampling them averages over the sizes of a stack. ``unbiased``: since 5.3.0
        jemalloc corrects each allocation by its own size and then writes numbers that become right
        when un-sampled (``prof_do_unbias`` in ``prof_data.c``), so that only the un-sampled sums
        agree. ``inconsistent``: neither agrees; the file may be mixed from several.
        """
        return _scaling(self)

    def text(self) -> str:
        """The profile as jemalloc would write it."""
        return "".join(_lines(self))


def unsample(count: Count, interval: int) -> Count:
    """What *count* samples stand for, at *interval* bytes between samples.

    An allocation of Z bytes is sampled with the probability ``1 - exp(-Z / interval)``; the mean
    size of the samples stands for Z (jemalloc's ``doc_internal/PROFILING_INTERNALS.md`` and
    ``AdjustSamples`` in ``jeprof``). Scale first and add then, never the other way round.
    """
    return Count(*scaled(*count, interval))


def scaled(objects: int, size: int, interval: int) -> tuple[int, int]:
    """The same of *objects* of *size* bytes together."""
    if interval <= 1 or not objects or not size:
        return objects, size
    factor = -1 / expm1(-size / objects / interval)
    return round(objects * factor), round(size * factor)


def without_echo(stack: Stack) -> Stack:
    """*stack* without a last frame that is the one before it, less a byte.

    libunwind (1.6) writes that for AArch64 where it can go no further: at a return address that is
    signed (``-mbranch-protection``). It is nobody's caller, for no two calls end a byte apart. What
    libunwind writes there is not the return address, but the byte before, the last of the call.
    """
    is_echo = stack[-1:] and stack[-1] & 3 == 2 and stack[-2:-1] == (stack[-1] + 1,)  # noqa: PLR2004
    return stack[:-1] if is_echo else stack


def add(one: Count, other: Count) -> Count:
    """The sum of two counts."""
    return Count(one[0] + other[0], one[1] + other[1])


_HEADER_TOLERANCE = 0.01  # the two sums agree within 0.1 % on real dumps


def _scaling(profile: HeapProfile) -> str:
    raw = sum(each.samples.live.bytes for each in profile.stacks.values())
    return scaling(profile.total.live, profile.interval, raw, _live_bytes(profile))


def scaling(header: Count, interval: int, raw: int, live: int) -> str:
    """`HeapProfile.scaling` of stacks whose samples add up to *raw* bytes, un-sampled to *live*."""
    if interval <= 1:
        return "none"
    if raw == header.bytes:
        return "raw"
    whole = unsample(header, interval).bytes
    agrees = abs(whole - live) <= _HEADER_TOLERANCE * max(whole, live)
    return "unbiased" if agrees else "inconsistent"


def _live_bytes(profile: HeapProfile) -> int:
    return sum(count.bytes for count in profile.live.values())


def _lines(profile: HeapProfile) -> list[str]:
    lines = [f"heap_v2/{profile.interval}\n", f"  t*: {_samples(profile.total)}\n"]
    for uid, samples, name in profile.threads:
        lines.append(f"  t{uid}: {_samples(samples)}{' ' * bool(name)}{name}\n")
    for stack, (samples, threads) in profile.stacks.items():
        lines.append("@" + "".join(f" {pc:#x}" for pc in stack) + "\n")
        lines.append(f"  t*: {_samples(samples)}\n")
        lines.extend(f"  t{uid}: {_samples(each)}\n" for uid, each in threads)
    lines.append("\nMAPPED_LIBRARIES:\n")
    lines.extend(f"{each.line()}\n" for each in profile.mappings)
    return lines


def _samples(samples: Samples) -> str:
    (objects, size), (all_objects, all_size) = samples
    return f"{objects}: {size} [{all_objects}: {all_size}]"
