"""Where the boxes of a flame graph lie: a tree of callers, each as wide as its bytes."""

from __future__ import annotations

from collections import defaultdict
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from memops.profile.growth.analysis import Amount
from memops.report.text import amount, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memops.profile.growth.analysis import Analysis, Grown
    from memops.profile.growth.naming import Call

MOST = 5000
"""Boxes in a graph: more make it slow to open, and are too small to read."""
DEEPEST = 200
"""Callers in a graph; a stack that goes on is cut at its leaf."""
NARROWEST = 2.0
"""Pixels of a box that is drawn."""


class Box(NamedTuple):
    """A function as it is drawn: *x* and *width* in pixels, *row* from the bottom, its tooltip."""

    x: float
    width: float
    row: int
    name: str
    tip: str
    colour: str


class _Part(NamedTuple):
    """A function called in one way: its *stacks*, and what they changed; *variance* of the bytes."""

    stacks: Sequence[Grown]
    grown: int
    shrunk: int
    objects: int
    variance: float

    @property
    def size(self) -> int:
        """All that changed: what gives the width."""
        return self.grown + self.shrunk

    @property
    def net(self) -> int:
        """What is left when what shrank is taken from what grew."""
        return self.grown - self.shrunk


class _Laid(NamedTuple):
    x: float
    row: int
    code: int
    part: _Part


def layout(analysis: Analysis, width: float) -> tuple[list[Box], int]:
    """The boxes of *analysis* in *width* pixels, and how many functions are too small for one."""
    root = _part(analysis.stacks)
    if not root.size:
        return [], 0
    scale = width / root.size
    laid = list(_lay(root, scale))
    large = [each for each in laid if each.part.size * scale >= NARROWEST]
    least = _limit([each.part.size for each in large])
    kept = [each for each in large if each.part.size > least]
    whole = Box(0, width, 0, "all", _tip("all", root, root, analysis),
                _colour(None, root, root, analysis))  # fmt: skip
    boxes = [_box(each, root, scale, analysis) for each in kept]
    return [whole, *boxes], len(laid) - len(kept)


def _part(stacks: Sequence[Grown]) -> _Part:
    amounts = [stack.amount for stack in stacks]
    return _Part(
        stacks,
        grown=sum(max(each.bytes, 0) for each in amounts),
        shrunk=sum(max(-each.bytes, 0) for each in amounts),
        objects=sum(each.objects for each in amounts),
        variance=sum(each.error**2 for each in amounts),
    )


def _lay(root: _Part, scale: float) -> Iterator[_Laid]:
    """Each function with its place, callers first; of one caller's callees the largest first.

    What is called by a function that is too small to draw is not looked at.
    """
    waiting = [_Laid(0, 0, -1, root)]
    while waiting:
        x, row, _, part = waiting.pop()
        for code, callee in sorted(_callees(part.stacks, row).items(), key=_by_size):
            laid = _Laid(x, row + 1, code, callee)
            width = callee.size * scale
            x += width
            if width >= NARROWEST and row + 1 < DEEPEST:
                waiting.append(laid)
            yield laid


def _callees(stacks: Sequence[Grown], row: int) -> dict[int, _Part]:
    """*stacks* by the function that is *row* calls above the root."""
    found: defaultdict[int, list[Grown]] = defaultdict(list)
    for stack in stacks:
        if len(stack.codes) > row:
            found[stack.codes[-1 - row]].append(stack)
    return {code: _part(having) for code, having in found.items()}


def _by_size(item: tuple[int, _Part]) -> tuple[int, int]:
    return -item[1].size, item[0]


def _limit(sizes: Sequence[int]) -> int:
    """A size that at most `MOST` exceed; callers are never smaller than their callees."""
    return sorted(sizes, reverse=True)[MOST] if len(sizes) > MOST else 0


def _box(laid: _Laid, root: _Part, scale: float, analysis: Analysis) -> Box:
    part = laid.part
    call = part.stacks[0].words[laid.code]
    name = place(call) + (f" -- {call.reason}" if call.reason else "")
    tip = _tip(name, part, root, analysis)
    colour = _colour(call, part, root, analysis)
    return Box(laid.x, part.size * scale, laid.row, call.function, tip, colour)


def _tip(name: str, part: _Part, root: _Part, analysis: Analysis) -> str:
    """``inflateInit2_ (libz.so.1): +37.0 MiB ± 2.2 in 900 objects, 17.3 %``."""
    net = Amount(part.net, part.objects, sqrt(part.variance))
    share = 100 * part.size / root.size
    size = amount(net, sign=analysis.is_growth)
    return f"{name}: {size} in {part.objects} objects, {share:.1f} %"


def _colour(call: Call | None, part: _Part, root: _Part, analysis: Analysis) -> str:
    """Of growth the sign and strength; else the hue of the library, one of a warm range."""
    if analysis.is_growth:
        strength = sqrt(abs(part.net) / root.size)
        other = round(235 - 150 * strength)
        return f"#f0{other:02x}{other:02x}" if part.net >= 0 else f"#{other:02x}{other:02x}f0"
    if call is None or call.reason:
        return "#ddd"
    return f"hsl({crc32(call.module.encode('utf-8', 'replace')) % 60},85%,70%)"
