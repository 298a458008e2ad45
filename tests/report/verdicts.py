"""A verdict made by hand, for reports to render: every field filled, some of them by a stranger."""

from __future__ import annotations

from memops.profile.verdict.values import Finding, Region, Share, Verdict, Waterfall

MIB = 1 << 20

VERDICT = Verdict(
    findings=(
        Finding(
            "native leak",
            "zlib leaks: 211.9 MiB ± 5.5 grew in 7 minutes and nothing was freed",
            ("the trend is +1.8 GiB an hour", "evidence of </script><b>strangers</b>"),
            "certain",
            "memops analyze jvm --perf-map perf.map",
            222 * MIB,
        ),
        Finding("glibc retention", "glibc keeps little", (), "likely", "jcmd 1 VM.info", MIB),
        Finding("not enough to say", "no NMT was given", (), "possible", ""),
    ),
    waterfall=Waterfall(
        300 * MIB,
        (
            Share("native heap, live", 222 * MIB, "heap profile"),
            Share("Java heap", 60 * MIB, "smaps"),
            Share("not explained", 18 * MIB, ""),
        ),
    ),
    regions=(
        Region(0x7F0000000000, 0x7F0000000000 + 222 * MIB, "jemalloc", "", 220 * MIB),
        Region(0xC0000000, 0xC0000000 + 256 * MIB, "Java heap", "", 60 * MIB),
        Region(0x7F1000000000, 0x7F1000000000 + MIB, "file", "/opt/<img src=x>/libz.so", MIB),
        Region(0x7F2000000000, 0x7F2000000000 + MIB, "file", "/opt/lib.so", 0),
        Region(0xFFFFFFFFFF600000, 0xFFFFFFFFFF601000, "kernel", "[vsyscall]", None),
    ),
)
