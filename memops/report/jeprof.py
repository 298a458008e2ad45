"""A study as ``jeprof --text`` would print it, for scripts that read that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memops.report.safe import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memops.profile.growth.analysis import FunctionRow
    from memops.profile.study import Study
    from memops.report.view import View

_MEGABYTE = 1 << 20  # jeprof's MB are MiB
_ARGUMENTS = re.compile(r"\([^()]*\)(\s*const)?")
_TEMPLATE = re.compile(r"<[^<>]*>")
_RESULT = re.compile(r"^.*\s(\w+::)")


def jeprof(study: Study, _view: View) -> str:
    """The total, then each function: flat, its share, the shares so far, with callees, its share.

    The columns, their order and their rounding are those of ``PrintText`` in jeprof 5.3.0. Functions
    without a name read as elsewhere in memops (``libz.so.1+0xaa20``), where jeprof has an address.
    """
    return "".join(_lines(study))


def _lines(study: Study) -> Iterator[str]:
    total, running = study.analysis.growth.bytes, 0
    yield f"Total: {_size(total)} MB\n"
    for row in sorted(study.analysis.functions, key=_order):
        flat, cumulative = row.flat.bytes, row.cumulative.bytes
        running += flat
        if flat or cumulative:
            yield (
                f"{_size(flat):>8} {_share(flat, total):>6} {_share(running, total):>6} "
                f"{_size(cumulative):>8} {_share(cumulative, total):>6} "
                f"{_short(printable(row.call.function))}\n"
            )


def _order(row: FunctionRow) -> tuple[int, str]:
    return -row.flat.bytes, row.call.function


def _size(size: int) -> str:
    return f"{size / _MEGABYTE:.1f}"


def _share(part: int, total: int) -> str:
    """A percentage, with jeprof's words for one of nothing."""
    if total:
        return f"{100 * part / total:.1f}%"
    return "nan" if not part else "+inf" if part > 0 else "-inf"


def _short(function: str) -> str:
    """*function* without arguments, templates and result (``ShortFunctionName`` in jeprof)."""
    for part in (_ARGUMENTS, _TEMPLATE):
        while (shorter := part.sub("", function)) != function:
            function = shorter
    return _RESULT.sub(r"\1", function)
