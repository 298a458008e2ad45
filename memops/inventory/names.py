"""Host names as inventories write them: ports, IPv6 brackets and ranges."""

from __future__ import annotations

import ipaddress
import itertools
import re
import string

from memops.errors import UsageError

_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])+):(\d+)")
_RANGE = re.compile(r"\[([^\[\]:]*):([^\[\]:]*)(?::([^\[\]:]*))?\]")
_MOST = 1_000_000
"""More hosts than any inventory holds; a range beyond it is a slip of the finger."""


def expand(text: str, where: str) -> tuple[list[str], int | None]:
    """The hosts that *text* names, and its port: ``web[01:03]:2222`` is three hosts and 2222.

    Ranges are inclusive, of numbers (a leading zero asks for equal widths) or single letters, with
    an optional step; several multiply. Raises `UsageError` naming *where*.
    """
    name, port = _split_port(text, where)
    if "[" not in name:
        return [name], port
    pieces, rest, total = [], 0, 1
    for found in _RANGE.finditer(name):
        options = _options(found, where)
        total *= len(options)
        if total > _MOST:
            raise UsageError(where, f"{text!r} names over {_MOST} hosts", "check its range")
        pieces += [[name[rest : found.start()]], options]
        rest = found.end()
    if "[" in name[rest:] or not pieces:
        raise UsageError(where, f"{text!r} has a [ without a range", "write for example web[1:3]")
    return ["".join(parts) for parts in itertools.product(*pieces, [name[rest:]])], port


def _split_port(text: str, where: str) -> tuple[str, int | None]:
    if text.endswith(":"):
        raise UsageError(where, f"host {text!r} ends with a colon", "name a port, or remove it")
    if _is_ipv6(text):
        return text, None
    found = _PORT.fullmatch(text)
    name, port = (found[1], int(found[2])) if found else (text, None)
    if name.startswith("[") and name.endswith("]") and _is_ipv6(name[1:-1]):
        return name[1:-1], port
    if ":" in _RANGE.sub("", name):
        raise UsageError(
            where, f"{text!r} is not a host name", "write HOST, HOST:PORT or [IPV6]:PORT"
        )
    return name, port


def _is_ipv6(text: str) -> bool:
    try:
        return ":" in text and ipaddress.ip_address(text).version == 6  # noqa: PLR2004
    except ValueError:
        return False


def _options(found: re.Match[str], where: str) -> list[str]:
    first, last, step = found[1], found[2], found[3] or "1"
    problem = ""
    if not last:
        problem = "has no end"
    elif not (step.isascii() and step.isdigit() and int(step[:9]) > 0):
        problem = "has a step that is not a number above 0"
    if problem:
        raise UsageError(where, f"range {found[0]} {problem}", "write for example [1:5] or [1:9:2]")
    letters = string.ascii_letters
    if first in letters and last in letters and len(first) == len(last) == 1:
        options = list(letters[letters.index(first) : letters.index(last) + 1 : int(step)])
    else:
        options = _numbers(first or "0", last, int(step[:9]), found[0], where)
    if not options:
        raise UsageError(where, f"range {found[0]} is empty", "put the lower end first")
    return options


def _numbers(first: str, last: str, step: int, shown: str, where: str) -> list[str]:
    digits = first.isascii() and first.isdigit() and last.isascii() and last.isdigit()
    if not digits or max(len(first), len(last)) > 18:  # noqa: PLR2004
        raise UsageError(
            where, f"range {shown} is not of numbers or letters", "write [1:5] or [a:e]"
        )
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    if width and width != len(last):
        raise UsageError(where, f"range {shown} has ends of unequal width", "write [01:10]")
    numbers = range(int(first), int(last) + 1, step)
    if len(numbers) > _MOST:
        raise UsageError(where, f"range {shown} names over {_MOST} hosts", "check it")
    return [str(number).zfill(width) for number in numbers]
