"""A heap file that was looked through, but not yet taken apart: what is asked for is read from it.

A profile of 50,000 stacks has two million frames. Whoever needs them as values takes the `profile`;
the analysis takes the `samples` as they stand in the file, for a frame that is not looked at twice
need not be a number.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.profile.heap.profile import Samples, scaled
from memops.profile.memory.maps import AddressSpace, Mapping, first_file, parse_maps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as Map

    from memops.profile.heap.profile import HeapProfile

REDO = "collect it again, or analyse the other dumps without it"
_LEAF = re.compile(rb"@ (0x[0-9a-f]{1,16})")
_CODE = re.compile(rb"^[0-9a-f]+-[0-9a-f]+(?: ..x.|:)[^\n/]*/[^\n]*", re.MULTILINE)


class Dump(ABC):
    """The contents *text* of the heap file *name*; its mappings begin at *mapped*.

    *interval*, *total* and *writer* are those of `HeapProfile`.
    """

    def __init__(
        self,
        name: str,
        text: bytes,
        interval: int,
        total: Samples,
        mapped: int,
        writer: str = "jemalloc",
    ) -> None:
        self.name, self.text, self.interval = name, text, interval
        self.total, self.mapped, self.writer = total, mapped, writer

    @abstractmethod
    def samples(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Of each stack its frames as they are written, its live objects and bytes (samples).

        A stack may come twice. Raises `UsageError` at the first line that is none of a profile.
        """

    @abstractmethod
    def profile(self) -> HeapProfile:
        """All that the file says; raises `UsageError` that names the line that cannot be read."""

    @cached_property
    def mappings(self) -> tuple[Mapping, ...]:
        """The address space of the process."""
        return parse_maps(self.text[self.mapped :])

    @cached_property
    def space(self) -> AddressSpace:
        """The mappings, to be searched by address."""
        return AddressSpace.of(self.mappings)

    @property
    def executable(self) -> str:
        """The path of the program: the first file in the address space, or nothing."""
        return first_file(self.mappings)

    @cached_property
    def code(self) -> tuple[bytes, ...]:
        """The lines of files with code: where they are the same, an address is the same place."""
        return tuple(_CODE.findall(self.text, self.mapped))

    def leaves(self, most: int = 1000) -> Map[int, int]:
        """How many stacks begin with each address, of about *most* that are spread over the file."""
        found: Counter[bytes] = Counter()
        at, step = 0, self.mapped // most
        while leaf := _LEAF.search(self.text, at, self.mapped):
            found[leaf[1]] += 1
            at = max(leaf.end(), at + step)
        return {int(leaf, 16): many for leaf, many in found.items()}

    @cached_property
    def live(self) -> int:
        """The bytes that are live, as estimated."""
        rows = ((int(objects), int(size)) for _, objects, size in self.samples())
        return sum(scaled(objects, size, self.interval)[1] for objects, size in rows)

    def fault(self, position: int, what: str) -> UsageError:
        """The error that at *position* of the text there is *what*."""
        line = self.text.count(b"\n", 0, position) + 1
        return UsageError(f"{self.name}:{line}", what, REDO)
