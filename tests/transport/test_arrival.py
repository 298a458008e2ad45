"""A file on its way home, while the disk takes it."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from memops.transport.arrival import Arrival

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_synced_ahead_is_the_file(tmp_path: Path) -> None:
    pieces = [os.urandom(100_000) for _ in range(50)]
    arrival = Arrival("/there", tmp_path / "here")
    with ThreadPoolExecutor(2) as pool:
        for piece in pieces:
            arrival.write(piece, pool, blake2b=True)
            arrival.sync(pool, ahead=300_000)
        arrival.keep()
    content = b"".join(pieces)
    assert (tmp_path / "here").read_bytes() == content
    assert arrival.output().stdout == hashlib.sha256(content).hexdigest().encode()
    assert arrival.digests.blake2b == hashlib.blake2b(content).hexdigest()


def test_an_error_of_the_disk_is_told_though_more_was_written_since(tmp_path: Path) -> None:
    reader, writer = os.pipe()  # which no fdatasync(2) takes
    arrival = Arrival("/there", tmp_path / "here", descriptor=writer)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            arrival.write(b"x")
            arrival.sync(pool, ahead=1)
        with pytest.raises(OSError, match="Invalid argument"):
            arrival.keep()
    arrival.shut()
    os.close(reader)
    assert not list(tmp_path.iterdir())


def test_a_file_given_up_leaves_nothing(tmp_path: Path) -> None:
    arrival = Arrival("/there", tmp_path / "here")
    with ThreadPoolExecutor(2) as pool:
        arrival.write(b"x" * 100)
        arrival.sync(pool, ahead=1)
        arrival.discard()
    assert arrival.descriptor == -1
    assert not list(tmp_path.iterdir())
