import os
from collections.abc import Callable
from pathlib import Path

import pytest

CRONTAB = """#!/bin/sh
file=$FAKE/crontab
case $1 in
-l) [ -f "$file" ] || { echo "no crontab for me" >&2; exit 1; }; [ ! -e "$FAKE/broken" ] || { echo "cannot fork" >&2; exit 1; }; cat "$file" ;;
-r) rm "$file" ;;
-) cat >"$file.new"; mv "$file.new" "$file" ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
[ "$1" != --user ] || shift
echo "$@" >>"$FAKE/calls"
case "$*" in
daemon-reload) [ ! -e "$FAKE/broken" ] || { echo "Failed to reload: broken" >&2; exit 1; } ;;
"enable --now "*) [ -f "$FAKE/units/$3" ] || exit 1; touch "$FAKE/enabled.$3" ;;
"disable --now "*) rm -f "$FAKE/enabled.$3" ;;
is-*|-q*) for unit; do :; done; [ -e "$FAKE/enabled.$unit" ] || exit 3 ;;
esac
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("crontab", CRONTAB), ("systemctl", SYSTEMCTL)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("memops.engine.journal._parse_place", _place_in(tmp_path))
    return tmp_path


def _place_in(folder: Path) -> Callable[..., object]:
    from memops.engine import journal

    return lambda _: journal.Place(f"{folder}/state", os.getuid(), 0.0)


@pytest.fixture(params=["systemd", "cron"])
def kind(request: pytest.FixtureRequest, fake: Path) -> str:
    if request.param == "systemd":
        (fake / "booted").mkdir()
    return str(request.param)
