"""The only door to Jinja2: templates of the author, rendered once, over data that is never a template.

What an author wrote (playbooks, variable files, the command line) is rendered when it is needed, to
any depth. What came from a host, and whatever a rendering gave, is plain data for good: text in it
that looks like a template is wrapped as `HostText`, so that no host can have its words executed
here (CVE-2021-3583, CVE-2023-5764, CVE-2024-11079).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jinja2 import ChainableUndefined, StrictUndefined, Template, Undefined, nodes
from jinja2.exceptions import (
    TemplateError,
    TemplateSyntaxError,
    UndefinedError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from memops import yaml
from memops.errors import UsageError
from memops.inventory.draft import nearest
from memops.playbook.filters import FILTERS, TESTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MARKS = ("{{", "{%", "{#")
_RESULT = "_memops_result"
_NO_NAME = re.compile(r"No (filter|test) named '([^']*)'")
_ERRORS = (
    TemplateError, ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError,
    TypeError, ValueError, re.error,
)  # fmt: skip


class HostText(str):
    """Text that is no template, whatever it looks like: from a host, or rendered already."""

    __slots__ = ()


class _Missing(ChainableUndefined, StrictUndefined):
    """What is not defined: ``a.b.c | default(1)`` may ask for it, all else is an error."""

    __slots__ = ()


class _Loop(TemplateError):
    """A variable whose value needs itself."""


class _Scope(dict[str, Any]):
    """The variables a template sees; an author's value is rendered when it is asked for."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        super().__init__({**_environment().globals, **variables})
        self._open: list[str] = []
        self._done: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key in self._done:
            return self._done[key]
        raw = super().__getitem__(key)
        if not is_template(raw):
            return raw
        if key in self._open:
            raise _Loop(f"{key!r} needs itself ({' -> '.join([*self._open, key])})")
        self._open.append(key)
        try:
            value = self._done[key] = _render(raw, self)
        finally:
            self._open.pop()
        return value


@functools.cache
def _environment() -> ImmutableSandboxedEnvironment:
    """Jinja2 as Ansible sets it up (trim_blocks, the last newline kept, None is empty), in a sandbox."""
    made = ImmutableSandboxedEnvironment(
        undefined=_Missing,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=lambda value: "" if value is None else value,
    )
    made.filters.update(FILTERS)
    made.tests.update(TESTS)
    return made


def is_template(value: object) -> bool:
    """Whether an author's *value* holds a template, at any depth; keys are never templates."""
    match value:
        case HostText():
            return False
        case str():
            return any(mark in value for mark in _MARKS)
        case Mapping():
            return any(is_template(each) for each in value.values())
        case list() | tuple():
            return any(is_template(each) for each in value)
        case _:
            return False


def from_host(value: Any) -> Any:
    """*value*, which came from a host, such that nothing in it will ever be a template."""
    match value:
        case HostText():
            return value
        case str():
            return HostText(value) if is_template(value) else value
        case Mapping():
            return {key: from_host(each) for key, each in value.items()}
        case list() | tuple():
            return [from_host(each) for each in value]
        case _:
            return value


def render_value(value: Any, variables: Mapping[str, Any], where: str = "") -> Any:
    """*value* with its templates rendered over *variables*, lists and mappings through and through.

    A sole ``{{ expression }}`` keeps its type; keys are left alone. Raises `UsageError` naming
    *where*, or the template itself.
    """
    if not is_template(value):
        return value
    try:
        return _render(value, _Scope(variables))
    except _ERRORS as error:
        raise _refusal(error, where or _shown(value), variables) from error


def condition(expression: str, variables: Mapping[str, Any], where: str = "") -> bool:
    """Whether *expression* holds over *variables*; what is not a boolean is a `UsageError`."""
    try:
        value = _run(_expression(expression), _Scope(variables))
    except _ERRORS as error:
        raise _refusal(error, where or _shown(expression), variables) from error
    if not isinstance(value, bool):
        shown = f"{value!r:.60} ({type(value).__name__})"
        raise UsageError(
            where or _shown(expression),
            f"the condition {expression!r:.80} gives {shown}, not true or false",
            "compare it, or add | bool",
        )
    return value


def render_file(path: Path, variables: Mapping[str, Any]) -> str:
    """The text that the template *path* gives over *variables*; `UsageError` with file:line."""
    try:
        source = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(str(path), f"cannot be read ({error})", "check the template") from error
    if source.startswith("#jinja2:"):
        raise UsageError(f"{path}:1", "a #jinja2: header is not supported", "remove the line")
    try:
        template = _file(source, str(path))
        return "".join(template.root_render_func(_context(template, _Scope(variables))))
    except _ERRORS as error:
        line = getattr(error, "lineno", None) or _line(error, str(path))
        raise _refusal(error, f"{path}:{line}" if line else str(path), variables) from error


def check(value: Any, where: str) -> Iterator[UsageError]:
    """What is wrong with the templates in *value* themselves: syntax, unknown filters."""
    match value:
        case str() if is_template(value):
            yield from _compiles(_template, value, where)
        case Mapping():
            for key, each in value.items():
                yield from check(each, yaml.place(value, key, where))
        case list() | tuple():
            for number, each in enumerate(value):
                yield from check(each, yaml.place(value, number, where))
        case _:
            pass


def check_condition(expression: str, where: str) -> Iterator[UsageError]:
    """What is wrong with *expression* itself; braces, as in Ansible, have no place in one."""
    if is_template(expression):
        yield UsageError(where, f"the condition {expression!r:.80} has braces", "remove the {{ }}")
    else:
        yield from _compiles(_expression, expression, where)


def _compiles(compiler: Callable[[str], object], source: str, where: str) -> Iterator[UsageError]:
    try:
        compiler(source)
    except _ERRORS as error:
        yield _refusal(error, where, {})


def _render(value: Any, scope: _Scope) -> Any:
    match value:
        case str() if is_template(value):
            return _run(_template(value), scope)
        case Mapping():
            return {key: _render(each, scope) for key, each in value.items()}
        case list() | tuple():
            return [_render(each, scope) for each in value]
        case _:
            return value


def _run(template: Template, scope: _Scope) -> Any:
    """What *template* gives: the value of a sole expression, or text; never a template again."""
    context = _context(template, scope)
    text = "".join(template.root_render_func(context))
    return from_host(_settled(context.vars[_RESULT]) if _RESULT in context.vars else text)


def _context(template: Template, scope: _Scope) -> Any:
    made = template.environment
    return made.context_class(made, scope, template.name, template.blocks)


def _settled(value: Any) -> Any:
    """*value* without what is lazy or undefined in it; raises `UndefinedError`."""
    match value:
        case Undefined():
            str(value)
        case Iterator() | range():
            return [_settled(each) for each in value]
        case dict():
            return {key: _settled(each) for key, each in value.items()}
        case list() | tuple():
            return [_settled(each) for each in value]
        case _:
            pass
    return value


@functools.lru_cache(maxsize=1024)
def _template(source: str) -> Template:
    """*source* compiled; where it is one expression alone, such that its value is kept."""
    made = _environment()
    tree = made.parse(source)
    match tree.body:
        case [nodes.Output(nodes=[nodes.Expr() as sole])] if not isinstance(
            sole, nodes.TemplateData
        ):
            tree.body = [nodes.Assign(nodes.Name(_RESULT, "store"), sole, lineno=1)]
            tree.set_lineno(1)
    return Template.from_code(made, made.compile(tree), made.globals)


@functools.lru_cache(maxsize=1024)
def _expression(source: str) -> Template:
    return _template("{{ (" + source + "\n) }}")


@functools.lru_cache(maxsize=64)
def _file(source: str, path: str) -> Template:
    made = _environment()
    return Template.from_code(made, made.compile(source, path, path), made.globals)


def _line(error: BaseException, path: str) -> int | None:
    """The line of *path* where *error* came up: the innermost of its frames that is in there."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            template = trace.tb_frame.f_globals.get("__jinja_template__")
            if isinstance(template, Template):
                found = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return found


def _shown(value: Any) -> str:
    return " ".join(f"{value!s:.60}".split())


def _refusal(error: BaseException, where: str, variables: Mapping[str, Any]) -> UsageError:
    """*error* of a template as one line, with the name that may have been meant."""
    text = " ".join(str(error).split()) or type(error).__name__
    if unknown := _NO_NAME.search(text):
        known = _environment().filters if unknown[1] == "filter" else _environment().tests
        remedy = nearest(unknown[2], known) or "see the list of filters in the reference"
        return UsageError(where, f"there is no {unknown[1]} {unknown[2]!r}", remedy)
    if isinstance(error, UndefinedError):
        name = re.match(r"'([^']*)' is undefined", text)
        remedy = nearest(name[1], map(str, variables)) if name else ""
        return UsageError(where, text, remedy or "define it, or add | default(...)")
    if isinstance(error, TemplateSyntaxError):
        return UsageError(where, f"the template is wrong: {text}", "mend the expression")
    return UsageError(where, f"the template failed: {text:.200}", "mend the expression")
