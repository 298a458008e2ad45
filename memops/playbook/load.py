"""From a playbook file to plays; every mistake in it is found at once, before any connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from memops import yaml
from memops.errors import UsageError
from memops.inventory.pattern import split
from memops.playbook import keywords
from memops.playbook.play import Play
from memops.playbook.read import Reader, Tasks
from memops.playbook.template import is_template, render_value
from memops.playbook.use import read_use
from memops.playbook.waves import wave_size
from memops.yaml import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from memops.playbook.play import Serial, Use

_MOST_PERCENT = 100


def load(path: Path, tasks: Tasks, extra: Mapping[str, Any] | None = None) -> tuple[Play, ...]:
    """The plays of the file *path*, whose tasks are among *tasks*.

    ``hosts``, ``serial`` and ``max_fail_percentage`` may be templates over the play's variables
    and *extra* (``-e``), which wins. Raises one `UsageError` with a line for each mistake.
    """
    problems: list[UsageError] = []
    document = yaml.load(path)
    if not isinstance(document, Seq) or not document:
        raise UsageError(
            str(path), "is no playbook: a list of plays", "begin with - hosts: PATTERN"
        )
    plays = []
    for number, body in enumerate(document):
        reader = Reader(body, yaml.place(document, number, str(path)), "a play", problems)
        plays.append(_Play(reader, path, tasks, extra or {}).read())
    if problems:
        raise one_error(problems)
    return tuple(plays)


def one_error(problems: list[UsageError]) -> UsageError:
    """All *problems* as one error: a line for each, in the order of the file."""
    if len(problems) == 1:
        return problems[0]
    return UsageError("", "\n".join(str(each) for each in problems))


class _Play:
    """The reader of one play."""

    def __init__(self, reader: Reader, path: Path, tasks: Tasks, extra: Mapping[str, Any]) -> None:
        self._reader = reader
        self._path = path
        self._tasks = tasks
        self._extra = extra

    def read(self) -> Play:
        reader = self._reader
        reader.refuse_unknown(keywords.PLAY, keywords.PLAY_LATER, "a play")
        self._gather_facts()
        variables = self._variables()
        seen = {**variables, **self._extra}
        hosts = self._hosts(seen)
        return Play(
            name=reader.text("name") or hosts,
            hosts=hosts,
            tasks=self._uses(),
            vars=variables,
            become=reader.truth("become"),
            become_user=reader.text("become_user"),
            become_method=reader.method(),
            serial=self._serial(seen),
            max_fail_percentage=self._percentage(seen),
            any_errors_fatal=reader.truth("any_errors_fatal") or False,
            tags=reader.words("tags"),
            where=reader.where,
        )

    def _gather_facts(self) -> None:
        if self._reader.truth("gather_facts"):
            self._reader.problem(
                "gather_facts", "gather_facts: true is not supported",
                "remove it: tasks read the facts they need",
            )  # fmt: skip

    def _variables(self) -> Map:
        merged = Map(self._reader.mark)
        merged.lay(self._reader.variables())
        for name in self._reader.texts("vars_files"):
            merged.lay(self._vars_file(name))
        return merged

    def _vars_file(self, name: str) -> Map:
        empty = Map(self._reader.mark)
        try:
            value = yaml.load(self._path.parent / name)
        except UsageError as error:
            self._reader.problems.append(error)
            return empty
        if value is not None and not isinstance(value, Map):
            self._reader.problem("vars_files", f"{name} holds no variables", "write name: value")
            return empty
        return value or empty

    def _rendered(self, key: str, variables: Mapping[str, Any]) -> Any:
        value = self._reader.get(key)
        if not is_template(value):
            return value
        try:
            return render_value(value, variables, self._reader.place(key))
        except UsageError as error:
            self._reader.problems.append(error)
            return None

    def _hosts(self, variables: Mapping[str, Any]) -> str:
        before = len(self._reader.problems)
        value = self._rendered("hosts", variables)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
            return ",".join(term for each in value for term in split(each))
        if self._reader.whole and len(self._reader.problems) == before:
            self._reader.problem("hosts", "a play needs hosts", "add hosts: PATTERN")
        return ""

    def _serial(self, variables: Mapping[str, Any]) -> Serial:
        value = self._rendered("serial", variables)
        if value is None:
            return ()
        sizes = tuple(value) if isinstance(value, list) else (value,)
        try:
            for size in sizes:
                wave_size(size, _MOST_PERCENT, self._reader.place("serial"))
        except UsageError as error:
            self._reader.problems.append(error)
        return cast("Serial", sizes)

    def _percentage(self, variables: Mapping[str, Any]) -> float | None:
        key = "max_fail_percentage"
        value = self._rendered(key, variables)
        if value is None:
            return None
        try:
            number = float("nan" if isinstance(value, bool) else str(value).removesuffix("%"))
        except ValueError:
            number = -1
        if not 0 <= number <= _MOST_PERCENT:
            self._reader.problem(key, f"{value!r:.60} is no percentage", "write a number, 0 to 100")
        return number

    def _uses(self) -> tuple[Use, ...]:
        given = self._reader.get("tasks")
        if given is None:
            return ()
        if not isinstance(given, list):
            self._reader.problem("tasks", "tasks must be a list", "write - name: ...")
            return ()
        places = [yaml.place(given, number, self._reader.where) for number in range(len(given))]
        readers = (
            Reader(body, place, "a task", self._reader.problems)
            for body, place in zip(given, places, strict=True)
        )
        uses = (read_use(reader, self._tasks) for reader in readers)
        return tuple(use for use in uses if use is not None)
