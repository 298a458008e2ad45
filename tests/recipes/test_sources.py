"""Sources are tried in order, and what comes is believed only if its checksum is right."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from memops.errors import UsageError
from memops.recipes import Kitchen, kitchen
from memops.recipes.source import obtain, repack
from memops.tasks.jemalloc import PINS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TARBALL = b"the release"
PIN = hashlib.sha256(TARBALL).hexdigest()
NOWHERE = "http://127.0.0.1:9/jemalloc.tar.bz2"


class _Mirror(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        bodies = {"/good/jemalloc-5.3.0.tar.bz2": TARBALL, "/evil.tar.bz2": b"other bytes"}
        body = bodies.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body or b"") + (self.path == "/short")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def mirror() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Mirror) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def get(kitchen: Kitchen) -> tuple[bytes, list[str]]:
    notes: list[str] = []
    return obtain("5.3.0", PIN, kitchen, notes.append).read_bytes(), notes


def test_a_local_file_comes_first(tmp_path: Path, mirror: str) -> None:
    (tmp_path / "file").write_bytes(TARBALL)
    evil = f"{mirror}/evil.tar.bz2"
    found, notes = get(Kitchen(tmp_path, source=tmp_path / "file", mirror=evil))
    assert (found, notes) == (TARBALL, [])


def test_a_mirror_is_a_directory_or_a_file(tmp_path: Path, mirror: str) -> None:
    assert get(Kitchen(tmp_path / "a", mirror=f"{mirror}/good/"))[0] == TARBALL
    whole = f"{mirror}/good/jemalloc-5.3.0.tar.bz2"
    assert get(Kitchen(tmp_path / "b", mirror=whole))[0] == TARBALL


def test_the_cache_serves_when_the_mirror_is_down(tmp_path: Path, mirror: str) -> None:
    get(Kitchen(tmp_path, mirror=f"{mirror}/good/"))
    found, notes = get(Kitchen(tmp_path, mirror=f"{mirror}/gone", upstream="", distribution=False))
    assert found == TARBALL
    assert notes == [f"{mirror}/gone: Not Found"]


def test_upstream_is_asked_after_what_the_operator_named(tmp_path: Path, mirror: str) -> None:
    upstream = f"{mirror}/good/{{file}}"
    found, notes = get(Kitchen(tmp_path, mirror=NOWHERE, upstream=upstream))
    assert found == TARBALL
    assert notes == [f"{NOWHERE}: [Errno 111] Connection refused"]


def test_a_spoilt_cache_is_not_believed(tmp_path: Path, mirror: str) -> None:
    good = Kitchen(tmp_path, mirror=f"{mirror}/good/")
    path = obtain("5.3.0", PIN, good, lambda _: None)
    path.write_bytes(b"spoilt")
    upstream = Kitchen(tmp_path, upstream=f"{mirror}/good/{{file}}")
    found, notes = get(upstream)
    assert found == TARBALL
    assert "wrong checksum" in notes[0]


def test_a_mirror_with_other_bytes_is_an_error_not_a_detour(tmp_path: Path, mirror: str) -> None:
    with pytest.raises(UsageError) as refused:
        get(Kitchen(tmp_path, mirror=f"{mirror}/evil.tar.bz2", upstream=f"{mirror}/good/{{file}}"))
    other = hashlib.sha256(b"other bytes").hexdigest()
    assert str(refused.value) == (
        f"{mirror}/evil.tar.bz2: wrong checksum: sha256 {other}, wanted {PIN};"
        " get the release again, or say --jemalloc-sha256 if you trust it"
    )
    assert not list((tmp_path / "sources").glob("*.tar"))


def test_a_file_with_other_bytes_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(UsageError, match="wrong checksum"):
        get(Kitchen(tmp_path, source=tmp_path / "file"))


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory; name the tarball"):
        get(Kitchen(tmp_path, source=tmp_path / "file"))


def test_no_source_at_all_says_what_was_tried(tmp_path: Path, mirror: str) -> None:
    nothing = Kitchen(tmp_path, mirror=f"{mirror}/short", upstream=NOWHERE, distribution=False)
    with pytest.raises(UsageError) as refused:
        get(nothing)
    assert str(refused.value) == (
        f"jemalloc 5.3.0: no source has it ({mirror}/short: Not Found;"
        " 127.0.0.1:9: [Errno 111] Connection refused); say --jemalloc-source FILE or URL"
    )


def test_the_last_resort_is_apt_on_the_host(tmp_path: Path) -> None:
    nothing = Kitchen(tmp_path, upstream="", distribution=True)
    unknown = hashlib.sha256(TARBALL).hexdigest()
    kept = obtain("0.0.1", unknown, nothing, lambda _: None, lambda _: TARBALL)
    assert kept.read_bytes() == TARBALL


def test_the_distributions_source_is_upstreams(tmp_path: Path) -> None:
    before = sorted(path.name for path in (tmp_path).parent.iterdir())
    only_apt = Kitchen(tmp_path, upstream="", distribution=True)
    kept = obtain("5.3.0", PINS["5.3.0"], only_apt, lambda _: None)
    assert kept.stat().st_size > 500_000
    assert sorted(path.name for path in (tmp_path).parent.iterdir()) == before


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, gzip.compress, bytes])
def test_every_packing_becomes_gzip(tmp_path: Path, pack: type[bytes]) -> None:
    (tmp_path / "tarball").write_bytes(pack(TARBALL))
    assert gzip.decompress(repack(tmp_path / "tarball")) == TARBALL


def test_the_operators_word_is_a_file_or_an_address(tmp_path: Path) -> None:
    assert kitchen("a.tar", cache=tmp_path).source is not None
    assert kitchen("https://mirror/", cache=tmp_path).mirror == "https://mirror/"
    assert kitchen(cache=tmp_path).source is None
    with pytest.raises(UsageError, match="only http and https"):
        kitchen("ftp://mirror/", cache=tmp_path)
