"""The names of frames, and for each frame without one the reason.

Every frame of a heap profile is a return address, the leaf too: the allocator takes the stack inside
a function that it called itself. So the byte before the address is looked up, which belongs to the
call, for all of them. On AArch64 libunwind (1.6) gives the address less one: the byte before that is
still of the call, whose instruction has four.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from memops.profile.symbols.frame import Frame

_KERNELS = {"[vdso]": "the kernel's own code", "[vsyscall]": "the kernel's own code"}


class Inlined(NamedTuple):
    """A call that the compiler put into its caller: its *symbol* and *source* (``file.c:67``)."""

    symbol: str
    source: str


class Name(NamedTuple):
    """The *symbol* of a frame as its file has it, or else *label* to show and the *reason*.

    *module* says where the code is from if the frame's own does not tell; *source* is the line of
    the call (``file.c:67``), where debug information told it. *inlined* are the calls at this very
    place that the compiler put into the function, the innermost first. *span* is the offsets of
    frames in the same file, from the first to the last and one, that have this very name.
    """

    symbol: str = ""
    label: str = ""
    reason: str = ""
    module: str = ""
    source: str = ""
    inlined: tuple[Inlined, ...] = ()
    span: tuple[int, int] = (0, 0)


class Symbols(Protocol):
    """A source of names: the one way in which code of any kind comes to be named.

    `memops.profile.study.Inputs.names` takes further ones, which are asked before those for files
    and perf maps: a JVM agent, say, that writes frames into the profile as numbers outside every
    mapping, and beside it a table of what they are called.
    """

    def name(self, frame: Frame) -> Name | None:
        """The name of *frame*; None if this source knows nothing of it, and another is to be asked.

        A frame with a file has its path, build-id and offset in it. Else its path is `JIT` (in
        executable memory) or `UNMAPPED`, and its offset the number that stands in the profile. A
        source that answers for a frame without knowing its name gives a label and the reason.
        """


class Names:
    """Sources asked in turn; what each frame is called is found once."""

    def __init__(self, sources: tuple[Symbols, ...]) -> None:
        self.sources = sources
        self.known: dict[Frame, Name] = {}

    def of(self, frame: Frame) -> Name:
        """The name of *frame* from the first source that knows frames of its kind."""
        known = self.known.get(frame)
        if known is None:
            found = (source.name(frame) for source in self.sources)
            known = self.known[frame] = next(filter(None, found), None) or _nameless(frame)
        return known


def _nameless(frame: Frame) -> Name:
    reason = _KERNELS.get(frame.path, "no source of names")
    return Name(label=f"{frame.path}+{frame.offset:#x}", reason=reason)
