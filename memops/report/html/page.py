"""The page: what it looks like, how it behaves, and the studies that it shows, all in one file.

Scripts and style sheets are allowed by their hashes alone and everything else is forbidden
(https://www.w3.org/TR/CSP3/), so that nothing a host said can run, load or send anything.
"""

from __future__ import annotations

import base64
import hashlib
import html as markup
import json
from importlib.resources import files
from typing import TYPE_CHECKING

from memops.report.html.data import as_data
from memops.report.safe import printable
from memops.report.text import sentences, title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memops.profile.study import Study
    from memops.report.view import View

STYLES = ("vendor/uPlot.min.css", "report.css")
SCRIPTS = (
    "vendor/uPlot.iife.min.js",
    *(f"js/{name}.js" for name in (
        "format", "tree", "unpack", "layout", "search", "colour", "treemap", "dom", "theme", "tables",
        "flame", "flame-panel", "growth", "space", "sections", "main",
    )),
)  # fmt: skip
"""The parts of the page in their order; each may use those before it."""
_MARKUP = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def html(studies: Sequence[Study], view: View) -> bytes:
    """*studies* as one page; the reader picks one of them where there are more.

    The files that were read are read again, for their checksums.
    """
    style = "".join(map(asset, STYLES))
    script = f"(() => {{\n'use strict';\n{''.join(map(asset, SCRIPTS))}}})();\n"
    data = json.dumps(as_data(studies, view), ensure_ascii=False, separators=(",", ":"))
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy(style, script)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{_text(' | '.join(map(title, studies)))}</title>",
        f"<style>{style}</style>\n</head>\n<body>",
        f"<noscript>{''.join(map(_plain, studies))}</noscript>",
        f'<script type="application/json" id="data">{data.translate(_MARKUP)}</script>',
        f"<script>{script}</script>\n</body>\n</html>\n",
    ]
    return "\n".join(parts).encode()


def asset(name: str) -> str:
    """The text of a file beside this one."""
    return files("memops.report.html").joinpath(name).read_text(encoding="utf-8")


def policy(style: str, script: str) -> str:
    """What the page may do: run this *script*, use this *style*, and nothing else."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _plain(study: Study) -> str:
    """The gist of *study* for a browser without scripts."""
    lines = "".join(f"<p>{_text(each)}</p>" for each in sentences(study))
    return f"<h1>{_text(title(study))}</h1>{lines}<p>The rest needs JavaScript.</p>"


def _text(text: str) -> str:
    return markup.escape(printable(text))
