"""Reading one mapping of a playbook keyword by keyword, noting every problem with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from memops import yaml
from memops.errors import UsageError
from memops.inventory.draft import nearest
from memops.playbook import keywords
from memops.playbook.template import check, check_condition, is_template
from memops.yaml import Map, Mark

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from memops.playbook.play import Method

Tasks = Mapping[str, Callable[..., object]]

_METHODS = ("sudo", "su", "doas")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")


class Reader:
    """One mapping at *where*; what is wrong goes to *problems*, and a harmless value comes back.

    It is not *whole* where something else than a mapping stood there.
    """

    def __init__(self, body: Any, where: str, what: str, problems: list[UsageError]) -> None:
        self.where = where
        self.problems = problems
        self.whole = isinstance(body, Map)
        self.body = body if isinstance(body, Map) else Map(Mark(where))
        if not self.whole:
            shown = "empty" if body is None else f"{body!r:.60}"
            problems.append(
                UsageError(where, f"{what} must be a mapping, not {shown}", "key: value")
            )

    @property
    def mark(self) -> Mark:
        """The place of the mapping itself."""
        return self.body.mark

    def get(self, key: str) -> Any:
        """The value of *key* as it stands; None where there is none."""
        return self.body.get(key)

    def place(self, key: str) -> str:
        """Where the value of *key* stands."""
        return yaml.place(self.body, key, self.where)

    def problem(self, key: str, what: str, remedy: str) -> None:
        """Note that the value of *key* is wrong."""
        self.problems.append(UsageError(self.place(key), what, remedy))

    def refuse_unknown(self, known: Sequence[str], later: Container[str], what: str) -> None:
        """Note each key that is not *known*; one of *later* is Ansible's, and said to be so."""
        for key in self.body:
            if key in known:
                continue
            place = yaml.key_place(self.body, key, self.where)
            if key in later:
                self.problems.append(
                    UsageError(place, f"`{key}` is not supported yet", "leave it out of this play")
                )
            else:
                remedy = nearest(str(key), known) or f"use {', '.join(known)}"
                self.problems.append(UsageError(place, f"{key!r} is no keyword of {what}", remedy))

    def text(self, key: str) -> str | None:
        """A line of text without templates, but for ``name``."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, str | int) or isinstance(value, bool):
            self.problem(key, f"{key} must be text, not {value!r:.60}", "put it in quotes")
            return None
        if key != "name" and is_template(value):
            self.problem(key, f"a template in {key} is not supported yet", "write the value itself")
        return str(value)

    def truth(self, key: str) -> bool | None:
        """True or false; None where it is not said."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.problem(key, f"{key} must be true or false, not {value!r:.60}", "write true or false")
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """One text or a list of them."""
        value = self.get(key)
        if value is None:
            return ()
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str | int) and not isinstance(each, bool) for each in values):
            self.problem(key, f"{key} must be text, or a list of it", "put each in quotes")
            return ()
        if is_template(values):
            self.problem(key, f"a template in {key} is not supported yet", "write the value itself")
        return tuple(str(each) for each in values)

    def words(self, key: str) -> tuple[str, ...]:
        """As `texts`, each cut at its commas."""
        parts = (part.strip() for text in self.texts(key) for part in text.split(","))
        return tuple(part for part in parts if part)

    def method(self) -> Method | None:
        """``become_method``."""
        value = self.text("become_method")
        if value is not None and value not in _METHODS:
            remedy = nearest(value, _METHODS) or f"use {', '.join(_METHODS)}"
            self.problem("become_method", f"become_method {value!r} is not supported", remedy)
            return None
        return cast("Method | None", value)

    def conditions(self, key: str) -> tuple[str, ...]:
        """Expressions, all of which must hold; a boolean is one too."""
        value = self.get(key)
        if value is None:
            return ()
        found = []
        for number, each in enumerate(value if isinstance(value, list) else [value]):
            place = yaml.place(value, number, self.place(key))
            if not isinstance(each, str | bool):
                self.problems.append(
                    UsageError(place, f"{key} {each!r:.60} is no condition", "quote it")
                )
                continue
            self.problems += check_condition(str(each), place)
            found.append(str(each))
        return tuple(found)

    def name(self, key: str) -> str | None:
        """The name of a variable."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
            self.problem(
                key, f"{key} {value!r:.60} is no name of a variable", "use letters, digits, _"
            )
            return None
        return value

    def variables(self) -> Map:
        """``vars``: names to values, whose templates at least parse."""
        value = self.get("vars")
        if value is None:
            return Map(self.mark)
        if not isinstance(value, Map):
            self.problem("vars", "vars must be a mapping", "write name: value")
            return Map(self.mark)
        for key in value:
            if not isinstance(key, str) or not _IDENTIFIER.fullmatch(key):
                place = yaml.key_place(value, key, self.where)
                what = f"{key!r:.60} is no name of a variable"
                self.problems.append(UsageError(place, what, "use letters, digits, _"))
        self.problems += check(value, self.place("vars"))
        return value

    def keyword_like(self, key: object) -> bool:
        """Whether *key* is a word of Ansible's tasks, supported or not."""
        return key in keywords.USE or key in keywords.USE_LATER
