"""The allocator's own frames, which are at the leaf of every stack and say nothing.

They are known by the module they lie in, not by name: a stripped or newer jemalloc has other names
than a list would hold, and then "100 % prof_backtrace" is all one sees.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from memops.profile.heap.dump import Dump
    from memops.profile.symbols.frame import Frame
    from memops.profile.symbols.names import Name

# operator new, new[] and their nothrow and aligned forms (Itanium C++ ABI 5.1.3), and C's own.
_NEW = ("_Znw", "_Zna")
_ENTRIES = frozenset(
    ("malloc", "calloc", "realloc", "memalign", "posix_memalign", "aligned_alloc", "valloc")
)
_INSIDE = (
    "je_",
    "tc_",
    "_rjem_",
    "prof_",
    "imalloc",
    "ialloc",
    "iralloc",
    "arena_",
    "tcache_",
    "large_",
)
_LIBRARY = re.compile(r"malloc|snm|hoard", re.IGNORECASE)
_MOST_COMMON = 0.9


def allocator_module(dump: Dump) -> str:
    """The path of the allocator's library, in which the stacks begin; empty if it has none.

    A program or library with the allocator linked in has its own code in the same module: there only
    the names tell (see `allocator_test`).
    """
    paths: Counter[str] = Counter()
    for address, count in dump.leaves().items():
        mapping = dump.space.at(address - 1)
        paths[mapping.path if mapping else ""] += count
    if not paths:
        return ""
    path, count = paths.most_common(1)[0]
    own = _LIBRARY.search(path.rpartition("/")[2]) and path != dump.executable
    return path if own and count >= _MOST_COMMON * paths.total() else ""


def allocator_test(module: str) -> Callable[[Frame, Name], bool]:
    """Whether a frame is the allocator's: in its *module*, or, if linked in, by its name.

    ``operator new`` is taken for the allocator's wherever it lies.
    """
    prefix = f"{module}@"

    def is_allocator(frame: Frame, name: Name) -> bool:
        if module and frame.startswith(prefix):
            return True
        symbol = name.symbol
        if symbol.startswith(_NEW):
            return True
        return not module and (symbol in _ENTRIES or symbol.startswith(_INSIDE))

    return is_allocator
