"""What a host is: processor, C library, distribution, and the room it has in a directory.

One constant script looks, and says ``key value`` lines as raw as it found them; all understanding is
in the pure parser. It reads nothing as shell that the host wrote (``os-release`` is data, not code).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from memops.model.action import Run
from memops.model.step import Query

if TYPE_CHECKING:
    from memops.model.action import Output

# Argument: the directory whose room is wanted; the nearest one that exists is looked at.
SCRIPT = r"""
LC_ALL=C
export LC_ALL
unset LD_PRELOAD
echo "arch $(uname -m)"
echo "kernel $(uname -r)"
echo "euid $(id -u)"
echo "page $(getconf PAGESIZE 2>/dev/null)"
while read -r key size _; do
    case $key in KernelPageSize:) echo "smaps $size"; break ;; esac
done 2>/dev/null </proc/self/smaps
for file in /etc/os-release /usr/lib/os-release; do
    [ -r "$file" ] || continue
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in ID=* | VERSION_ID=*) printf 'release %s\n' "$line" ;; esac
    done <"$file"
    break
done
[ -r /etc/redhat-release ] && echo "redhat $(head -n 1 /etc/redhat-release)"
[ -r /etc/alpine-release ] && echo "alpine $(head -n 1 /etc/alpine-release)"
echo "getconf $(getconf GNU_LIBC_VERSION 2>/dev/null)"
ldd=$(command -v ldd) && echo "ldd $("$ldd" --version 2>&1 </dev/null | head -n 2 | tr '\n' ' ')"
for file in /lib/ld-musl-* /lib/ld-linux* /lib64/ld-linux* /lib/*/ld-linux*; do
    [ -e "$file" ] && echo "loader $file"
done
for file in /lib64/libc.so.6 /lib/libc.so.6 /lib/*-linux-*/libc.so.6; do
    [ -x "$file" ] && echo "libc $("$file" 2>/dev/null </dev/null | head -n 1)" && break
done
cc=$(command -v cc || command -v gcc) && make=$(command -v make) && [ -n "$make" ] &&
    command -v tar >/dev/null && command -v gzip >/dev/null &&
    echo '#include <stdlib.h>' | "$cc" -E -x c - >/dev/null 2>&1 && echo "compiler $cc"
place=$1
while [ ! -d "$place" ] && [ "$place" != / ] && [ "$place" != . ]; do place=$(dirname "$place"); done
echo "place $place"
[ -w "$place" ] && echo "writable yes"
df -Pk "$place" 2>/dev/null | {
    read -r _
    read -r _ _ _ free _ point
    echo "free $free"
    while read -r _ mounted _ options _; do
        [ "$mounted" = "$point" ] && echo "mount $options"
    done </proc/mounts
}
exit 0
"""

_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")
_NAMES = {"centos": "centos", "red hat": "rhel", "fedora": "fedora", "oracle": "ol"}


@dataclass(frozen=True, slots=True)
class Platform:
    """One host: *arch* as ``uname -m`` says, *page_size* in bytes.

    *place* is the nearest directory above the one asked for that exists; *free* (bytes) and
    *writable* (by the acting user *euid*, and not mounted read-only) are of it. *compiler* is empty
    where there is no C compiler with its headers, make, tar and gzip.
    """

    arch: str
    libc: Literal["glibc", "musl", "unknown"]
    libc_version: str
    kernel: str
    distro: str
    distro_version: str
    page_size: int
    euid: int
    compiler: str
    place: str
    free: int
    writable: bool
    read_only: bool


def platform(directory: str = "/opt") -> Query[Platform]:
    """What the host is, and the room it has where *directory* is or would be."""
    look = Run(("sh", "-c", SCRIPT, "memops-look", directory))
    return Query((look,), lambda outputs: parse(outputs[0]))


def version_key(version: str) -> tuple[int, ...]:
    """*version* (``2.17``) as numbers that compare as versions do."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def parse(output: Output) -> Platform:
    """The platform in what the script said."""
    said = _lines(output.text)
    libc, libc_version = _libc(said)
    distro, distro_version = _distro(said)
    mounts = said.get("mount", [""])
    read_only = "ro" in mounts[-1].split(",")
    return Platform(
        arch=_first(said, "arch"),
        libc=libc,
        libc_version=libc_version,
        kernel=_first(said, "kernel"),
        distro=distro,
        distro_version=distro_version,
        page_size=_number(said, "page") or _number(said, "smaps") * 1024 or 4096,
        euid=_number(said, "euid", -1),
        compiler=_first(said, "compiler"),
        place=_first(said, "place"),
        free=_number(said, "free") * 1024,
        writable="writable" in said and not read_only,
        read_only=read_only,
    )


def _lines(text: str) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        said.setdefault(key, []).append(value.strip())
    return said


def _first(said: dict[str, list[str]], key: str) -> str:
    return said.get(key, [""])[0]


def _number(said: dict[str, list[str]], key: str, default: int = 0) -> int:
    text = _first(said, key)
    return int(text) if text.isascii() and text.isdigit() else default


def _libc(said: dict[str, list[str]]) -> tuple[Literal["glibc", "musl", "unknown"], str]:
    """The C library that the host's own programs use.

    Some hosts carry both: ``getconf`` and ``ldd`` belong to the one that rules, loaders do not.
    """
    loaders = " ".join(said.get("loader", []))
    getconf, ldd, libc = (_first(said, key) for key in ("getconf", "ldd", "libc"))
    if getconf.startswith("glibc "):
        return "glibc", _version(getconf)
    if ldd.startswith("musl"):
        return "musl", _version(ldd.partition("Version")[2])
    if "GLIBC" in ldd.upper() or "GNU libc" in ldd:
        return "glibc", _version(ldd.rpartition(")")[2]) or _version(ldd)
    if libc.startswith("GNU C Library"):
        return "glibc", _version(libc.partition("release version")[2])
    if "ld-musl" in loaders:
        return "musl", ""
    return ("glibc", "") if "ld-linux" in loaders else ("unknown", "")


def _version(text: str) -> str:
    found = _VERSION.search(text)
    return found[0] if found else ""


def _distro(said: dict[str, list[str]]) -> tuple[str, str]:
    pairs = (line.partition("=") for line in said.get("release", []))
    release = {key: value.strip("\"'") for key, _, value in pairs}
    if release.get("ID"):
        return release["ID"], release.get("VERSION_ID", "")
    redhat = _first(said, "redhat")
    for words, name in _NAMES.items():
        if redhat.lower().startswith(words):
            return name, _version(redhat)
    return ("alpine", _first(said, "alpine")) if "alpine" in said else ("", "")
