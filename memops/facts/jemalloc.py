"""What a libjemalloc on a host is and accepts, as the library itself says when it is loaded.

It is loaded into ``/bin/true`` alone; the texts are those of jemalloc's ``stats_print`` and
``abort_conf`` (src/stats.c, src/jemalloc.c; the same from 5.0 to 5.3).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from memops.facts.file import content
from memops.model.action import Run
from memops.model.step import Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from memops.model.action import Output

Unwinder = Literal["libgcc", "libunwind", "frameptr", "gcc", "none"]

PREFIX = "/opt/memops"
"""The directory on a host below which memops installs, unless the operator says another."""

# Arguments: the library, or nothing for the distribution's own, of which the first that loads counts
# (a host may have that of another processor too).
SCRIPT = r"""
LC_ALL=C
export LC_ALL
unset LD_PRELOAD MALLOC_CONF
true=/bin/true
[ -x $true ] || true=/usr/bin/true
describe() {
    echo "path $(readlink -f -- "$1")" # as /proc/PID/maps will have it
    MALLOC_CONF=stats_print:true,stats_print_opts:mdablx LD_PRELOAD=$1 $true 2>&1 </dev/null
}
[ -n "$1" ] || set -- /usr/lib/*/libjemalloc.so.2 /usr/lib64/libjemalloc.so.2 \
    /usr/lib/libjemalloc.so.2
said=''
for each; do
    [ -e "$each" ] || continue
    said=$(describe "$each")
    case $said in *'Version: '*) break ;; esac
done
printf '%s\n' "$said"
"""

# Arguments: the library, MALLOC_CONF. What ends in a dump is switched off after it was checked.
ACCEPTS = r"""
LC_ALL=C
export LC_ALL
unset LD_PRELOAD MALLOC_CONF
# shellcheck disable=SC3045  # dash, busybox, ksh and bash all have it
ulimit -c 0
true=/bin/true
[ -x $true ] || true=/usr/bin/true
quiet=prof_final:false,prof_leak:false,prof_gdump:false,lg_prof_interval:-1
MALLOC_CONF="abort_conf:true,$2${2:+,}$quiet" LD_PRELOAD=$1 $true 2>&1 </dev/null
"""

# Arguments: the library, MALLOC_CONF or nothing. Fails with a line that says why.
VERIFY = (
    r"""
LC_ALL=C
export LC_ALL
unset LD_PRELOAD MALLOC_CONF
refuse() { echo "$1" >&2; exit 1; }
true=/bin/true
[ -x $true ] || true=/usr/bin/true
said=$(MALLOC_CONF=stats_print:true,stats_print_opts:mdablx LD_PRELOAD=$1 $true 2>&1 </dev/null)
case $said in
*'config.prof: true'*) ;;
*'config.prof: false'*) refuse "$1 was built without profiling" ;;
*) refuse "$1 cannot be loaded: $(printf '%s\n' "$said" | head -n 1)" ;;
esac
case $said in
*'config.prof_libgcc: true'* | *'config.prof_libunwind: true'*) ;;
*) refuse "$1 has no unwinder that survives: neither libgcc nor libunwind" ;;
esac
said=$(
"""
    + ACCEPTS
    + r"""
) || refuse "$1 refuses the options $2: $(printf '%s\n' "$said" | head -n 1)"
"""
)

# No arguments. Says "yes" where a program could load libunwind: nongnu's, which walks frame pointers.
LIBUNWIND = r"""
for each in /lib64 /usr/lib64 /lib /usr/lib /lib/*-linux-gnu* /usr/lib/*-linux-gnu* /usr/local/lib; do
    [ -e "$each/libunwind.so.8" ] && echo yes && break
done
exit 0
"""

_CONFIG = re.compile(r"^\s*config\.(\w+): (true|false)\s*$", re.MULTILINE)
_VERSION = re.compile(r'^Version: "([^"-]+)', re.MULTILINE)
_COMPLAINT = re.compile(
    r"^(?:<jemalloc>|ERROR|Error|.*error while loading|.* not found).*$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Jemalloc:
    """A libjemalloc that a host has; *complaint* is what the loader said where it did not load."""

    path: str
    version: str = ""
    prof: bool = False
    unwinder: Unwinder = "none"
    complaint: str = ""

    @property
    def refusal(self) -> str:
        """Why it cannot profile, or nothing. ``prof-gcc`` crashes at once (measured on 5.3.0)."""
        if not self.version:
            return self.complaint or "it cannot be loaded"
        if not self.prof:
            return "it was built without profiling (config.prof: false)"
        if self.unwinder not in ("libgcc", "libunwind"):
            return f"its unwinder is {self.unwinder}, which does not survive"
        return ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``build.json`` beside an installed library says of it; *sha256* is the library's."""

    version: str
    variant: str
    source_sha256: str
    sha256: str


def path_of(version: str, variant: str = "libgcc", prefix: str = PREFIX) -> str:
    """Where the library of *version* is installed; *version* ``distro`` is the distribution's."""
    name = "distro" if version == "distro" else f"{version}-{variant}"
    return f"{prefix}/jemalloc-{name}/lib/libjemalloc.so.2"


def manifest_path(version: str, variant: str = "libgcc", prefix: str = PREFIX) -> str:
    """Where the manifest of that library is."""
    return f"{path_of(version, variant, prefix).removesuffix('/lib/libjemalloc.so.2')}/build.json"


def installed(path: str) -> Query[Jemalloc | None]:
    """The library *path* as it describes itself, or None where nothing is."""
    return Query((Run(("sh", "-c", SCRIPT, "memops-look", path)),), lambda all_: parse(all_[0]))


def distro() -> Query[Jemalloc | None]:
    """The libjemalloc2 that the distribution's package installed, or None."""
    return Query((Run(("sh", "-c", SCRIPT, "memops-look", "")),), lambda all_: parse(all_[0]))


def libunwind() -> Query[bool]:
    """Whether the host has libunwind.so.8, without which a library built with it does not load."""
    look = Run(("sh", "-c", LIBUNWIND, "memops-look"))
    return Query((look,), lambda outputs: outputs[0].text.startswith("yes"))


def complaint(path: str, malloc_conf: str) -> Query[str]:
    """What the library *path* has against *malloc_conf*; empty where it accepts every pair."""
    look = Run(("sh", "-c", ACCEPTS, "memops-look", path, malloc_conf))
    return Query((look,), lambda outputs: _complaint(outputs[0]))


def manifest(path: str) -> Query[Manifest | None]:
    """The manifest *path*, or None where there is none that can be read."""
    looks = content(path)
    return Query(looks.looks, lambda outputs: parse_manifest(looks.parse(outputs)))


def parse(output: Output) -> Jemalloc | None:
    """The library in what it printed under ``stats_print``."""
    head, _, said = output.text.partition("\n")
    if not head.startswith("path "):
        return None
    path, version = head.removeprefix("path "), _VERSION.search(said)
    if version is None:
        return Jemalloc(path, complaint=_first_complaint(said))
    config = {name for name, value in _CONFIG.findall(said) if value == "true"}
    return Jemalloc(path, version[1], "prof" in config, _unwinder(config))


def parse_manifest(text: bytes | None) -> Manifest | None:
    """The manifest in *text*; None where somebody made something else of it."""
    try:
        said: Mapping[str, Any] = json.loads(text or b"")
        fields = [said[name] for name in ("version", "variant", "source_sha256", "sha256")]
    except (ValueError, KeyError, TypeError):
        return None
    return Manifest(*fields) if all(isinstance(field, str) for field in fields) else None


def _unwinder(config: set[str]) -> Unwinder:
    if "prof" not in config:
        return "none"
    names: tuple[Unwinder, ...] = ("libunwind", "frameptr", "libgcc")
    return next((name for name in names if f"prof_{name}" in config), "gcc")


def _complaint(output: Output) -> str:
    said = _first_complaint(output.text)
    return said or ("" if output.rc == 0 else f"it ends with exit code {output.rc}")


def _first_complaint(said: str) -> str:
    found = _COMPLAINT.search(said)
    return found[0].strip() if found else ""
