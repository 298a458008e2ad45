"""A recursive listing of a host's files, for "equal before and after"; it needs only sh, find and stat."""

from __future__ import annotations

from dataclasses import dataclass

# One record per file: name NUL facts NUL sum-or-target NUL. Runs in busybox sh and dash.
LISTING = r"""
for top; do
    [ -e "$top" ] || [ -L "$top" ] || continue
    find "$top" -exec sh -c '
        for path; do
            printf "%s\0" "$path"
            stat -c "%F|%a|%u:%g|%s" "$path"
            if [ -L "$path" ]; then readlink "$path"
            elif [ -f "$path" ]; then sha256sum <"$path"
            else echo; fi
            printf "\0"
        done' sh {} +
done
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its type, octal mode, ``uid:gid``, size in bytes (0 for directories), sha256 or target."""

    kind: str
    mode: str
    owner: str
    size: int
    content: str


def parse_listing(raw: bytes) -> dict[str, Entry]:
    """The entries by name, from the output of LISTING."""
    fields = raw.decode(errors="surrogateescape").split("\0")
    return {name: _entry(facts) for name, facts in zip(fields[::2], fields[1::2], strict=False)}


def _entry(facts: str) -> Entry:
    first, _, content = facts.partition("\n")
    kind, mode, owner, size = first.split("|")
    known = 0 if kind == "directory" else int(size)
    kind = "regular file" if kind == "regular empty file" else kind
    return Entry(kind, mode, owner, known, content.removesuffix("\n").removesuffix("  -"))


def difference(before: dict[str, Entry], after: dict[str, Entry]) -> list[str]:
    """One line per file that appeared, vanished or changed."""
    lines = [f"+ {name} {after[name]}" for name in sorted(after.keys() - before.keys())]
    lines += [f"- {name} {before[name]}" for name in sorted(before.keys() - after.keys())]
    both = sorted(before.keys() & after.keys())
    lines += [f"~ {n} {before[n]} -> {after[n]}" for n in both if before[n] != after[n]]
    return lines
