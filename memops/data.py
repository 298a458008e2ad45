"""Where the files that ship with memops are: templates and playbooks.

Looked for beside the playbook, then in the project (the current directory), then in the package.
"""

from __future__ import annotations

from pathlib import Path

from memops.errors import UsageError

_PACKAGE = Path(__file__).parent


def packaged(kind: str) -> Path:
    """The directory of the shipped *kind* (``templates`` or ``playbooks``), wheel or checkout."""
    inside = _PACKAGE / "_data" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def find(kind: str, name: str, beside: Path | None = None) -> Path:
    """The file *name* of *kind*; raises `UsageError` listing the places looked in."""
    places = [Path(kind), packaged(kind)]
    if beside is not None:
        places[:0] = [beside / kind, beside]
    for place in places:
        if (place / name).is_file():
            return place / name
    looked = ", ".join(str(place) for place in places)
    raise UsageError(
        name, f"no such file under {looked}", f"see {packaged(kind)} for those shipped"
    )
