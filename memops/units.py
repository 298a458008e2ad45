"""Bytes, counts and durations between people's notation and numbers.

Inside memops a size is an `int` of bytes and a duration a `float` of seconds; text lives here only.
"""

from __future__ import annotations

import re

from memops.errors import UsageError

_SIZE = {
    "": 1, "b": 1,
    "k": 1 << 10, "kb": 1000, "kib": 1 << 10,
    "m": 1 << 20, "mb": 1000**2, "mib": 1 << 20,
    "g": 1 << 30, "gb": 1000**3, "gib": 1 << 30,
    "t": 1 << 40, "tb": 1000**4, "tib": 1 << 40,
}  # fmt: skip
_SECONDS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_TENTHS_BELOW = 100


def parse_size(text: str | int, where: str = "size") -> int:
    """Bytes in *text*: ``128KiB``, ``1.5G``, ``4096``; raises `UsageError` naming *where*."""
    found = _NUMBER.fullmatch(str(text))
    if not found or found[2].lower() not in _SIZE:
        raise UsageError(where, f"{text!r} is not a size", "write for example 128KiB or 1GiB")
    return round(float(found[1]) * _SIZE[found[2].lower()])


def parse_duration(text: str | float, where: str = "duration") -> float:
    """Seconds in *text*: ``90``, ``30m``, ``1h30m``; raises `UsageError` naming *where*."""
    rest, total = str(text).strip(), 0.0
    while found := _NUMBER.match(rest):
        if found[2].lower() not in _SECONDS:
            break
        total += float(found[1]) * _SECONDS[found[2].lower()]
        rest = rest[found.end() :]
        if not rest:
            return total
    raise UsageError(where, f"{text!r} is not a duration", "write for example 30s, 15m or 2h")


def format_size(size: float, wanted: str = "auto") -> str:
    """*size* bytes for people, in binary units: ``711.4 MiB``, ``-3.0 KiB``, ``512 B``.

    With *wanted* (``B``, ``KiB``, ``MiB``, ``GiB``) in that unit; GiB then have three decimals.
    """
    value, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if unit in {wanted, "TiB"} or (wanted == "auto" and abs(value) < 1024):  # noqa: PLR2004
            break
        value /= 1024
    decimals = 0 if unit == "B" else 3 if unit == wanted == "GiB" else 1
    return f"{value:.{decimals}f} {unit}"


def format_duration(seconds: float) -> str:
    """*seconds* for people: ``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 05 min``."""
    if seconds < _TENTHS_BELOW / 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004
        return f"{whole} s"
    if whole < 3600:  # noqa: PLR2004
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
