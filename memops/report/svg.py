"""A flame graph of a study as one SVG file, which needs no script and no network to be read."""

from __future__ import annotations

from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from memops.report.flame import layout
from memops.report.safe import printable
from memops.report.text import sentences, title

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memops.profile.study import Study
    from memops.report.flame import Box
    from memops.report.view import View

WIDTH = 1200
_SPACE = "http://www.w3.org/2000/svg"
_MARGIN = 10
_ROW = 17
_LINE = 18
_COLUMN = 7.3
"""The width of a character of 12 pixels: 0.6 of its height in the common fonts of one width."""
_TEXT_FROM = 3
_STYLE = (
    "text{font:12px 'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#111}"
    ".h{font-weight:bold}.s{fill:#555}rect{stroke:#fff;stroke-width:.5}g:hover rect{stroke:#111}"
)


def svg(study: Study, _view: View) -> bytes:
    """The stacks of *study* as boxes, the callers below, as wide as their bytes.

    Of a growth the width is all that changed: red grew, blue shrank, the stronger the more of the
    whole. Of a single dump the colour is that of the library. The tooltip of a box has its name,
    its bytes with one sigma of error, and its share.
    """
    boxes, left_out = layout(study.analysis, WIDTH - 2 * _MARGIN)
    rows = 1 + max((box.row for box in boxes), default=-1)
    head = _head(study, left_out)
    top = _MARGIN + _LINE * len(head) + _MARGIN
    height = top + _ROW * rows + _MARGIN
    parts = [
        f'<svg xmlns="{_SPACE}" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f"<title>{_text(title(study))}</title><style>{_STYLE}</style>",
        f'<path fill="#fff" d="M0 0h{WIDTH}v{height}H0z"/>',
        *_lines(head),
        *(_box(box, top + _ROW * (rows - 1 - box.row)) for box in boxes),
        "</svg>\n",
    ]
    return "\n".join(parts).encode()


def _head(study: Study, left_out: int) -> list[tuple[str, str]]:
    """The lines above the graph, each with its class."""
    what = "width: bytes live; colour: the library, grey has no name"
    if study.analysis.is_growth:
        what = "width: bytes that changed from the first dump to the last; red grew, blue shrank"
    if left_out:
        what += f"; left out: {left_out} functions too small to draw, and what they call"
    return [
        ("h", title(study)),
        *(("", each) for each in sentences(study)),
        ("s", what),
    ]


def _lines(head: Sequence[tuple[str, str]]) -> Iterator[str]:
    for at, (style, line) in enumerate(head, 1):
        shown = _text(fit(line, int((WIDTH - 2 * _MARGIN) / _COLUMN)))
        yield f'<text class="{style}" x="{_MARGIN}" y="{_MARGIN + _LINE * at - 5}">{shown}</text>'


def _box(box: Box, y: int) -> str:
    x = _MARGIN + box.x
    name = fit(box.name, int((box.width - 4) / _COLUMN))
    label = f'<text x="{x + 2:.1f}" y="{y + 12}">{_text(name)}</text>' if name else ""
    return (
        f'<g><title>{_text(box.tip)}</title><rect x="{x:.1f}" y="{y}" width="{box.width:.1f}" '
        f'height="{_ROW - 1}" fill="{box.colour}"/>{label}</g>'
    )


def _text(text: str) -> str:
    """*text* as SVG may hold it: no markup, and none of the characters that XML forbids."""
    return escape(printable(text), quote=False)


def fit(text: str, columns: int) -> str:
    """*text* cut to *columns* with an ellipsis; nothing where hardly anything would be left.

    Chinese, Japanese and Korean characters take two columns.
    """
    if columns < _TEXT_FROM:
        return ""
    ends = accumulate(1 + (east_asian_width(char) in "WF") for char in text[: columns + 1])
    kept = sum(end <= columns for end in ends)
    return text if kept == len(text) else text[: kept - 1] + "…"
