"""The cases of inventories: files, sources and patterns, laid out in a directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"


def lay_out(case: dict[str, Any], directory: Path) -> list[str]:
    """Write the files of *case* into *directory*; the sources as they are given to ``-i``."""
    for name, text in case["files"].items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if name in case.get("executable", ()) else 0o644)
    return [source if "," in source else str(directory / source) for source in case["sources"]]
