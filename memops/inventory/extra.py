"""``-e``: variables from the command line, which beat all others."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from memops import yaml
from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


def parse_extra(texts: Iterable[str]) -> dict[str, Any]:
    """The variables in *texts*: each ``key=value ...``, a mapping in JSON or YAML, or ``@FILE``.

    Values of ``key=value`` are text, as in Ansible. Later ones win. Raises `UsageError`.
    """
    merged: dict[str, Any] = {}
    for text in texts:
        merged.update(_one(text.strip()))
    return merged


def _one(text: str) -> dict[str, Any]:
    if text.startswith("@"):
        return _mapping(yaml.load(text[1:]), text)
    if text.startswith(("{", "[")):
        return _mapping(yaml.parse(text, "-e"), text)
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError as error:
        raise UsageError("-e", f"quotes of {text!r:.80} do not match", "close the quote") from error
    for key, equals, _ in pairs:
        if not equals or not key:
            raise UsageError("-e", f"{key!r:.80} has no value", "write -e key=value")
    return {key: value for key, _, value in pairs}


def _mapping(value: Any, text: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UsageError("-e", f"{text!r:.80} holds no variables", "write a mapping of names")
    return value
