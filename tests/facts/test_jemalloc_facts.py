"""What a library says of itself under stats_print, and what it has against its options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.facts import jemalloc as facts
from memops.facts.jemalloc import Jemalloc, Manifest
from memops.model.action import Output
from tests.facts.shellcheck import complaints

SAID = """\
path /opt/lib.so
___ Begin jemalloc statistics ___
Version: "5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c"
Build-time option settings
  config.cache_oblivious: true
  config.malloc_conf: ""
  config.prof: true
  config.prof_libgcc: true
  config.prof_libunwind: false
  config.stats: true
"""
WITHOUT = SAID.replace("prof: true", "prof: false").replace("libgcc: true", "libgcc: false")
PRELOAD = "ERROR: ld.so: object '/opt/lib.so' from LD_PRELOAD cannot be preloaded"
GLIBC = "/bin/true: /lib64/libc.so.6: version `GLIBC_2.34' not found (required by /opt/lib.so)"

CASES = {
    "libgcc": (SAID, Jemalloc("/opt/lib.so", "5.3.0", prof=True, unwinder="libgcc"), ""),
    "libunwind": (
        SAID.replace("libunwind: false", "libunwind: true"),
        Jemalloc("/opt/lib.so", "5.3.0", prof=True, unwinder="libunwind"),
        "",
    ),
    "the unwinder that crashes": (
        SAID.replace("libgcc: true", "libgcc: false"),
        Jemalloc("/opt/lib.so", "5.3.0", prof=True, unwinder="gcc"),
        "its unwinder is gcc, which does not survive",
    ),
    "no profiling": (
        WITHOUT,
        Jemalloc("/opt/lib.so", "5.3.0"),
        "it was built without profiling (config.prof: false)",
    ),
    "cannot be preloaded": (
        f"path /opt/lib.so\n{PRELOAD} (file too short): ignored.\n",
        Jemalloc("/opt/lib.so", complaint=f"{PRELOAD} (file too short): ignored."),
        f"{PRELOAD} (file too short): ignored.",
    ),
    "newer glibc": (
        f"path /opt/lib.so\n{GLIBC}\n",
        Jemalloc("/opt/lib.so", complaint=GLIBC),
        GLIBC,
    ),
    "silence, as of a static /bin/true": (
        "path /opt/lib.so\n",
        Jemalloc("/opt/lib.so"),
        "it cannot be loaded",
    ),
}


@pytest.mark.parametrize(("said", "expected", "refusal"), CASES.values(), ids=CASES.keys())
def test_a_library_is_understood(said: str, expected: Jemalloc, refusal: str) -> None:
    found = facts.parse(Output(0, said.encode()))
    assert found == expected
    assert expected.refusal == refusal


def test_no_library_is_none() -> None:
    assert facts.parse(Output(0)) is None


MANIFESTS = {
    b'{"version": "5.3.0", "variant": "libgcc", "source_sha256": "a", "sha256": "b"}': Manifest(
        "5.3.0", "libgcc", "a", "b"
    ),
    b'{"version": "5.3.0"}': None,
    b'{"version": 5, "variant": "libgcc", "source_sha256": "a", "sha256": "b"}': None,
    b"[]": None,
    b"\xff": None,
    None: None,
}


@pytest.mark.parametrize(("text", "expected"), MANIFESTS.items())
def test_a_manifest_is_read_or_refused(text: bytes | None, expected: Manifest | None) -> None:
    assert facts.parse_manifest(text) == expected


@given(st.binary(max_size=200))
def test_no_bytes_of_a_host_are_an_error(text: bytes) -> None:
    facts.parse(Output(0, text))
    facts.parse_manifest(text)


def test_paths_lie_below_the_prefix() -> None:
    assert facts.path_of("5.3.0") == "/opt/memops/jemalloc-5.3.0-libgcc/lib/libjemalloc.so.2"
    assert facts.manifest_path("5.3.0", prefix="/srv") == "/srv/jemalloc-5.3.0-libgcc/build.json"
    assert facts.path_of("distro") == "/opt/memops/jemalloc-distro/lib/libjemalloc.so.2"


@pytest.mark.parametrize("script", [facts.SCRIPT, facts.ACCEPTS, facts.VERIFY, facts.LIBUNWIND])
def test_the_scripts_are_clean(script: str) -> None:
    assert complaints(script) == ""
