"""The only door to PyYAML: keeps the place of every key and value, refuses duplicate keys and tags.

Scalars mean what they mean to Ansible (YAML 1.1: ``yes`` is true, ``0644`` is octal). A mapping
becomes a `Map` and a sequence a `Seq`: an ordinary dict and list that also remember where their
parts stand in the file, so that whoever finds a value wrong can say file, line and column.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from yaml.constructor import SafeConstructor

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML built without libyaml: slower, the same answers
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]  # the same protocol

_CORE = "tag:yaml.org,2002:"
_SCALARS = frozenset(
    _CORE + kind for kind in ("str", "int", "float", "bool", "null", "timestamp", "value")
)
_MERGE = _CORE + "merge"
_DEEPEST = 200


class Mark(NamedTuple):
    """A place in a file; *line* and *column* count from 1, 0 where not known."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        known = [str(number) for number in (self.line, self.column) if number]
        return ":".join([self.file, *known])


class Map(dict[Any, Any]):
    """A mapping that knows where it, its keys and its values stand; *marks* and *keys* by key."""

    __slots__ = ("key_marks", "mark", "marks")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.marks: dict[Any, Mark] = {}
        self.key_marks: dict[Any, Mark] = {}

    def put(self, key: object, value: object, mark: Mark, key_mark: Mark | None = None) -> None:
        """Set *key* to *value*, which stands at *mark*."""
        self[key] = value
        self.marks[key] = mark
        self.key_marks[key] = key_mark or mark

    def lay(self, other: Mapping[Any, Any]) -> None:
        """Lay *other* over this one, places included: its values replace those of the same key."""
        self.update(other)
        if isinstance(other, Map):
            self.marks.update(other.marks)
            self.key_marks.update(other.key_marks)


class Seq(list[Any]):
    """A sequence that knows where it and its elements stand."""

    __slots__ = ("mark", "marks")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.marks: list[Mark] = []


def place(container: object, key: object, otherwise: Mark | str = "") -> str:
    """Where the value of *key* in *container* stands, or *otherwise* where that is not known."""
    if isinstance(container, Map) and key in container.marks:
        return str(container.marks[key])
    if isinstance(container, Seq) and isinstance(key, int) and key < len(container.marks):
        return str(container.marks[key])
    return str(otherwise)


def key_place(container: object, key: object, otherwise: Mark | str = "") -> str:
    """Where *key* itself stands in *container*, or *otherwise* where that is not known."""
    if isinstance(container, Map) and key in container.key_marks:
        return str(container.key_marks[key])
    return str(otherwise)


def layered(maps: Iterable[Mapping[Any, Any]], mark: Mark) -> Map:
    """One `Map` of all *maps*, each laid over those before it."""
    result = Map(mark)
    for each in maps:
        result.lay(each)
    return result


def load(path: str | Path) -> Any:
    """The one document in the file *path*; an empty file is None.

    Raises `UsageError` with file:line:column for what is no YAML, a duplicate key, a tag, or a
    structure that contains itself.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(str(path), f"is not UTF-8 ({error.reason})", "save it as UTF-8") from error
    except OSError as error:
        raise UsageError(
            str(path), f"cannot be read ({error.strerror})", "check the path and its mode"
        ) from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Any:
    """The one document in *text*, which came from *name*; as `load`."""
    _refuse_depth(text, name)
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return None if node is None else _Builder(name).build(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise _syntax(name, error) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        what = " ".join(str(error).split())
        raise UsageError(name, f"is not YAML ({what:.200})", "check the file") from error


def _refuse_depth(text: str, name: str) -> None:
    """Refuse deep nesting beforehand: the C composer would overflow its stack, not raise."""
    depth = 0
    for line, row in enumerate(text.splitlines(), 1):
        depth += row.count("[") + row.count("{") - row.count("]") - row.count("}")
        indent = len(row) - len(row.lstrip(" -?:"))
        if depth > _DEEPEST or indent > 2 * _DEEPEST:
            raise UsageError(f"{name}:{line}", "is nested too deeply", "flatten it")


def _syntax(name: str, error: yaml.MarkedYAMLError) -> UsageError:
    mark = error.problem_mark or error.context_mark
    where = str(Mark(name, mark.line + 1, mark.column + 1)) if mark else name
    what = error.problem or error.context or "is not YAML"
    return UsageError(where, f"YAML: {what}", "check quotes and indentation")


class _Builder:
    """Values from the nodes of one document; each node is built once, however often aliased."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._constructor = SafeConstructor()
        self._built: dict[yaml.Node, Any] = {}
        self._open: set[yaml.Node] = set()

    def build(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node in self._built:
            return self._built[node]
        if node in self._open:
            raise UsageError(str(self._mark(node)), "contains itself", "remove the alias")
        self._open.add(node)
        value = self._map(node) if isinstance(node, yaml.MappingNode) else self._seq(node)
        self._open.discard(node)
        self._built[node] = value
        return value

    def _mark(self, node: yaml.Node) -> Mark:
        start = node.start_mark
        return Mark(self._name, start.line + 1, start.column + 1)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag == _CORE + "str":
            return node.value
        if node.tag not in _SCALARS:
            raise self._tag(node)
        construct = SafeConstructor.yaml_constructors.get(
            node.tag, SafeConstructor.construct_scalar
        )
        return construct(self._constructor, node)

    def _seq(self, node: yaml.Node) -> Seq:
        if node.tag != _CORE + "seq":
            raise self._tag(node)
        result = Seq(self._mark(node))
        for each in node.value:
            result.append(self.build(each))
            result.marks.append(self._mark(each))
        return result

    def _map(self, node: yaml.Node) -> Map:
        if node.tag != _CORE + "map":
            raise self._tag(node)
        result, merged = Map(self._mark(node)), Map(self._mark(node))
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                self._merge(merged, value_node)
            else:
                self._pair(result, key_node, value_node)
        if not merged:
            return result
        merged.lay(result)
        return merged

    def _pair(self, result: Map, key_node: yaml.Node, value_node: yaml.Node) -> None:
        mark = self._mark(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            raise UsageError(str(mark), "a key must be plain text", "quote it")
        key = self._scalar(key_node)
        if key in result:
            first = result.key_marks[key]
            raise UsageError(
                str(mark), f"key {key!r} stands twice (first in line {first.line})", "remove one"
            )
        result.put(key, self.build(value_node), self._mark(value_node), mark)

    def _merge(self, merged: Map, node: yaml.Node) -> None:
        """Take in what ``<<`` names: one mapping, or several of which the first wins."""
        value = self.build(node)
        for each in reversed(value if isinstance(value, Seq) else [value]):
            if not isinstance(each, Map):
                raise UsageError(str(self._mark(node)), "<< needs a mapping", "alias a mapping")
            merged.lay(each)

    def _tag(self, node: yaml.Node) -> UsageError:
        tag = str(node.tag).replace(_CORE, "!!")
        known = {"!vault": "ansible-vault values are not supported yet"}
        what = known.get(tag, f"the tag {tag} is not accepted")
        return UsageError(str(self._mark(node)), what, "write a plain value")
