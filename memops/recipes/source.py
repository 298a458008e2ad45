"""The source of jemalloc, from wherever it can be had, and never unverified."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import subprocess
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlsplit

from memops.errors import UsageError
from memops.model.action import Run
from memops.recipes.lock import alone
from memops.recipes.scripts import APT_SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from memops.recipes.kitchen import Kitchen

_LARGEST = 64 << 20  # bytes; jemalloc's tarballs are under 1 MB
_PATIENCE = 10.0  # seconds without a byte before the next source is tried
_UNPACK = {b"BZh": bz2.decompress, b"\xfd7z": lzma.decompress, b"\x1f\x8b\x08": gzip.decompress}


class _NotThere(Exception):
    """A source does not have it; the message says why, and the next one is tried."""


def obtain(
    version: str,
    sha256: str,
    kitchen: Kitchen,
    note: Callable[[str], None],
    host_apt: Callable[[Run], bytes] | None = None,
) -> Path:
    """The verified tarball of *version* in the cache; *note* hears which sources do not have it.

    *host_apt* runs a look on a host and gives its output: apt there is the last resort. Raises
    `UsageError` where no source has it, or what the operator named has another sha256.
    """
    kept = kitchen.cache / "sources" / f"jemalloc-{version}-{sha256[:12]}.tar"
    with alone(kept.with_suffix(".lock")):
        _obtain(version, sha256, kitchen, note, kept, host_apt)
    return kept


def repack(tarball: Path) -> bytes:
    """The tarball gzipped: what every host can unpack, with bzip2 and xz or without."""
    packed = tarball.read_bytes()
    unpack = _UNPACK.get(packed[:3])
    return gzip.compress(unpack(packed) if unpack else packed, 6, mtime=0)


def _obtain(
    version: str,
    sha256: str,
    kitchen: Kitchen,
    note: Callable[[str], None],
    kept: Path,
    host_apt: Callable[[Run], bytes] | None,
) -> None:
    file = f"jemalloc-{version}.tar.bz2"
    missing = []
    for name, named, get in _sources(version, file, kitchen, kept, host_apt):
        try:
            found = get()
            _verify(found, sha256, name)
        except _NotThere as error:
            missing.append(f"{name}: {error}")
            note(missing[-1])
        except UsageError as error:
            if named:
                raise
            missing.append(str(error))
            note(missing[-1])
        else:
            _keep(found, kept)
            return
    raise UsageError(
        f"jemalloc {version}",
        f"no source has it ({'; '.join(missing)})",
        "say --jemalloc-source FILE or URL",
    )


def _sources(
    version: str,
    file: str,
    kitchen: Kitchen,
    kept: Path,
    host_apt: Callable[[Run], bytes] | None,
) -> list[tuple[str, bool, Callable[[], bytes]]]:
    """What to try, in order: (name, whether the operator named it, how to get its bytes)."""
    mirror = kitchen.mirror + file if kitchen.mirror.endswith("/") else kitchen.mirror
    upstream = kitchen.upstream.format(version=version, file=file)
    look = Run(("sh", "-c", APT_SOURCE, "memops-source", version), timeout=120)
    sources: list[tuple[str, bool, Callable[[], bytes]]] = []
    if source := kitchen.source:
        sources.append((str(source), True, lambda: _named_file(source)))
    if mirror:
        sources.append((mirror, True, lambda: _download(mirror)))
    if kept.exists():
        sources.append((str(kept), False, kept.read_bytes))
    if upstream:
        sources.append((urlsplit(upstream).netloc, False, lambda: _download(upstream)))
    if kitchen.distribution:
        sources.append(("apt here", False, lambda: _from_apt(look, _run_here)))
    if kitchen.distribution and host_apt:
        sources.append(("apt on the host", False, lambda: _from_apt(look, host_apt)))
    return sources


def _named_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            str(path), error.strerror or "cannot be read", "name the tarball, or leave it out"
        ) from error


def _download(url: str) -> bytes:
    from urllib.request import urlopen  # noqa: PLC0415  # 20 ms that a cached build does without

    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(url, "only http and https are understood", "give such a URL")
    try:
        with urlopen(url, timeout=_PATIENCE) as answer:  # noqa: S310  # checked above; pinned below
            return bytes(answer.read(_LARGEST))
    except URLError as error:
        raise _NotThere(str(error.reason)) from error
    except (OSError, HTTPException) as error:
        raise _NotThere(str(error)) from error


def _from_apt(look: Run, run: Callable[[Run], bytes]) -> bytes:
    said = run(look)
    if said.startswith(b"memops-failed "):
        raise _NotThere(said.decode("utf-8", "replace").partition(" ")[2].strip())
    return said


def _run_here(look: Run) -> bytes:
    try:
        done = subprocess.run(look.argv, capture_output=True, check=False, timeout=look.timeout)
    except subprocess.TimeoutExpired as error:
        raise _NotThere("apt took too long") from error
    return done.stdout


def _verify(found: bytes, sha256: str, name: str) -> None:
    digest = hashlib.sha256(found).hexdigest()
    if digest != sha256:
        raise UsageError(
            name,
            f"wrong checksum: sha256 {digest}, wanted {sha256}",
            "get the release again, or say --jemalloc-sha256 if you trust it",
        )


def _keep(found: bytes, kept: Path) -> None:
    beside = kept.with_suffix(".part")
    beside.write_bytes(found)
    beside.replace(kept)
