"""``memops_apps:`` of the inventory: how each application is found, restarted, checked, launched.

memops_apps:
  demo:
    unit: demo.service                  # or script: and pid_file:, or process:
    health: [{http: "http://127.0.0.1:8080/health"}]
    deadline: 90s
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from memops import yaml
from memops.errors import UsageError
from memops.inventory.draft import nearest
from memops.model.app import App, Health
from memops.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

Render = Callable[[Any, Mapping[str, Any]], Any]

_TEXTS = ("unit", "script", "pid_file", "process", "user", "launch_file")
_PATHS = ("script", "pid_file", "launch_file")
_KEYS = (*_TEXTS, "restart", "shape", "health", "deadline")
_SHAPES = ("dropin", "envfile", "script", "wrapper")
_KINDS = ("http", "tcp", "command", "log")
_NAME = re.compile(r"[A-Za-z0-9][\w.@-]*")
_UNIT = re.compile(r"[\w:.\\@-]+")
_MOST_PORT = 65535


def parse_apps(variables: Mapping[str, Any], render: Render | None = None) -> dict[str, App]:
    """The apps in ``memops_apps`` of one host's *variables*, by name; none is an empty dict.

    *render* renders templates in them; without it they are taken as they stand. Raises
    `UsageError` with file:line:column where the place is known.
    """
    given = variables.get("memops_apps")
    where = yaml.place(variables, "memops_apps", "memops_apps")
    if given is None:
        return {}
    apps = {}
    for name, body in _mapping(given, where, "memops_apps").items():
        place = yaml.key_place(given, name, where)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UsageError(place, f"{name!r} is no name for an app", "use letters, digits, . _ -")
        apps[name] = _App(name, body, place, variables, render).parse()
    return apps


def _mapping(value: Any, where: str, what: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(where, f"{what} must be a mapping", "write key: value")
    return value


def _refuse_unknown(given: Iterable[Any], known: Iterable[str], body: Any, where: str) -> None:
    for key in given:
        if key not in known:
            raise UsageError(
                yaml.key_place(body, key, where),
                f"{key!r} is not a key of an app",
                nearest(str(key), known) or f"use {', '.join(known)}",
            )


class _App:
    """The reader of one entry of ``memops_apps``."""

    def __init__(
        self, name: str, body: Any, where: str, variables: Mapping[str, Any], render: Render | None
    ) -> None:
        self._name = name
        self._where = where
        self._variables = variables
        self._render = render
        self._body = _mapping(body, where, f"app {name!r}")

    def parse(self) -> App:
        _refuse_unknown(self._body, _KEYS, self._body, self._where)
        texts = {key: self._text(key) for key in _TEXTS}
        self._check_found(texts)
        shape = self._shape(texts)
        if shape == "script" and texts["launch_file"] is None:
            texts["launch_file"] = texts["script"]
        return App(
            name=self._name,
            restart=self._restart(),
            shape=shape,
            health=self._health(),
            deadline=self._deadline(),
            **texts,
        )

    def _place(self, key: str) -> str:
        return yaml.place(self._body, key, f"{self._where}: {key}")

    def _value(self, key: str) -> Any:
        return self._rendered(self._body.get(key))

    def _rendered(self, value: Any) -> Any:
        return self._render(value, self._variables) if self._render and value else value

    def _text(self, key: str) -> str | None:
        value = self._value(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value or any(letter < " " for letter in value):
            raise UsageError(self._place(key), f"{key} must be a line of text", "quote it")
        if key in _PATHS and not value.startswith("/"):
            raise UsageError(
                self._place(key), f"{key} {value!r} is not an absolute path", "start with /"
            )
        if key == "unit" and not _UNIT.fullmatch(value):
            raise UsageError(
                self._place(key), f"{value!r} is no systemd unit", "for example demo.service"
            )
        return f"{value}.service" if key == "unit" and "." not in value else value

    def _check_found(self, texts: Mapping[str, str | None]) -> None:
        """An app must be findable; a control script alone does not tell which process is its."""
        if texts["unit"] or texts["process"]:
            return
        if not texts["script"]:
            raise UsageError(
                self._where, f"app {self._name!r} cannot be found", "give unit, script or process"
            )
        if not texts["pid_file"]:
            raise UsageError(
                self._where,
                f"app {self._name!r} has a script, but no pid_file",
                "give pid_file or process",
            )

    def _shape(
        self, texts: Mapping[str, str | None]
    ) -> Literal["dropin", "envfile", "script", "wrapper"]:
        """As given; else a drop-in for a unit, and the start script itself for all others."""
        given = self._value("shape")
        shape = given or ("dropin" if texts["unit"] else "script")
        if shape not in _SHAPES:
            remedy = nearest(str(shape), _SHAPES) or f"use {', '.join(_SHAPES)}"
            raise UsageError(self._place("shape"), f"shape {shape!r} is unknown", remedy)
        if shape == "dropin" and not texts["unit"]:
            raise UsageError(self._place("shape"), "a dropin needs a systemd unit", "give unit")
        if given and not (
            shape == "dropin"
            or texts["launch_file"]
            or (shape, bool(texts["script"])) == ("script", True)
        ):
            raise UsageError(
                self._place("shape"), f"shape {shape} needs a file", "give launch_file"
            )
        return cast('Literal["dropin", "envfile", "script", "wrapper"]', shape)

    def _restart(self) -> tuple[str, ...]:
        value = self._value("restart")
        if isinstance(value, str):
            try:
                value = shlex.split(value)
            except ValueError as error:
                raise UsageError(
                    self._place("restart"), "quotes do not match", "mend them"
                ) from error
        if value is None:
            return ()
        if (
            not isinstance(value, list)
            or not value
            or not all(isinstance(each, str) for each in value)
        ):
            raise UsageError(
                self._place("restart"), "restart must be a command", "write [prog, arg]"
            )
        return tuple(value)

    def _deadline(self) -> float:
        value = self._value("deadline")
        if value is None:
            return App("").deadline
        seconds = parse_duration(value, self._place("deadline"))
        if not seconds:
            raise UsageError(self._place("deadline"), "deadline must be above 0", "write 60s")
        return seconds

    def _health(self) -> tuple[Health, ...]:
        value = self._body.get("health")
        if value is None:
            return ()
        if not isinstance(value, list):
            raise UsageError(self._place("health"), "health must be a list", "write - http: URL")
        return tuple(
            self._check(each, yaml.place(value, number, self._place("health")))
            for number, each in enumerate(value)
        )

    def _check(self, check: Any, where: str) -> Health:
        body = _mapping(check, where, "a health check")
        _refuse_unknown(body, (*_KINDS, "pattern"), check, where)
        kinds = [kind for kind in _KINDS if kind in body]
        if len(kinds) != 1:
            raise UsageError(where, "a health check is one of http, tcp, command, log", "write one")
        kind, pattern = kinds[0], str(self._rendered(body.get("pattern")) or "")
        if bool(pattern) != (kind == "log"):
            raise UsageError(
                where, "a log check, and no other, has a pattern", "log: PATH, pattern: RE"
            )
        target = str(self._rendered(body[kind]))
        _check_target(kind, target, yaml.place(check, kind, where))
        return Health(cast('Literal["http", "tcp", "command", "log"]', kind), target, pattern)


def _check_target(kind: str, target: str, where: str) -> None:
    if kind == "http" and not re.fullmatch(r"https?://\S+", target):
        raise UsageError(where, f"{target!r} is no URL", "write for example http://127.0.0.1:8080/")
    if kind == "tcp" and not (re.fullmatch(r"\d{1,5}", target) and 0 < int(target) <= _MOST_PORT):
        raise UsageError(where, f"{target!r} is no port", "write 1 to 65535")
    if kind == "log" and not target.startswith("/"):
        raise UsageError(where, f"{target!r} is not an absolute path", "start with /")
    if kind == "command" and not target.strip():
        raise UsageError(where, "the command is empty", "write a command that exits with 0")
