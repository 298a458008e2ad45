"""Whether an app is well, asked on its own host with what every host has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memops.errors import UsageError
from memops.model.action import Output, Run
from memops.model.step import Query

if TYPE_CHECKING:
    from memops.model.app import Health

_HTTP = r"""
url=$1
if command -v curl >/dev/null; then
    curl -fsS -o /dev/null -m 5 -- "$url" 2>/dev/null && exit
    echo "$url does not answer well (curl says $?)" >&2
    exit 1
fi
if command -v wget >/dev/null; then
    wget -q -O /dev/null -T 5 "$url" 2>/dev/null && exit
    echo "$url does not answer well (wget says $?)" >&2
    exit 1
fi
rest=${url#http://}
place=${rest%%/*}
host=${place%%:*} port=80
case $place in *:*) port=${place##*:} ;; esac
case $rest in */*) path=/${rest#*/} ;; *) path=/ ;; esac
if ! command -v bash >/dev/null; then
    echo "no curl, wget or bash to ask $url with" >&2
    exit 2
fi
# shellcheck disable=SC2016
answer=$(bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$3" "$1" >&3 &&
    IFS= read -r -t 5 line <&3 && printf "%s" "$line"' sh "$host" "$port" "$path" 2>/dev/null)
case $answer in *" 2"[0-9][0-9]" "* | *" 3"[0-9][0-9]" "*) exit 0 ;; esac
echo "$url answers ${answer:-nothing}" >&2
exit 1
"""
# A listening socket has state 0A; addresses are hexadecimal (man 5 proc, /proc/net/tcp).
_TCP = r"""
grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") [0-9A-F]*:[0-9A-F]* 0A" /proc/net/tcp /proc/net/tcp6 2>/dev/null && exit 0
echo "nothing listens on port $1" >&2
exit 1
"""
_LOG = r"""
size=$(wc -c <"$1") || exit 1
skip=$3
[ "$size" -ge "$skip" ] || skip=0
tail -c "+$((skip + 1))" "$1" | grep -qE -e "$2" && exit 0
echo "no line with $2 in $1 yet" >&2
exit 1
"""
SCRIPTS = {"http": _HTTP, "tcp": _TCP, "log": _LOG}


def well(health: Health, log_size: int = 0) -> Query[str | None]:
    """None where the check passes, else why not; a log is read from *log_size* bytes on."""
    argv: tuple[str, ...]
    match health.kind:
        case "http":
            if not re.fullmatch(r"https?://[\w.\-\[\]:]+(/\S*)?", health.target):
                raise UsageError(health.target, "is not an http URL", "see health in memops_apps")
            argv = ("sh", "-c", _HTTP, "memops-look", health.target)
        case "tcp":
            argv = ("sh", "-c", _TCP, "memops-look", str(int(health.target.rsplit(":", 1)[-1])))
        case "log":
            argv = (
                "sh", "-c", _LOG, "memops-look", health.target, health.pattern, str(log_size),
            )  # fmt: skip
        case "command":
            argv = ("sh", "-c", health.target)
    return Query((Run(argv, ok=tuple(range(256)), timeout=10),), lambda outputs: _parse(outputs[0]))


def _parse(output: Output) -> str | None:
    if output.rc == 0:
        return None
    said = output.stderr.decode("utf-8", "replace").strip() or output.text.strip()
    return said.splitlines()[-1] if said else f"exit code {output.rc}"
