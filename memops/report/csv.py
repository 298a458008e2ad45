"""The stacks of a study as comma-separated values, for spreadsheets and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memops.report.safe import joined

if TYPE_CHECKING:
    from memops.profile.study import Study
    from memops.report.view import View

COLUMNS = ("stack", "bytes", "objects", "error")
_FORMULA = ("=", "+", "-", "@")


def as_csv(study: Study, _view: View) -> bytes:
    """Each stack of *study*, root first, with its bytes, objects and one sigma of the bytes.

    The largest is first; what shrank is negative and last. The form is that of RFC 4180, in UTF-8
    with line feeds. An apostrophe stands before a stack that a spreadsheet would run as a formula.
    """
    import csv  # noqa: PLC0415 - the other formats need it not
    import io  # noqa: PLC0415

    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    for stack in study.analysis.stacks:
        amount = stack.amount
        name = _inert(joined(stack.calls))
        rows.writerow([name, amount.bytes, amount.objects, f"{amount.error:.0f}"])
    return out.getvalue().encode()


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
