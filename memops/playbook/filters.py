"""The filters and tests that Ansible adds to Jinja2 and everybody uses, with Ansible's meaning."""

from __future__ import annotations

import base64
import json
import posixpath
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

_TRUE = ("yes", "on", "1", "true", "y", "t")


def to_bool(value: object) -> bool | None:
    """As Ansible's ``bool``: words of agreement are true, None stays None, all else is false."""
    if value is None or isinstance(value, bool):
        return value
    return str(value).strip().lower() in _TRUE


def _flags(*, ignorecase: bool, multiline: bool) -> re.RegexFlag:
    return (re.IGNORECASE if ignorecase else re.NOFLAG) | (re.MULTILINE if multiline else re.NOFLAG)


def regex_replace(
    value: object,
    pattern: str,
    replacement: str = "",
    *,
    ignorecase: bool = False,
    multiline: bool = False,
) -> str:
    """*value* with every match of *pattern* replaced; groups as in Python's `re.sub`."""
    return re.sub(
        pattern, replacement, str(value), flags=_flags(ignorecase=ignorecase, multiline=multiline)
    )


def regex_search(
    value: object, pattern: str, *groups: str, ignorecase: bool = False, multiline: bool = False
) -> str | list[str] | None:
    r"""The first match of *pattern*, or its *groups* (``'\\1'``, ``'\\g<name>'``), or None."""
    found = re.search(pattern, str(value), _flags(ignorecase=ignorecase, multiline=multiline))
    if found is None or not groups:
        return found[0] if found else None
    names = (re.fullmatch(r"\\(?:g<(\w+)>|(\d+))", group) for group in groups)
    return [found[name[1] or int(name[2])] for name in names if name]


def to_json(value: object) -> str:
    """*value* as one line of JSON."""
    return json.dumps(value)


def to_nice_json(value: object, indent: int = 4) -> str:
    """*value* as JSON for people, keys sorted."""
    return json.dumps(value, indent=indent, sort_keys=True)


def b64encode(value: object) -> str:
    """The UTF-8 of *value* in base64."""
    return base64.b64encode(str(value).encode()).decode("ascii")


def b64decode(value: object) -> str:
    """The text whose UTF-8 the base64 *value* is."""
    return base64.b64decode(str(value)).decode()


def systemd_quote(value: object) -> str:
    """*value* quoted for a file of ``EnvironmentFile=`` (man 5 systemd.exec); of one line only."""
    text = str(value)
    if not text.isprintable():
        raise ValueError(f"{text!r:.60} cannot stand in an environment file")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`").replace("$", "\\$")
    return f'"{escaped}"'


def quote(value: object) -> str:
    """*value* as one word of a shell command."""
    return shlex.quote(str(value))


def ternary(value: object, yes: object, no: object) -> object:
    """*yes* where *value* is true, else *no*."""
    return yes if value else no


def _result(key: str) -> Callable[[Any], bool]:
    def holds(result: Any) -> bool:
        if not isinstance(result, Mapping):
            raise TypeError(f"{result!r:.60} is not a registered result")
        return bool(result.get(key, False))

    return holds


def _succeeded(result: Any) -> bool:
    return not _result("failed")(result)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "b64decode": b64decode,
    "b64encode": b64encode,
    "basename": posixpath.basename,
    "bool": to_bool,
    "dirname": posixpath.dirname,
    "from_json": json.loads,
    "quote": quote,
    "systemd_quote": systemd_quote,
    "regex_replace": regex_replace,
    "regex_search": regex_search,
    "ternary": ternary,
    "to_json": to_json,
    "to_nice_json": to_nice_json,
}

TESTS: Mapping[str, Callable[..., Any]] = {
    "changed": _result("changed"),
    "failed": _result("failed"),
    "match": lambda value, pattern: re.match(pattern, str(value)) is not None,
    "search": lambda value, pattern: re.search(pattern, str(value)) is not None,
    "skipped": _result("skipped"),
    "succeeded": _succeeded,
    "success": _succeeded,
}
