"""Functions with those that call them, in lines: the call tree, and a function's neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.profile.growth.calltree import Branch, Edge, call_tree, peek
from memops.profile.growth.naming import Call
from memops.report.text import aligned, amount, clip, grown_or_live, place, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memops.profile.growth.analysis import Amount
    from memops.profile.growth.calltree import Peek
    from memops.profile.study import Study
    from memops.report.view import View

_ARROW = " → "
_NUMBERS = 31
"""Columns before the names."""
_SHORTEST = 24
_LINES = 4
"""Lines of a chain of callers."""


def tree(study: Study, view: View) -> list[str]:
    """The call tree from the roots, each function below its caller, with bytes and share.

    Functions that call only one other, and allocate nothing themselves, stand on one line with it.
    """
    root = call_tree(study.analysis, view.tree or 0)
    total = study.analysis.growth.bytes
    head = aligned((grown_or_live(study), "share", "callers first"))
    lines = [head, _line(root.amount, total, "all", view), *_below(root, total, view, "")]
    return [clip(line, view.width) for line in lines]


def _below(branch: Branch, total: int, view: View, indent: str) -> Iterator[str]:
    """The lines of what *branch* calls, if any is large enough, of what is its own, and of the rest."""
    parts: list[Branch | Edge] = [*branch.children]
    if parts and branch.own.bytes:
        parts.append(Edge(Call("itself", ""), branch.own))
    if parts and branch.small:
        parts.append(Edge(Call(f"{branch.small} smaller", ""), branch.rest))
    for at, part in enumerate(parts, 1):
        last = at == len(parts)
        names, end = _chain(part) if isinstance(part, Branch) else ([_name(part)], None)
        fork = _narrow(indent + ("└ " if last else "├ "), view)
        under = _narrow(indent + ("  " if last else "│ "), view)
        first, *more = _wrapped(names, view.width - _NUMBERS - len(fork))
        yield _line(part.amount, total, fork + first, view)
        yield from (" " * _NUMBERS + under + each for each in more)
        if end:
            yield from _below(end, total, view, indent + ("  " if last else "│ "))


def _narrow(indent: str, view: View) -> str:
    """*indent* cut at its left where it would leave no room for names."""
    most = max(view.width - _NUMBERS - _SHORTEST, 2)
    return indent if len(indent) <= most else "…" + indent[1 - most :]


def _chain(branch: Branch) -> tuple[list[str], Branch]:
    """The functions from *branch* on that only call the next one, and the last of them."""
    calls = [branch.call]
    while len(branch.children) == 1 and not branch.small and not branch.own.bytes:
        (branch,) = branch.children
        calls.append(branch.call)
    return [*(call.function for call in calls[:-1] if call), _name(branch)], branch


def _wrapped(names: Sequence[str], room: int) -> list[str]:
    """*names* in a few lines of *room* columns; of too many, the first ones and the last ones."""
    lines = [[names[0]]]
    for name in names[1:]:
        if sum(map(len, lines[-1])) + len(_ARROW) * (len(lines[-1]) + 1) + len(name) > room:
            lines.append([])
        lines[-1].append(name)
    if len(lines) > _LINES:
        missing = sum(map(len, lines[1 : 2 - _LINES]))
        lines[1 : 2 - _LINES] = [[f"… {missing} more …"]]
    return [_ARROW.strip() * bool(at) + " " * bool(at) + _ARROW.join(line)
            for at, line in enumerate(lines)]  # fmt: skip


def peeked(study: Study, view: View) -> list[str]:
    """The functions that match, each between its callers and its callees."""
    found = peek(study.analysis, view.peek) if view.peek else ()
    if not found:
        return ["no function in these stacks matches"]
    total = study.analysis.growth.bytes
    lines = [aligned((grown_or_live(study), "share", "callers above, callees below"))]
    for each in found[: max(view.top, 1)]:
        lines += ["", *_peek(each, total, view)] if len(lines) > 1 else _peek(each, total, view)
    if len(found) > max(view.top, 1):
        lines += ["", f"{len(found) - max(view.top, 1)} more functions match: --top {len(found)}"]
    return [clip(line, view.width) for line in lines]


def _peek(each: Peek, total: int, view: View) -> Iterator[str]:
    whole = each.cumulative.bytes
    for edge in each.callers:
        yield _line(edge.amount, whole, "    " + _edge(edge, "root of the stack"), view)
    yield _line(each.cumulative, total, place(each.call), view)
    for edge in each.callees:
        yield _line(edge.amount, whole, "    " + _edge(edge, "itself"), view)


def _edge(edge: Edge, nobody: str) -> str:
    return place(edge.call) if edge.call else nobody


def _line(size: Amount, total: int, name: str, view: View) -> str:
    return aligned((amount(size, unit=view.unit), share(size.bytes, total), name))


def _name(part: Branch | Edge) -> str:
    return place(part.call) if part.call else "all"
