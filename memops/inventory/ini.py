"""Inventories in INI form, as ansible-core's own reader understands them (not as its manual says).

Facts by ansible-core's commands: a file starts as if under ``[ungrouped]``; values are Python
literals where they can be, else text, in ``[group:vars]`` too; comments end a host's line but not
a variable's.
"""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from typing import TYPE_CHECKING, Any

from memops.errors import UsageError
from memops.inventory.draft import nearest
from memops.inventory.names import expand
from memops.yaml import Mark

if TYPE_CHECKING:
    from memops.inventory.draft import Draft, Group

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_CHILD = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_TEXT = re.compile(r"[A-Za-z_/~][\w ./~@:-]*|\d+\.\d+\.\d+[\w.]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_TOKEN = re.compile(r"""(?:[^ \t\r\n"'\\#]++|"[^"\\]*+"|'[^']*+')++""")
_SIMPLE = re.compile(rf"(?:{_TOKEN.pattern}|[ \t\r]++)*+")
_QUOTED = re.compile(r"""\"([^"]*)\"|'([^']*)'""")
_KINDS = ("hosts", "children", "vars")


def read(text: str, name: str, draft: Draft) -> None:
    """Add to *draft* what the INI *text* of the file *name* says; `UsageError` with file:line."""
    group, kind = draft.groups["ungrouped"], "hosts"
    awaited: dict[str, Mark] = {}
    for number, raw in enumerate(text.split("\n"), 1):
        line, mark = raw.strip(), Mark(name, number)
        if not line or line[0] in "#;":
            continue
        section = _SECTION.fullmatch(line)
        if section:
            group, kind = _section(section, mark, draft, awaited)
        elif line.startswith("[") and line.endswith("]"):
            raise UsageError(
                str(mark), f"{line!r:.80} is no section", "write [group] or [group:vars]"
            )
        elif kind == "hosts":
            _host(line, mark, draft, group)
        elif kind == "children":
            _child(line, mark, draft, group, awaited)
        else:
            _variable(line, mark, draft, group)
    for missing, mark in awaited.items():
        known = [each for each in draft.groups if each not in awaited]
        raise UsageError(
            str(mark),
            f"group {missing!r} is nowhere defined",
            nearest(missing, known) or f"add a section [{missing}]",
        )


def _section(
    found: re.Match[str], mark: Mark, draft: Draft, awaited: dict[str, Mark]
) -> tuple[Group, str]:
    """The group and kind of a section; a group is declared by all kinds but ``:vars``."""
    name, kind = found[1], found[2] or "hosts"
    if kind not in _KINDS:
        raise UsageError(
            str(mark),
            f"section [{name}:{kind}] has an unknown kind",
            nearest(kind, _KINDS) or "write :hosts, :children or :vars",
        )
    if kind != "vars":
        awaited.pop(name, None)
    elif name not in draft.groups:
        awaited.setdefault(name, mark)
    return draft.group(name, mark), kind


def _host(line: str, mark: Mark, draft: Draft, group: Group) -> None:
    words = _split(line, mark)
    if not words:
        return
    if words[0].startswith("---"):
        raise UsageError(str(mark), "looks like YAML in an INI file", "name the file *.yml")
    names, port = expand(words[0], str(mark))
    pairs = [] if port is None else [("ansible_port", port)]
    pairs += [_pair(word, mark) for word in words[1:]]
    for name in names:
        variables = draft.host(name, group, mark)
        for key, value in pairs:
            variables.put(key, value, mark)


def _split(line: str, mark: Mark) -> list[str]:
    """The words of *line* as a shell has them, without a comment; quotes within words are taken off.

    `shlex` goes letter by letter, so it is kept for the lines that need it.
    """
    if _SIMPLE.fullmatch(line):
        return [_QUOTED.sub(r"\1\2", word) for word in _TOKEN.findall(line)]
    try:
        return shlex.split(line, comments=True)
    except ValueError as error:
        raise UsageError(str(mark), f"quotes do not match ({error})", "close the quote") from error


def _pair(word: str, mark: Mark) -> tuple[str, Any]:
    key, equals, value = word.partition("=")
    if not equals:
        raise UsageError(
            str(mark), f"{word!r:.80} is no variable", "write key=value after the host"
        )
    return key, literal(value)


def _child(line: str, mark: Mark, draft: Draft, parent: Group, awaited: dict[str, Mark]) -> None:
    found = _CHILD.fullmatch(line)
    if not found:
        raise UsageError(str(mark), f"{line!r:.80} is no group name", "write one group in a line")
    if found[1] not in draft.groups:
        awaited.setdefault(found[1], mark)
    draft.child(parent, found[1], mark)


def _variable(line: str, mark: Mark, draft: Draft, group: Group) -> None:
    key, equals, value = (part.strip() for part in line.partition("="))
    if not equals or not key:
        raise UsageError(str(mark), f"{line!r:.80} is no variable", "write key=value")
    draft.set(group, key, literal(value), mark)


def literal(text: str) -> Any:
    """*text* as the Python literal it spells, else as itself; tuples and sets become lists.

    Names, addresses and whole numbers, which most values are, are told without the parser.
    """
    if _NUMBER.fullmatch(text):
        return int(text)
    if _TEXT.fullmatch(text) and text.strip() not in ("True", "False", "None"):
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # "\d" is text here, not Python
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return _plain(value)


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return {_plain(key): _plain(each) for key, each in value.items()}
        case list() | tuple() | set():
            return [_plain(each) for each in value]
        case _:
            return str(value)
