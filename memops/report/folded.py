"""Folded stacks: ``root;caller;leaf bytes`` a line, for flame graph tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memops.profile.growth.analysis import Grown
    from memops.profile.study import Study
    from memops.report.view import View


def folded(study: Study, _view: View) -> str:
    """The stacks of *study* that grew, root first, the largest first.

    What shrank is left out, for the format has no negative numbers. A semicolon in a name (Java's
    descriptors have them) becomes a colon.
    """
    lines = (_line(stack) for stack in study.analysis.stacks if stack.amount.bytes > 0)
    return "".join(lines)


def _line(stack: Grown) -> str:
    names = (call.function.replace(";", ":").replace("\n", " ") for call in reversed(stack.calls))
    return f"{';'.join(names) or '[no stack]'} {stack.amount.bytes}\n"
