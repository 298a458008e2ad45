"""Who runs memops, from where, and the name of a run."""

from __future__ import annotations

import getpass
import re
import secrets
import time

from memops.engine.journal import Header, controller

_UNSAFE = re.compile(r"[^A-Za-z0-9._@-]")


def new_run(now: float | None = None) -> str:
    """A name for a run: when it began (UTC), and four digits against a coincidence."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{stamp}-{secrets.token_hex(2)}"


def header(run: str, playbook: str, host: str) -> Header:
    """The journal's first page for *run* on *host*, signed by the operator."""
    try:
        operator = getpass.getuser()
    except (OSError, KeyError):  # a uid without a name
        operator = "somebody"
    return Header(
        run, time.time(), _UNSAFE.sub("_", operator), controller(),
        playbook, host,
    )  # fmt: skip
