"""How a process sees the files of its host: a unit may give it mounts and a root of its own.

``ProtectSystem=strict`` and ``DynamicUser=yes`` make everything read-only to it but what
``ReadWritePaths=`` or ``BindPaths=`` name, ``TemporaryFileSystem=`` and ``InaccessiblePaths=`` lay
something else over a directory (man 5 systemd.exec, SANDBOXING). ``/proc/PID/root`` shows its files as
the process sees them (man 5 proc), to root and its user.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from memops.model.action import Run
from memops.model.step import Query

if TYPE_CHECKING:
    from memops.facts.process import Process
    from memops.model.action import Output

# Arguments: a process and a path. Prints whether its root is the host's; then of the path, or else the
# nearest directory above it that the process has: whether that may be written, whether programs may be
# mapped from it, whether the host's nearest one is the same to the process, its owner, mode and name.
# Links are followed on the host, because an absolute one below /proc/PID/root would leave that root. Whether it may be written the mount
# says (mnt_id: Linux 3.15, man 5 proc_pid_fdinfo); busybox's own test -w tells root yes of anything.
SCRIPT = r"""
root=/proc/$1/root here=$2 rest=
top=$(stat -L -c %d:%i -- "$root" 2>/dev/null) || exit 0
[ "$top" = "$(stat -L -c %d:%i /)" ] && echo same || echo other
while [ ! -e "$here" ] && [ -n "$here" ]; do rest=/${here##*/}$rest here=${here%/*}; done
here=$(readlink -f -- "${here:-/}") && here=${here%/}
host=$(stat -L -c %d:%i -- "${here:-/}") seen=$here$rest
[ "$host" = "$(stat -L -c %d:%i -- "$root$here" 2>/dev/null)" ] && is=own || is=other
while [ ! -e "$root$seen" ] && [ -n "$seen" ]; do seen=${seen%/*}; done
[ "$seen" = "$here$rest" ] && all=whole || all=part
[ -w "$root$seen" ] && may="write" || may="read"
id=$({ sed -n 's/^mnt_id:[[:space:]]*//p' /proc/self/fdinfo/9; } 9<"$root$seen" 2>/dev/null)
options=$(sed -n "s/^$id [^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\).* - [^ ]* [^ ]* /,\1,/p" "/proc/$1/mountinfo")
case $id,$options, in *,ro,*) may="read" ;; esac
case $options, in *,noexec,*) run="noexec" ;; *) run="exec" ;; esac
echo "$may $run $is $all $(stat -L -c '%u %a' -- "$root$seen") ${seen:-/}"
"""
_WORDS = 7


class Sight(NamedTuple):
    """What a process sees of a path.

    *known* is false where nobody may look. *own_root*: it has a root directory of its own. *nearest*
    is the path itself, if it is *there*, or the nearest directory above it that is; *owner* is its
    user's number, and *writable* whether its file system may be written at all, whatever the
    permissions; *executable* says the same of mapping programs. *covered*: something else lies over what
    the host has there; *hidden*: it is systemd's empty directory of mode 0000, which no later mount makes way in.
    """

    known: bool = False
    own_root: bool = False
    writable: bool = True
    executable: bool = True
    covered: bool = False
    hidden: bool = False
    there: bool = True
    owner: int = 0
    nearest: str = ""


def sight(process: Process, path: str) -> Query[Sight]:
    """How *process* sees the absolute *path*."""
    clean = str(PurePosixPath(path))
    return Query((Run(("sh", "-c", SCRIPT, "memops-look", str(process.pid), clean)),), _parse)


def _parse(outputs: tuple[Output, ...]) -> Sight:
    root, _, told = outputs[0].text.rstrip("\n").partition("\n")
    words = told.split(" ", _WORDS - 1)
    if root not in {"same", "other"} or len(words) != _WORDS or not words[4].isdecimal():
        return Sight()
    access, run, place, extent, owner, mode, nearest = words
    return Sight(
        known=True, own_root=root == "other", writable=access == "write",
        executable=run == "exec", covered=place == "other",
        hidden=place == "other" and mode == "0", there=extent == "whole",
        owner=int(owner), nearest=nearest,
    )  # fmt: skip
