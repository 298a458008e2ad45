"""The allocator's own frames, which are at the leaf of every stack and say nothing.

They are known by the module they lie in, not by name: a stripped or newer jemalloc has other names
than a list would hold, and then "100 % prof_backtrace" is all one sees.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from memops.profile.estimate import Frames
    from memops.profile.frame import Frame
    from memops.profile.symbols import Name

# operator new, new[] and their nothrow and aligned forms (Itanium C++ ABI 5.1.3), and C's own.
_NEW = ("_Znw", "_Zna")
_ENTRIES = frozenset(
    ("malloc", "calloc", "realloc", "memalign", "posix_memalign", "aligned_alloc", "valloc")
)
_INSIDE = ("je_", "_rjem_", "prof_", "imalloc", "ialloc", "iralloc", "arena_", "tcache_", "large_")
_MOST_COMMON = 0.9


def allocator_module(stacks: Iterable[Frames], executable: str) -> str:
    """The path of the library the stacks begin in; empty if it is the program itself.

    A program with the allocator linked in has its own code in the same module: there only the names
    tell (see `allocator_depth`).
    """
    first = Counter(frames[0].path for frames in stacks if frames)
    if not first:
        return ""
    path, count = first.most_common(1)[0]
    alone = count >= _MOST_COMMON * first.total()
    return path if alone and path.startswith("/") and path != executable else ""


def allocator_depth(frames: Frames, module: str, name: Callable[[Frame], Name]) -> int:
    """How many leading *frames* are the allocator's; at least one frame always stays."""
    last, depth = len(frames) - 1, 0
    prefix = f"{module}@"
    while module and depth < last and frames[depth].startswith(prefix):
        depth += 1
    while depth < last and _is_allocator(name(frames[depth]).symbol, linked_in=not module):
        depth += 1
    return max(depth, 0)


def _is_allocator(symbol: str, *, linked_in: bool) -> bool:
    if symbol.startswith(_NEW):
        return True
    return linked_in and (symbol in _ENTRIES or symbol.startswith(_INSIDE))
