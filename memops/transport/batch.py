"""The script of a batch: many calls as one text, told apart by frames, and the loop that reads it.

Files whose bytes are in the script and that follow one another are written together: all beside
their places, synced in one pass, then renamed in their order. Nothing is renamed before all are
synced, so a journal and the step behind it cost one wait for the disk and keep their order.
"""

from __future__ import annotations

import re
import secrets
from itertools import groupby
from typing import TYPE_CHECKING

from memops.transport import functions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memops.transport.script import Call, Small

# A line tells what follows: so many bytes, or 0 and so many lines. `read` takes exactly what it
# needs from a pipe, so raw bytes may follow, but byte by byte; dd takes as many in one go, for the
# price of a process. One line, and no quote or backslash that a login shell other than sh (csh,
# fish) would read differently within single quotes.
LOOP = (
    'e=$(printf "\\n."); e=${e%.}; echo HELLO $$; exec 7<&0 </dev/null; '
    "while read -r b n <&7; do s=; "
    '[ "$b" = 0 ] || s=$(dd bs=$b count=1 iflag=fullblock <&7 2>/dev/null) || exit; '
    'while [ $n -gt 0 ]; do IFS= read -r l <&7 || exit; n=$((n-1)); s="$s$l$e"; done; '
    'eval "$s"; done'
)
"""What a shell of memops runs; ``HELLO`` stands for a word by which it is recognised."""

_WORTH = 2048
"""Bytes from which a process is cheaper than a system call for each byte (measured in dash)."""

_DESCRIPTORS = (3, 4, 5, 6, 8, 9)  # of one digit, as dash wants them; 7 is the session's own


def render(nonce: str, calls: Sequence[Call], *, until_failure: bool, feed: str) -> bytes:
    """The script of *calls*, as it is sent; see `memops.transport.shell.Shell.converse`."""
    parts = [f"memops_nonce={nonce}; memops_mark begin"]
    if any(call.small for call in calls):
        parts.append("memops_syncing")
    parts.append(f"({feed}) 7<&- | while :; do" if feed else "while :; do")
    for together, group in groupby(calls, lambda call: until_failure and call.small is not None):
        if together:
            small = [call.small for call in group if call.small]
            parts += [_together(part) for part in _portions(small)]
        else:
            parts += [_alone(call, until_failure=until_failure) for call in group]
    parts.append("break; done; memops_mark end")
    return framed("\n".join(parts))


def framed(text: str) -> bytes:
    """*text* as `LOOP` takes it."""
    content = text.encode("utf-8", "surrogateescape")
    if len(content) < _WORTH:
        return b"0 %d\n%s\n" % (content.count(b"\n") + 1, content)
    return b"%d 0\n%s" % (len(content), content)


def _alone(call: Call, *, until_failure: bool) -> str:
    shut = " 7<&-" if call.payload is None else ""
    text = f"(memops_random={secrets.token_hex(8)}; {call.text}){shut}\n"
    ok = " ".join(map(str, call.ok))
    return text + (f"memops_end $? {ok} || break" if until_failure else "memops_end $?")


def _portions(small: Sequence[Small]) -> Iterator[Sequence[Small]]:
    for start in range(0, len(small), len(_DESCRIPTORS)):
        yield small[start : start + len(_DESCRIPTORS)]


def _together(files: Sequence[Small]) -> str:
    """The files written side by side, and then renamed; one by one where anything is in the way."""
    opened = list(zip(_DESCRIPTORS, files, strict=False))
    numbers = [number for number, _ in opened]
    temps = " ".join(f'"$memops_temp{number}"' for number in numbers)
    lines = [f"memops_text{number}() {{ {file.text}; }}" for number, file in opened]
    lines += [
        f"memops_random={secrets.token_hex(8)}; memops_beside {file.path}; memops_temp{number}=$memops_temp"
        for number, file in opened
    ]
    steps = [f"memops_may {file.path}" for _, file in opened]
    inner = [*_owned(opened), *(f"memops_text{number} >&{number}" for number in numbers)]
    inner.append(f"memops_sync {_words(numbers)}")
    targets = " ".join(f'{number}>"$memops_temp{number}"' for number in numbers)
    steps.append(f"{{ {' && '.join(inner)}; }} {targets}")
    renames, others = [], []
    for number, file in opened:
        ended = "\nmemops_end $? 0 || exit 1"
        renames.append(f'memops_rename "$memops_temp{number}" {file.path}{ended}')
        one = f"memops_file {file.path} {file.mode} {file.owner} ''"
        others.append(f"(memops_text{number} | {one}){ended}")
    return "\n".join(
        [
            "(umask 077",
            *lines,
            f"trap 'rm -f {temps} 2>/dev/null' EXIT",
            "set -C",
            f"if {{ {' && '.join(steps)}; }} 2>/dev/null; then",
            *renames,
            f"else rm -f {temps} 2>/dev/null; set +C",
            *others,
            "fi; trap - EXIT) 7<&- || break",
        ]
    )


def _owned(opened: Sequence[tuple[int, Small]]) -> Iterator[str]:
    """Mode and owner of the empty files, before anything is in them; like ones at once."""
    kinds = dict.fromkeys((file.mode, file.owner) for _, file in opened)
    for mode, owner in kinds:
        numbers = [number for number, file in opened if (file.mode, file.owner) == (mode, owner)]
        yield f"memops_own {mode} {owner} {_words(numbers)}"


def _words(numbers: Sequence[int]) -> str:
    return " ".join(f"/proc/self/fd/{number}" for number in numbers)


SETUP = framed(
    re.sub(
        r"^\s+|^#.*\n|^\n",
        "",
        functions.ALL + functions.FRAMES + functions.FETCH,
        flags=re.MULTILINE,
    )
)
"""The functions without comments and indentation, as they are sent."""
