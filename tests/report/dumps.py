"""Dumps that a hostile or an idle process might write, and the studies of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.profile.study import Inputs, Study, study

if TYPE_CHECKING:
    from pathlib import Path

NAMES = (
    "<script>alert('x')</script> & \"co\" ]]>",
    'a;b,c"d',
    "=HYPERLINK(1)",
    "\x1b[31mred\x07\u202e",
    "\udcff\udc80 half",
    "全角" * 30,
    "x" * 5000,
)
"""Names as a perf map may have them: one address each, 0x10 apart."""
BASE = 0x7F0000000000
MAPS = f"""
MAPPED_LIBRARIES:
00400000-00500000 r-xp 00000000 00:00 7 /opt/<b>&"a b
{BASE:x}-{BASE + 0x100000:x} rwxp 00000000 00:00 0
"""


def heap(rows: list[tuple[tuple[int, ...], int, int]], interval: int = 1) -> bytes:
    """A dump of one thread with *rows* of (numbers of `NAMES`, objects, bytes)."""
    objects, size = sum(row[1] for row in rows), sum(row[2] for row in rows)
    lines = [f"heap_v2/{interval}", f"  t*: {objects}: {size} [0: 0]"]
    lines.append(f"  t3: {objects}: {size} [0: 0] <th>&;\x1b")
    for stack, count, bytes_ in rows:
        lines.append(" ".join(["@", *(f"{BASE + 0x10 * each + 5:#x}" for each in stack)]))
        lines += [f"  {thread}: {count}: {bytes_} [0: 0]" for thread in ("t*", "t3")]
    return "\n".join(lines).encode() + b"\n" + MAPS.encode()


def hostile(home: Path, *dumps: bytes) -> Study:
    """The study of *dumps*, of one process, with the names of `NAMES`."""
    for at, each in enumerate(dumps):
        (home / f"h.7.{at}.i{at}.heap").write_bytes(each)
    names = "".join(f"{BASE + 0x10 * at:x} 10 {name}\n" for at, name in enumerate(NAMES))
    (home / "perf.map").write_bytes(names.encode("utf-8", "surrogateescape"))
    return study(
        Inputs([home], app="<app>&", host="web;1", perf_maps=[home / "perf.map"],
               times={home / f"h.7.{at}.i{at}.heap": 60.0 * at for at in range(len(dumps))})
    )  # fmt: skip


GREW = (
    heap([((0, 1, 2), 1, 1000), ((3, 2), 2, 500), ((4,), 1, 70)]),
    heap([((0, 1, 2), 3, 5000), ((3, 2), 1, 100), ((5, 6, 2), 1, 900), ((), 1, 10), ((4,), 1, 70)]),
)
"""Two dumps: something grew, something shrank, something new, a stack without frames."""
EMPTY = heap([])
