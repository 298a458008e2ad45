"""Reading one task of a play: which one it is, its arguments, and the keywords around it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from memops import yaml
from memops.errors import UsageError
from memops.inventory.draft import nearest
from memops.playbook import arguments, keywords
from memops.playbook.play import Use
from memops.playbook.template import check, is_template
from memops.yaml import Map, Mark

if TYPE_CHECKING:
    from memops.playbook.read import Reader, Tasks

_PREFIXES = ("ansible.builtin.", "ansible.legacy.")
_OPTION = re.compile(r"(?:^|\s)(?:creates|removes|chdir|executable|stdin|warn|strip_empty_ends)=")


def read_use(reader: Reader, tasks: Tasks) -> Use | None:
    """The use of a task that *reader* holds; None where no task can be made out."""
    word = _task_word(reader, tasks) if reader.whole else None
    if word is None:
        return None
    task = _bare(word)
    return Use(
        task=task,
        name=reader.text("name") or task,
        args=_arguments(reader, word, tasks),
        when=reader.conditions("when"),
        loop=_loop(reader),
        loop_var=_loop_var(reader),
        register=reader.name("register"),
        tags=reader.words("tags"),
        become=reader.truth("become"),
        become_user=reader.text("become_user"),
        become_method=reader.method(),
        ignore_errors=reader.truth("ignore_errors") or False,
        changed_when=reader.conditions("changed_when"),
        failed_when=reader.conditions("failed_when"),
        vars=reader.variables(),
        where=reader.where,
    )


def _bare(word: str) -> str:
    for prefix in _PREFIXES:
        word = word.removeprefix(prefix)
    return word


def _task_word(reader: Reader, tasks: Tasks) -> str | None:
    """The key that names the task; every other one must be a keyword that is supported."""
    found = [key for key in reader.body if isinstance(key, str) and _bare(key) in tasks]
    later = [key for key in reader.body if isinstance(key, str) and _is_later(key)]
    known = (*keywords.USE, *found)
    reader.refuse_unknown((*known, *tasks), (*keywords.USE_LATER, *later), "a task")
    if len(found) > 1:
        place = yaml.key_place(reader.body, found[1], reader.where)
        names = " and ".join(map(repr, found))
        reader.problems.append(
            UsageError(place, f"a task is one of {names}", "make two tasks of it")
        )
        return None
    if not found and all(reader.keyword_like(key) and not _groups(key) for key in reader.body):
        what = "there is no task here" if reader.body else "a task is missing"
        reader.problems.append(UsageError(reader.where, what, f"name one of {', '.join(tasks)}"))
    return found[0] if found else None


def _groups(key: object) -> bool:
    return key in ("block", "rescue", "always", "local_action", "action")


def _is_later(key: str) -> bool:
    return _bare(key) in keywords.TASKS_LATER


def _arguments(reader: Reader, word: str, tasks: Tasks) -> Map:
    task = _bare(word)
    args = _mapping(reader, word, task)
    if args is None:
        return Map(reader.mark)
    reader.problems += check(args, reader.place(word))
    reader.problems += arguments.problems(tasks[task], task, args, reader.place(word))
    return args


def _mapping(reader: Reader, word: str, task: str) -> Map | None:
    """What stands behind the task's name, with what stands under ``args``; None where it is wrong."""
    value = reader.get(word)
    args = Map(reader.mark)
    if isinstance(value, Map):
        args.lay(value)
    elif isinstance(value, str) and task in keywords.FREE_FORM:
        args.put("cmd", value, _mark(reader, word))
        if _OPTION.search(value):
            reader.problem(
                word, "options in the command itself are not supported", "write them under args:"
            )
    elif value is not None:
        reader.problem(
            word, f"the arguments of {task!r} must be a mapping", "write key: value below it"
        )
        return None
    return _with_args(reader, args)


def _with_args(reader: Reader, args: Map) -> Map:
    given = reader.get("args")
    if isinstance(given, Map):
        weaker = Map(args.mark)
        weaker.lay(given)
        weaker.lay(args)
        return weaker
    if given is not None:
        reader.problem("args", "args must be a mapping", "write key: value below it")
    return args


def _mark(reader: Reader, key: str) -> Mark:
    return reader.body.marks.get(key, reader.mark)


def _loop(reader: Reader) -> Any:
    value = reader.get("loop")
    if value is None:
        return None
    if not isinstance(value, list) and not (isinstance(value, str) and is_template(value)):
        reader.problem(
            "loop", f"loop must be a list, not {value!r:.60}", "write a list, or {{ name }}"
        )
        return None
    reader.problems += check(value, reader.place("loop"))
    return value


def _loop_var(reader: Reader) -> str:
    control = reader.get("loop_control")
    if control is None:
        return "item"
    if not isinstance(control, Map):
        reader.problem("loop_control", "loop_control must be a mapping", "write loop_var: name")
        return "item"
    for key in control:
        if key != "loop_var":
            place = yaml.key_place(control, key, reader.where)
            what = f"`loop_control.{key}` is not supported yet"
            reader.problems.append(UsageError(place, what, nearest(str(key), ["loop_var"])))
    name = control.get("loop_var", "item")
    if not isinstance(name, str) or not name.isidentifier():
        reader.problem(
            "loop_control", f"loop_var {name!r:.60} is no name", "use letters, digits, _"
        )
        return "item"
    return name
