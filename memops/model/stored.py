"""Steps as JSON and back: the form in which a journal keeps them for a week and another laptop.

A value is an object whose ``is`` names its class; bytes are ``{"is": "text"}`` where they are UTF-8,
else ``{"is": "base64"}``. Reading back refuses every name that is not in the table, so a journal
that somebody tampered with can make no other value than those of the vocabulary.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any, cast

from memops.errors import MemopsError
from memops.model.action import (
    Dir,
    Fetch,
    File,
    Link,
    Local,
    Put,
    Recipe,
    Remove,
    Run,
    Saved,
)
from memops.model.app import App, Health
from memops.model.step import Change, NoUndo, Step

_CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        App,
        Change,
        Dir,
        Fetch,
        File,
        Health,
        Link,
        Local,
        NoUndo,
        Put,
        Recipe,
        Remove,
        Run,
        Saved,
        Step,
    )
}


def dump(value: object) -> str:
    """One line of JSON for *value*, a tuple of steps or any value of the vocabulary."""
    return json.dumps(_plain(value), ensure_ascii=True, separators=(",", ":"))


def load_steps(text: str, where: str) -> tuple[Step, ...]:
    """The steps in *text*; raises `MemopsError` naming *where* it came from."""
    steps = _load(text, where)
    if not isinstance(steps, tuple) or not all(isinstance(step, Step) for step in steps):
        raise MemopsError(where, "does not hold steps", "the journal was changed by somebody")
    return cast("tuple[Step, ...]", steps)


def load_apps(text: str, where: str) -> tuple[App, ...]:
    """The apps in *text*; raises `MemopsError` naming *where* it came from."""
    apps = _load(text, where)
    if not isinstance(apps, tuple) or not all(isinstance(app, App) for app in apps):
        raise MemopsError(where, "does not hold apps", "the journal was changed by somebody")
    return cast("tuple[App, ...]", apps)


def _load(text: str, where: str) -> object:
    try:
        return _value(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MemopsError(
            where, f"is no journal of memops ({error})", "undo by hand with the saved originals"
        ) from error


def _plain(value: object) -> Any:
    match value:
        case bytes():
            try:
                return {"is": "text", "value": value.decode()}
            except UnicodeDecodeError:
                return {"is": "base64", "value": base64.b64encode(value).decode()}
        case tuple():
            return [_plain(each) for each in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            named = dataclasses.fields(cast("Any", value))
            fields = {each.name: _plain(getattr(value, each.name)) for each in named}
            return {"is": type(value).__name__, **fields}


def _value(plain: Any) -> object:
    if isinstance(plain, list):
        return tuple(_value(each) for each in plain)
    if not isinstance(plain, dict):
        return plain
    kind, rest = plain["is"], {key: _value(each) for key, each in plain.items() if key != "is"}
    if kind == "text":
        return str(rest["value"]).encode()
    if kind == "base64":
        return base64.b64decode(str(rest["value"]), validate=True)
    return _CLASSES[kind](**rest)
