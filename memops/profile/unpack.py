"""Files as they lie there: plain, gzip or zstd, and never more than a limit of them."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from memops.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

SIZE_LIMIT = 256 << 20
"""Bytes of a file, unpacked, at most; a profile of 50,000 stacks has 32 MB."""
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def read_head(path: Path, size: int) -> bytes:
    """The first *size* bytes of the file at *path*, unpacked; raises `UsageError` as `read_file`."""
    return _checked(path, size)[:size]


def read_file(path: Path) -> bytes:
    """The bytes of the file at *path*, unpacked; raises `UsageError` if it cannot be read."""
    text = _checked(path, SIZE_LIMIT + 1)
    if len(text) > SIZE_LIMIT:
        raise UsageError(str(path), "longer than 256 MiB", "leave it out")
    return text


def _checked(path: Path, size: int) -> bytes:
    if not path.is_file():  # opening a pipe would wait for ever
        what = "not a file" if path.exists() else "no such file"
        raise UsageError(str(path), what, "give heap files or directories of them")
    try:
        return _read(path, size)
    except OSError as error:
        raise UsageError(str(path), error.strerror or str(error), "check the file") from None


def _read(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        magic = file.read(4)
        if magic.startswith(_GZIP):
            return _gunzip(path, size)
        if magic == _ZSTD:
            return _unzstd(path, size)
        file.seek(0)
        told = os.fstat(file.fileno()).st_size  # 0 of a file of the kernel, which has what it has
        return file.read(min(size, told + 1) if told else size)


def _gunzip(path: Path, size: int) -> bytes:
    import gzip  # noqa: PLC0415 - most files are not packed
    import zlib  # noqa: PLC0415

    try:
        with gzip.open(path) as file:
            return file.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UsageError(str(path), "damaged gzip data", "copy the file again") from None


def _unzstd(path: Path, size: int) -> bytes:
    """By the ``zstd`` program: Python has it in its library only from 3.14 on."""
    import subprocess  # noqa: PLC0415

    argv = ["zstd", "-dcq", "--", str(path)]
    try:
        program = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        what = "packed with zstd, which is not installed here"
        raise UsageError(str(path), what, "install zstd, or unpack it elsewhere") from None
    with program:
        text = program.stdout.read(size) if program.stdout else b""
        if len(text) == size:
            with suppress(ProcessLookupError):
                program.kill()
            return text
    if program.returncode:
        raise UsageError(str(path), "damaged zstd data", "copy the file again")
    return text
