"""Holds values to a JSON Schema: the part of 2020-12 that ours uses; nothing unknown is passed over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Check = Callable[[Any, Any, "Validator", str], list[str]]
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
    "integer": int, "number": (int, float),
}  # fmt: skip
NOTES = {"$schema", "$defs", "title", "description"}


class Validator:
    """Knows the definitions of the schema *root*."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._definitions = root.get("$defs", {})

    def faults(self, value: Any, schema: dict[str, Any], where: str = "") -> list[str]:
        """Where *value* is not as *schema* says, or has properties that it does not name."""
        found: list[str] = []
        for key in schema.keys() - NOTES:
            found += CHECKS[key](value, schema[key], self, where)
        return found

    def definition(self, reference: str) -> dict[str, Any]:
        found: dict[str, Any] = self._definitions[reference.removeprefix("#/$defs/")]
        return found


def reference(value: Any, wanted: str, by: Validator, where: str) -> list[str]:
    return by.faults(value, by.definition(wanted), where)


def any_of(value: Any, wanted: list[dict[str, Any]], by: Validator, where: str) -> list[str]:
    options = [by.faults(value, each, where) for each in wanted]
    return options[0] if all(options) else []


def type_of(value: Any, wanted: str | list[str], _by: Validator, where: str) -> list[str]:
    names = [wanted] if isinstance(wanted, str) else wanted
    return (
        [] if any(is_a(value, name) for name in names) else [f"{where}: {value!r} is no {wanted}"]
    )


def is_a(value: object, name: str) -> bool:
    return isinstance(value, TYPES[name]) and isinstance(value, bool) == (name == "boolean")


def one_of(value: Any, wanted: list[object], _by: Validator, where: str) -> list[str]:
    return [] if value in wanted else [f"{where}: {value!r} is not of {wanted}"]


def minimum(value: Any, wanted: float, _by: Validator, where: str) -> list[str]:
    return [f"{where}: {value!r} is under {wanted}"] if value < wanted else []


def maximum(value: Any, wanted: float, _by: Validator, where: str) -> list[str]:
    return [f"{where}: {value!r} is over {wanted}"] if value > wanted else []


def required(value: Any, wanted: list[str], _by: Validator, where: str) -> list[str]:
    return [f"{where}: {name} is missing" for name in wanted if name not in (value or {})]


def properties(value: Any, wanted: dict[str, Any], by: Validator, where: str) -> list[str]:
    if not isinstance(value, dict):
        return []
    found = [f"{where}: {name} is not told of" for name in value.keys() - wanted.keys()]
    for name in value.keys() & wanted.keys():
        found += by.faults(value[name], wanted[name], f"{where}/{name}")
    return found


def items(value: Any, wanted: dict[str, Any], by: Validator, where: str) -> list[str]:
    if not isinstance(value, list):
        return []
    return [
        fault for at, each in enumerate(value) for fault in by.faults(each, wanted, f"{where}/{at}")
    ]


CHECKS: dict[str, Check] = {
    "$ref": reference,
    "anyOf": any_of,
    "type": type_of,
    "const": lambda value, wanted, by, where: one_of(value, [wanted], by, where),
    "enum": one_of,
    "minimum": minimum,
    "maximum": maximum,
    "required": required,
    "properties": properties,
    "items": items,
}
