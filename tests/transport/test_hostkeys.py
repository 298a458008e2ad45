"""What files of known hosts say, in all the ways sshd(8) allows."""

from __future__ import annotations

import base64
import hashlib
import hmac
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from memops.errors import Unreachable
from memops.transport import hostkeys

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER = b"\0\0\0\x0bssh-ed25519key one", b"\0\0\0\x0bssh-ed25519key two"
ED = "ssh-ed25519"


def text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def hashed(name: str) -> str:
    salt = b"01234567890123456789"
    made = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{text(salt)}|{text(made)}"


K, O = text(KEY), text(OTHER)  # noqa: E741
# a file, what is dialled, and what comes of it
CASES = (
    (f"web1 {ED} {K}", "web1", 22, "known"),
    (f"WEB1,10.0.0.1 {ED} {K} a comment", "Web1", 22, "known"),
    (f"web1 {ED} {O}\nweb1 {ED} {K}", "web1", 22, "known"),
    (f"web1 {ED} {O}", "web1", 22, "CHANGED"),
    (f"web1 ssh-rsa {O}", "web1", 22, "CHANGED"),
    (f"web2 {ED} {K}", "web1", 22, "unknown"),
    ("", "web1", 22, "unknown"),
    (f"[web1]:2222 {ED} {K}", "web1", 2222, "known"),
    (f"web1 {ED} {K}", "web1", 2222, "unknown"),
    (f"[web1]:2222 {ED} {K}", "web1", 22, "unknown"),
    (f"*.example.com,!bad.example.com {ED} {K}", "a.example.com", 22, "known"),
    (f"*.example.com,!bad.example.com {ED} {K}", "bad.example.com", 22, "unknown"),
    (f"web? {ED} {K}", "web1", 22, "known"),
    (f"web? {ED} {K}", "web12", 22, "unknown"),
    (f"{hashed('web1')} {ED} {K}", "web1", 22, "known"),
    (f"{hashed('[web1]:22022')} {ED} {K}", "web1", 22022, "known"),
    (f"{hashed('web2')} {ED} {K}", "web1", 22, "unknown"),
    (f"@revoked * {ED} {K}\nweb1 {ED} {K}", "web1", 22, "revoked"),
    (f"@revoked * {ED} {O}\nweb1 {ED} {K}", "web1", 22, "known"),
    (f"@cert-authority * {ED} {O}\nweb1 {ED} {K}", "web1", 22, "known"),
    (f"@cert-authority * {ED} {K}", "web1", 22, "unknown"),
    (f"broken\n|1|x|y {ED} {K}\nweb1 {ED} !!!\n\0\n# web1\n  web1\t{ED}\t{K}\r", "web1", 22, "known"),
    (f"|1|{'=' * 7} {ED} {K}\nweb1 {ED} {K}", "web1", 22, "known"),
)  # fmt: skip


@pytest.mark.parametrize(("lines", "host", "port", "outcome"), CASES, ids=range(len(CASES)))
def test_verdicts(lines: str, host: str, port: int, outcome: str, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(lines)
    judge = hostkeys.Judge((tmp_path / "none", file))
    if outcome == "known":
        judge.check("h1", host, port, ED, KEY)
        return
    with pytest.raises(Unreachable, match=outcome) as refused:
        judge.check("h1", host, port, ED, KEY)
    assert hostkeys.fingerprint(KEY) in str(refused.value)
    if outcome == "CHANGED":
        assert hostkeys.fingerprint(OTHER) in str(refused.value)
        assert f"{file}:1" in str(refused.value)
        assert "ssh-keygen -R" in str(refused.value)


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True
    )
    said = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / "k.pub"], capture_output=True, check=True
    ).stdout
    key = base64.b64decode((tmp_path / "k.pub").read_text().split()[1])
    assert hostkeys.fingerprint(key).encode() in said


def test_new_keys_are_kept_whole_by_many_at_once(tmp_path: Path) -> None:
    file = tmp_path / "new" / "known_hosts"
    judge = hostkeys.Judge((file,), accept_new=True)
    args = [("h", f"web{n}", 22 + n % 2, ED, KEY + bytes([n])) for n in range(40)]
    threads = [threading.Thread(target=judge.check, args=each) for each in args]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.stat().st_mode & 0o777 == 0o600
    strict = hostkeys.Judge((file,))
    for each in args:
        strict.check(*each)
    with pytest.raises(Unreachable, match="CHANGED"):
        judge.check("h", "web2", 22, ED, OTHER)


def test_a_last_line_without_an_end_stays_a_line(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"web1 {ED} {K}")
    hostkeys.Judge((file,), accept_new=True).check("h", "web2", 22, ED, OTHER)
    assert file.read_text() == f"web1 {ED} {K}\nweb2 {ED} {O}\n"
