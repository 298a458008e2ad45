"""Whether a file that decides which hosts are touched, and how, could have been put there by others.

A directory that everybody may write to lets a stranger slip variables beside an inventory, and so
commands into a connection (CVE-2018-10874, CVE-2018-10875).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from memops.errors import UsageError


def require_trusted(path: Path) -> None:
    """Raise `UsageError` where a stranger could have written, or replaced, *path*.

    Neither *path* nor any directory above it may be writable by everybody. In a sticky directory
    (``/tmp``) strangers can add but not replace, so there *path*, or the directory that leads to
    it, must belong to the operator or to root. A link is judged at both of its ends.
    """
    for start in dict.fromkeys((Path(os.path.normpath(path.absolute())), path.resolve())):
        for each in (start, *start.parents):
            _judge(each)


def _judge(path: Path) -> None:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        found = path.stat()
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        raise UsageError(str(path), "is writable by everybody", f"chmod o-w {path}")
    parent = path.parent.stat().st_mode
    if parent & stat.S_IWOTH and parent & stat.S_ISVTX and _stranger(path):
        raise UsageError(
            str(path),
            f"belongs to another user and lies in {path.parent}, where everybody may write",
            "move it to a directory of your own",
        )


def _stranger(path: Path) -> bool:
    ours = (0, os.geteuid())
    return path.lstat().st_uid not in ours or path.stat().st_uid not in ours
