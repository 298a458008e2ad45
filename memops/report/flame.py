"""Where the boxes of a flame graph lie: a tree of callers, each as wide as its bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from memops.profile.analysis import Amount
from memops.report.text import amount, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memops.profile.analysis import Analysis, Grown
    from memops.profile.naming import Call

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


@dataclass(slots=True)
class _Tree:
    """A function called in one way, with what it and its callees changed; *variance* of the bytes."""

    grown: int = 0
    shrunk: int = 0
    objects: int = 0
    variance: float = 0.0
    callees: dict[int, _Tree] = field(default_factory=dict)

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
    tree: _Tree


def layout(analysis: Analysis, width: float) -> tuple[list[Box], int]:
    """The boxes of *analysis* in *width* pixels, and how many functions are too small for one."""
    root = _tree(analysis.stacks)
    if not root.size:
        return [], 0
    scale = width / root.size
    laid = list(_lay(root, scale))
    least = max(NARROWEST, _limit([each.tree.size * scale for each in laid]))
    kept = [each for each in laid if each.tree.size * scale >= least]
    words = analysis.stacks[0].words
    whole = Box(
        0, width, 0, "all", _tip("all", root, root, analysis), _colour(None, root, root, analysis)
    )
    boxes = [_box(each, words, root, scale, analysis) for each in kept]
    return [whole, *boxes], len(laid) - len(kept)


def _tree(stacks: Sequence[Grown]) -> _Tree:
    root = _Tree()
    for stack in stacks:
        here = root
        _grow(here, stack.amount)
        for code in tuple(reversed(stack.codes))[:DEEPEST]:
            here = here.callees.setdefault(code, _Tree())
            _grow(here, stack.amount)
    return root


def _grow(tree: _Tree, more: Amount) -> None:
    tree.grown += max(more.bytes, 0)
    tree.shrunk += max(-more.bytes, 0)
    tree.objects += more.objects
    tree.variance += more.error**2


def _lay(root: _Tree, scale: float) -> Iterator[_Laid]:
    """Every function with its place, callers first; of one caller's callees the largest first."""
    waiting = [_Laid(0, 0, -1, root)]
    while waiting:
        x, row, _, tree = waiting.pop()
        for code, callee in sorted(tree.callees.items(), key=_by_size):
            laid = _Laid(x, row + 1, code, callee)
            x += callee.size * scale
            waiting.append(laid)
            yield laid


def _by_size(item: tuple[int, _Tree]) -> tuple[int, int]:
    return -item[1].size, item[0]


def _limit(widths: Sequence[float]) -> float:
    """The width of which fewer than `MOST` are; callers are never narrower than their callees."""
    return sorted(widths, reverse=True)[MOST] * (1 + 1e-9) if len(widths) > MOST else 0.0


def _box(laid: _Laid, words: Sequence[Call], root: _Tree, scale: float, analysis: Analysis) -> Box:
    call, tree = words[laid.code], laid.tree
    name = place(call) + (f" -- {call.reason}" if call.reason else "")
    tip = _tip(name, tree, root, analysis)
    colour = _colour(call, tree, root, analysis)
    return Box(laid.x, tree.size * scale, laid.row, call.function, tip, colour)


def _tip(name: str, tree: _Tree, root: _Tree, analysis: Analysis) -> str:
    """``inflateInit2_ (libz.so.1): +37.0 MiB ± 2.2 in 900 objects, 17.3 %``."""
    net = Amount(tree.net, tree.objects, sqrt(tree.variance))
    share = 100 * tree.size / root.size
    size = amount(net, sign=analysis.is_growth)
    return f"{name}: {size} in {tree.objects} objects, {share:.1f} %"


def _colour(call: Call | None, tree: _Tree, root: _Tree, analysis: Analysis) -> str:
    """Of growth the sign and strength; else the hue of the library, one of a warm range."""
    if analysis.is_growth:
        strength = sqrt(abs(tree.net) / root.size)
        other = round(235 - 150 * strength)
        return f"#f0{other:02x}{other:02x}" if tree.net >= 0 else f"#{other:02x}{other:02x}f0"
    if call is None or call.reason:
        return "#ddd"
    return f"hsl({crc32(call.module.encode('utf-8', 'replace')) % 60},85%,70%)"
