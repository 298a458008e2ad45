"""What grew by something coarser than a function: library, Java package, size of the objects.

Each stack is in one group, so that the groups add up to the whole.
"""

from __future__ import annotations

import re
from math import sqrt
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from memops.profile.growth.analysis import Amount
from memops.profile.growth.java import is_java, of_jdk
from memops.profile.growth.naming import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from memops.profile.growth.analysis import Analysis
    from memops.profile.growth.naming import Call, Codes

NO_STACK = "[no stack]"
JDK = "java.* (JDK)"
UNPACKED = "(default package)"
_Key = TypeVar("_Key")
_APPLICATION, _PLATFORM, _LIBRARY = range(3)
_PACKAGE = re.compile(r"[A-Za-z_$][\w$]*+(?:\.[A-Za-z_$][\w$]*+)*+")
_CLASS = re.compile(r"[A-Z][\w$]*+")
_QUANTUM, _TO_A_DOUBLING = 16, 4
_ROUNDED = 0.01


class Group(NamedTuple):
    """A group by its *name*: what is its own (*flat*), and all stacks that touch it (*cumulative*).

    *order* is its place among the groups by name: numbers come by their value.
    """

    name: str
    order: tuple[int, str]
    flat: Amount
    cumulative: Amount


def by_library(analysis: Analysis) -> tuple[Group, ...]:
    """By the library or program that allocated; cumulative is what goes through it."""
    return _by_call(analysis, lambda call: (_LIBRARY, call.module or NO_STACK))


def by_package(analysis: Analysis) -> tuple[Group, ...]:
    """By Java package: a stack is the innermost package's of its Java methods that is not the JDK's.

    Without one it is the JDK's, and without Java methods the library's that allocated.
    """
    return _by_call(analysis, _package_or_library)


def by_size(analysis: Analysis) -> tuple[Group, ...]:
    """By the size class (bytes) of jemalloc that the mean object of a stack is in.

    The mean is that of the last dump, and for a stack that is gone, that of the first.
    """
    rows = ((_size_class_of(codes, row, analysis), row) for codes, row in analysis.rows.items())
    return tuple(group(str(size), row, row, size) for size, row in add_up(rows).items())


def size_class(size: float) -> int:
    """The bytes that jemalloc gives for a request of *size* bytes.

    There are four classes to a doubling, and multiples of 16 up to 128 (jemalloc's manual,
    IMPLEMENTATION NOTES, for a quantum of 16 bytes as on x86-64 and AArch64).
    """
    if size <= _QUANTUM // 2:
        return _QUANTUM // 2
    step = _QUANTUM
    while size > 2 * _TO_A_DOUBLING * step:
        step *= 2
    return int(-(-size // step)) * step


def package(function: str) -> str:
    """The package of a Java method: ``com.acme.loader`` of ``com.acme.loader.Cache.put``.

    Names as the JVM writes them (``void com.acme.Cache.put(int)``) and as perf-map-agent does
    (``Lcom/acme/Cache;::put``); `UNPACKED` for a class without one, and empty for other code.
    """
    head = function.partition("(")[0].rpartition(" ")[2]
    if "$$Lambda" in head:
        owner = head.partition("$$Lambda")[0]
    elif "::" in head:
        owner = head.partition("::")[0].removeprefix("L").rstrip(";").replace("/", ".")
    else:
        owner = head.rpartition(".")[0]
    if _CLASS.fullmatch(owner):
        return UNPACKED
    name = owner.rpartition(".")[0]
    return name if _PACKAGE.fullmatch(name) else ""


def group(name: str, flat: Row, cumulative: Row, number: int = 0) -> Group:
    """The group of two sums; *number* is its place by name, if it is one."""
    return Group(name, (number, name), amount_of(flat), amount_of(cumulative))


def amount_of(row: Row) -> Amount:
    """*row* with its error."""
    return Amount(row[0], row[1], sqrt(max(row[2], 0)))


def add_up(rows: Iterable[tuple[_Key, Row]]) -> dict[_Key, Row]:
    """The sum of all rows with the same key."""
    sums: dict[_Key, Row] = {}
    for key, row in rows:
        have = sums.get(key)
        sums[key] = Row(have[0] + row[0], have[1] + row[1], have[2] + row[2]) if have else row
    return sums


def _by_call(analysis: Analysis, key_of: Callable[[Call], tuple[int, str]]) -> tuple[Group, ...]:
    """By the first of the keys of a stack (leaf first) with the lowest number."""
    keys = [key_of(call) for call in analysis.words]
    nothing = (_LIBRARY, NO_STACK)
    flat: list[tuple[str, Row]] = []
    touched: list[tuple[str, Row]] = []
    for codes, row in analysis.rows.items():
        found = dict.fromkeys(keys[code] for code in codes) or {nothing: None}
        flat.append((min(found, key=itemgetter(0))[1], row))
        touched += ((name, row) for name in {name for _, name in found})
    own = add_up(flat)
    return tuple(
        group(name, own.get(name, Row(0, 0, 0)), row) for name, row in add_up(touched).items()
    )


def _package_or_library(call: Call) -> tuple[int, str]:
    if not is_java(call):
        return _LIBRARY, call.module or NO_STACK
    name = package(call.function)
    if not name:
        return _LIBRARY, call.module
    return (_PLATFORM, JDK) if of_jdk(name) else (_APPLICATION, name)


def _size_class_of(codes: Codes, row: Row, analysis: Analysis) -> int:
    """What sampling rounds away (under a hundredth) does not make a class larger."""
    size, objects = analysis.after.get(codes, row)[:2]
    mean = size / objects if objects else abs(size)
    return size_class(mean * (1 - _ROUNDED))
