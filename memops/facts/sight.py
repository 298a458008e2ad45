"""How a process sees the files of its host: a unit may give it mounts and a root of its own.

``ProtectSystem=strict`` and ``DynamicUser=yes`` make everything read-only to it but what
``ReadWritePaths=`` names (man 5 systemd.exec, SANDBOXING). jemalloc says nothing where it cannot
write. ``/proc/PID/root`` shows its files as the process sees them (man 5 proc), to root and its user.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from memops.model.action import Run
from memops.model.step import Query

if TYPE_CHECKING:
    from memops.facts.process import Process
    from memops.model.action import Output

# Arguments: a process and a path. Prints whether its root is the host's, and of the path, or else the
# nearest directory above it that is there, whether it may be written, its owner and name.
SCRIPT = r"""
root=/proc/$1/root path=$2
here=$(stat -L -c %d:%i -- "$root" 2>/dev/null) || exit 0
[ "$here" = "$(stat -L -c %d:%i /)" ] && echo same || echo other
while [ ! -e "$root$path" ] && [ -n "$path" ]; do path=${path%/*}; done
[ -w "$root$path/" ] && echo "write $(stat -L -c %u -- "$root$path/") ${path:-/}" && exit
echo "read $(stat -L -c %u -- "$root$path/") ${path:-/}"
"""


class Sight(NamedTuple):
    """What a process sees where it is to write.

    *known* is false where nobody may look. *own_root*: it has a root directory of its own. *nearest*
    is the path itself or the nearest directory above it that is there, *owner* its user's number, and
    *writable* whether its file system may be written at all, whatever the permissions.
    """

    known: bool = False
    own_root: bool = False
    writable: bool = True
    owner: int = 0
    nearest: str = ""


def sight(process: Process, path: str) -> Query[Sight]:
    """How *process* sees the absolute *path*."""
    clean = str(PurePosixPath(path))
    return Query((Run(("sh", "-c", SCRIPT, "memops-look", str(process.pid), clean)),), _parse)


def _parse(outputs: tuple[Output, ...]) -> Sight:
    root, _, told = outputs[0].text.rstrip("\n").partition("\n")
    access, _, rest = told.partition(" ")
    owner, _, nearest = rest.partition(" ")
    if root not in {"same", "other"} or access not in {"read", "write"} or not owner.isdigit():
        return Sight()
    return Sight(known=True, own_root=root == "other", writable=access == "write",
                 owner=int(owner), nearest=nearest)  # fmt: skip
