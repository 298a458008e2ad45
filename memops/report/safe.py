"""Names from strangers' programs, made fit for the formats of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memops.profile.growth.naming import Call

NO_STACK = "[no stack]"
"""What stands for a stack of which the allocator could record no frame."""
_PLAIN = str.maketrans({"├": "|", "│": "|", "└": "`", "→": "->", "…": "~", "±": "+-"})


def printable(text: str) -> str:
    """*text* with a question mark for what is not to be seen: control characters, half characters."""
    return "".join([char if char.isprintable() else "?" for char in text])


def joined(calls: Iterable[Call]) -> str:
    """*calls* (leaf first) as ``root;caller;leaf``; a semicolon in a name becomes a colon."""
    names = [printable(call.function).replace(";", ":") for call in calls]
    return ";".join(reversed(names)) or NO_STACK


def encodable(text: str, encoding: str) -> str:
    """*text* as *encoding* can write it: with ASCII for the lines of a tree, and ``?`` for the rest."""
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        plain = text.translate(_PLAIN)
        return plain.encode("ascii", "replace").decode()
    return text
