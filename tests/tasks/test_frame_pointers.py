"""When a JVM is told to keep frame pointers."""

from __future__ import annotations

import pytest

from memops.facts.process import Process
from memops.tasks.launcher import _java_options

KEEP = "-XX:+PreserveFramePointer"
JVM = ("7f00-7f01 r-xp 0 00:00 1 /usr/lib/jvm/lib/server/libjvm.so",)


@pytest.mark.parametrize(
    ("cmdline", "had", "maps", "added"),
    [
        (("java", "-jar", "x.jar"), "", JVM, KEEP),
        (("java", "-jar", "x.jar"), "-Xmx1g", JVM, KEEP),
        (("java", KEEP, "-jar", "x.jar"), "", JVM, ""),
        (("java", "-jar", "x.jar"), f"-Xmx1g {KEEP}", JVM, ""),
        (("redis-server",), "", (), ""),
    ],
)
def test_a_jvm_is_told_once(
    cmdline: tuple[str, ...], had: str, maps: tuple[str, ...], added: str
) -> None:
    main = Process(7, 1, 0, cmdline=cmdline, maps=maps, caught_signals=4)

    assert _java_options(main, (("JAVA_TOOL_OPTIONS", had),) if had else ()) == added
