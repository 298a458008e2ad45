"""The arguments of a task, checked against the signature of its function.

Types are those of Ansible's users' hands: a number where text is wanted, ``yes`` for a boolean
that came through ``-e``. What holds a template is checked once it is rendered.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union

from memops import yaml
from memops.errors import UsageError
from memops.inventory.draft import nearest
from memops.model.app import App
from memops.playbook.template import is_template

_KNOWN = {
    "Any": Any, "App": App, "Literal": Literal, "Mapping": Mapping, "Sequence": Sequence,
}  # fmt: skip
"""Names in annotations that a task's module may import for the type checker alone."""

_WORDS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


class _Unfit(ValueError):
    """A value that is not of the type wanted; says which one is."""


def parameters(task: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """The parameters of *task* that a playbook writes: the keyword-only ones still to be given."""
    given = task.keywords if isinstance(task, functools.partial) else {}
    found = inspect.signature(task).parameters
    keyword = inspect.Parameter.KEYWORD_ONLY
    return {
        name: each for name, each in found.items() if each.kind is keyword and name not in given
    }


def problems(
    task: Callable[..., object], name: str, args: Mapping[str, Any], where: str
) -> list[UsageError]:
    """Everything wrong with *args* for *task*; values with templates are taken on trust."""
    known = parameters(task)
    found = [
        UsageError(
            yaml.key_place(args, key, where),
            f"task {name!r} has no parameter {key!r}",
            nearest(str(key), known) or f"it has {', '.join(known)}",
        )
        for key in args
        if key not in known
    ]
    found += [
        UsageError(where, f"task {name!r} needs {key!r}", f"add {key}: ...")
        for key, each in known.items()
        if each.default is inspect.Parameter.empty and key not in args
    ]
    for key in args:
        if key in known and not is_template(args[key]):
            try:
                _decoded(task, known[key], args, where)
            except UsageError as error:
                found.append(error)
    return found


def decode(task: Callable[..., object], args: Mapping[str, Any], where: str) -> dict[str, Any]:
    """*args*, rendered, as the types that *task* declares; raises `UsageError` at the first bad one."""
    known = parameters(task)
    return {
        key: _decoded(task, known[key], args, where) if key in known else args[key] for key in args
    }


def _decoded(
    task: Callable[..., object], parameter: inspect.Parameter, args: Mapping[str, Any], where: str
) -> Any:
    key = parameter.name
    inner = inspect.unwrap(task.func if isinstance(task, functools.partial) else task)
    try:
        return _fit(args[key], _hint(inner, parameter.annotation))
    except _Unfit as error:
        raise UsageError(
            yaml.place(args, key, where),
            f"{key} must be {error}, not {args[key]!r:.60}",
            "correct it",
        ) from error


@functools.lru_cache(maxsize=256)
def _hint(task: Callable[..., object], annotation: object) -> Any:
    """The type of a parameter; Any where its module names what cannot be seen from here."""
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        hints = typing.get_type_hints(holder, getattr(task, "__globals__", {}), _KNOWN)
    except NameError:
        return Any
    return Any if hints["it"] is inspect.Parameter.empty else hints["it"]


def _fit(value: Any, hint: Any) -> Any:
    """*value* as a *hint*; raises `_Unfit` with the type's name in people's words."""
    origin = typing.get_origin(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _fit_any(value, typing.get_args(hint))
    if origin is Literal:
        return _fit_choice(value, typing.get_args(hint))
    if origin in (list, tuple, Sequence):
        return _fit_list(value, hint)
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise _Unfit("a mapping")
        return value
    return _fit_plain(value, hint)


def _fit_any(value: Any, hints: tuple[Any, ...]) -> Any:
    """The first of *hints* that is the very type of *value*, else the first that takes it."""
    exact = [hint for hint in hints if type(value) is hint]
    wanted = []
    for hint in (*exact, *hints):
        try:
            return _fit(value, hint)
        except _Unfit as error:
            wanted.append(str(error))
    raise _Unfit(" or ".join(dict.fromkeys(each for each in wanted if each != "nothing")))


def _fit_choice(value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if type(choice) is type(value) and choice == value:
            return choice
        if isinstance(value, str) and choice == value:
            return choice
    meant = nearest(str(value), map(str, choices))
    shown = ", ".join(map(str, choices))
    raise _Unfit(f"one of {shown}" + (f" ({meant})" if meant else ""))


def _fit_list(value: Any, hint: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise _Unfit("a list")
    inner = [each for each in typing.get_args(hint) if each is not ...]
    try:
        fitted = [_fit(each, inner[0] if inner else Any) for each in value]
    except _Unfit as error:
        raise _Unfit(f"a list, each {error}") from error
    return tuple(fitted) if typing.get_origin(hint) is tuple else fitted


def _fit_plain(value: Any, hint: Any) -> Any:
    if hint in (None, type(None)):
        if value is not None:
            raise _Unfit("nothing")
        return None
    fit = _PLAIN.get(hint)
    return fit(value) if fit else value


def _fit_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _Unfit("text in quotes")


def _fit_int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _Unfit("a whole number")
    try:
        return int(value)
    except ValueError as error:
        raise _Unfit("a whole number") from error


def _fit_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _Unfit("a number")
    try:
        return float(value)
    except ValueError as error:
        raise _Unfit("a number") from error


def _fit_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else ""
    if word not in _WORDS:
        raise _Unfit("true or false")
    return _WORDS[word]


def _fit_app(value: Any) -> str | App:
    if not isinstance(value, str | App) or not value:
        raise _Unfit("the name of an app")
    return value


_PLAIN: Mapping[Any, Callable[[Any], Any]] = {
    str: _fit_text, int: _fit_int, float: _fit_float, bool: _fit_bool, App: _fit_app,
}  # fmt: skip
