"""Inventories in YAML form, and the JSON that an inventory script prints."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from memops import yaml
from memops.errors import UsageError
from memops.inventory.draft import nearest
from memops.inventory.names import expand
from memops.yaml import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from memops.inventory.draft import Draft, Group

_KEYS = ("hosts", "vars", "children")
_SCRIPT_SECONDS = 120


def read_yaml(path: Path, draft: Draft) -> None:
    """Add to *draft* what the YAML file *path* says; `UsageError` with file:line:column."""
    top, mark = yaml.load(path), Mark(str(path))
    if top is None:
        return
    for name, body in _mapping(top, str(mark), "an inventory").items():
        where = _mark(top, name, mark)
        _group(draft.group(_name(name, where), where), body, where, draft)


def _group(group: Group, body: Any, mark: Mark, draft: Draft) -> None:
    parts = _mapping(body, str(mark), f"group {group.name!r}")
    for key in parts:
        if key not in _KEYS:
            raise UsageError(
                yaml.key_place(parts, key, mark),
                f"{key!r} in group {group.name!r} is none of hosts, vars, children",
                nearest(str(key), _KEYS) or "put it under one of them",
            )
    for key, value in _part(parts, "vars", mark).items():
        draft.set(group, str(key), value, _mark(parts["vars"], key, mark))
    children = _part(parts, "children", mark)
    for name, child in children.items():
        where = _mark(children, name, mark)
        _group(draft.child(group, _name(name, where), where), child, where, draft)
    _hosts(_part(parts, "hosts", mark), group, mark, draft)


def _hosts(hosts: Mapping[Any, Any], group: Group, mark: Mark, draft: Draft) -> None:
    for pattern, variables in hosts.items():
        where = _mark(hosts, pattern, mark)
        names, port = expand(_name(pattern, where), str(where))
        given = _mapping(variables, str(where), f"host {pattern!r}")
        for name in names:
            known = draft.host(name, group, where)
            if port is not None:
                known.put("ansible_port", port, where)
            known.lay(given)


def _part(parts: Mapping[Any, Any], key: str, mark: Mark) -> Mapping[Any, Any]:
    return _mapping(parts.get(key), yaml.place(parts, key, mark), key, shape=key)


def _mapping(value: Any, where: str, what: str, *, shape: str = "") -> Mapping[Any, Any]:
    """*value* where it is a mapping; a lone name or nothing counts as an empty one."""
    if value is None:
        return {}
    if isinstance(value, str) and shape in ("hosts", "children"):
        return {value: None}
    if not isinstance(value, dict):
        raise UsageError(
            where,
            f"{what} must be a mapping, not {type(value).__name__.lower()}",
            "write name: value",
        )
    return value


def _name(name: Any, mark: Mark) -> str:
    if not isinstance(name, str):
        raise UsageError(str(mark), f"{name!r} is no name", "quote it")
    return name


def _mark(container: Any, key: Any, otherwise: Mark) -> Mark:
    return container.key_marks.get(key, otherwise) if isinstance(container, yaml.Map) else otherwise


def read_script(path: Path, draft: Draft) -> None:
    """Add to *draft* what the program *path* prints for ``--list`` (and ``--host`` if it must)."""
    mark = Mark(f"{path} --list")
    groups = _mapping(_run(path, "--list"), str(mark), "its answer")
    meta = _mapping(groups.get("_meta"), str(mark), "_meta")
    for name, body in groups.items():
        if name != "_meta":
            _script_group(name, body, mark, draft)
    known = _mapping(meta.get("hostvars"), str(mark), "_meta.hostvars")
    for name in draft.hosts:
        given = known.get(name) if "hostvars" in meta else _run(path, "--host", name)
        for key, value in _mapping(given, str(mark), f"host {name!r}").items():
            draft.hosts[name].put(key, value, mark)


def _script_group(name: str, body: Any, mark: Mark, draft: Draft) -> None:
    """One group of a script: a list of hosts, a mapping of parts, or the variables of a host."""
    group = draft.group(name, mark)
    if isinstance(body, list):
        body = {"hosts": body}
    parts = _mapping(body, str(mark), f"group {name!r}")
    if not any(key in parts for key in _KEYS):
        parts = {"hosts": [name], "vars": parts}
    for host in _names(parts.get("hosts"), f"hosts of {name!r}", mark):
        draft.host(host, group, mark)
    for key, value in _mapping(parts.get("vars"), str(mark), f"vars of {name!r}").items():
        draft.set(group, key, value, mark)
    for child in _names(parts.get("children"), f"children of {name!r}", mark):
        draft.child(group, child, mark)


def _names(value: Any, what: str, mark: Mark) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UsageError(str(mark), f"{what} must be a list of names", "mend the script")
    return value


def _run(path: Path, *options: str) -> Any:
    """The JSON that *path* prints, as an inventory script is run by Ansible."""
    shown = " ".join([str(path), *options])
    try:
        done = subprocess.run(
            [os.fspath(path.absolute()), *options],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_SCRIPT_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(shown, f"did not run ({error})", "run it by hand") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise UsageError(shown, f"ended with {done.returncode} ({said:.200})", "run it by hand")
    try:
        return json.loads(done.stdout)
    except (ValueError, RecursionError) as error:
        raise UsageError(shown, f"printed no JSON ({error})", "run it by hand") from error
