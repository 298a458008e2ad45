"""From what the operator names (files, directories, programs, lists of hosts) to one draft."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.inventory import ini, structured
from memops.inventory.draft import Draft
from memops.inventory.names import expand
from memops.inventory.trust import require_trusted
from memops.yaml import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

_SKIPPED_ENDS = (
    ".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry",
)  # fmt: skip
_SKIPPED_NAMES = ("group_vars", "host_vars", "vars_plugins")
_YAML_ENDS = (".yml", ".yaml", ".json")
_YAML_START = re.compile(r"---(\s|$)|\{|[^\s\[#;:=]+\s*:(\s|$)")
_PROGRAM_STARTS = (b"#!", b"\x7fELF")


def read(sources: Sequence[str]) -> tuple[Draft, tuple[Path, ...]]:
    """The draft of all *sources*, the later over the earlier, and the directories beside them."""
    draft, beside = Draft(), []
    for source in sources:
        if "," in source:
            _host_list(source, draft)
            continue
        path = Path(source)
        if not path.exists():
            raise UsageError(source, "no such inventory", "check -i, or write a list: host1,host2,")
        beside.append(path if path.is_dir() else path.parent)
        _path(path, draft)
    draft.settle()
    return draft, tuple(dict.fromkeys(beside))


def _host_list(source: str, draft: Draft) -> None:
    mark = Mark("-i")
    for word in filter(None, (each.strip() for each in source.split(","))):
        names, port = expand(word, str(mark))
        for name in names:
            variables = draft.host(name, draft.groups["ungrouped"], mark)
            if port is not None:
                variables.put("ansible_port", port, mark)


def _path(path: Path, draft: Draft) -> None:
    require_trusted(path)
    if not path.is_dir():
        _file(path, draft)
        return
    for name in sorted(each.name for each in path.iterdir()):
        if (
            not name.startswith(".")
            and name not in _SKIPPED_NAMES
            and not name.endswith(_SKIPPED_ENDS)
        ):
            _path(path / name, draft)


def _file(path: Path, draft: Draft) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            str(path), f"cannot be read ({error.strerror})", "check its mode"
        ) from error
    if content.startswith(_PROGRAM_STARTS) and os.access(path, os.X_OK):
        structured.read_script(path, draft)
    elif path.suffix == ".toml":
        raise UsageError(str(path), "TOML inventories are not supported", "write it as YAML")
    elif path.suffix in _YAML_ENDS:
        structured.read_yaml(path, draft)
    else:
        _by_shape(path, content, draft)


def _by_shape(path: Path, content: bytes, draft: Draft) -> None:
    """Read a file whose name does not tell its form: the first line that says something does."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(str(path), f"is not UTF-8 ({error.reason})", "save it as UTF-8") from error
    lines = (line for line in text.splitlines() if line.strip() and line.lstrip()[0] not in "#;")
    if path.suffix != ".ini" and _YAML_START.match(next(lines, "")):
        structured.read_yaml(path, draft)
    else:
        ini.read(text, str(path), draft)
