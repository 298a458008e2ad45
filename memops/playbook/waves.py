"""The waves of a play, as Ansible's ``serial`` cuts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_WHOLE = 100.0


def serial_waves(
    hosts: Sequence[str], serial: Sequence[int | str], where: str = "serial"
) -> list[tuple[str, ...]]:
    """*hosts* in waves: sizes from *serial*, the last repeated; none, or 0, is all at once.

    A percentage is of all hosts of the play, rounded down, and at least one host; so 10 hosts at
    ``25%`` are five waves of two.
    """
    sizes = [wave_size(each, len(hosts), where) for each in serial] or [0]
    waves: list[tuple[str, ...]] = []
    start = 0
    while start < len(hosts):
        size = sizes[min(len(waves), len(sizes) - 1)] or len(hosts)
        waves.append(tuple(hosts[start : start + size]))
        start += size
    return waves


def wave_size(serial: int | str, total: int, where: str = "serial") -> int:
    """The hosts in a wave of *serial*, a number or a percentage of *total*; 0 is all of them."""
    text = str(serial).strip()
    try:
        if text.endswith("%"):
            percent = float(text[:-1])
            if 0 <= percent < float("inf"):
                return max(1, int(percent / _WHOLE * total))
        elif not isinstance(serial, bool) and int(text) >= 0:
            return int(text)
    except ValueError:
        pass
    raise UsageError(where, f"{serial!r} is no size of a wave", "write for example 1 or '10%'")
