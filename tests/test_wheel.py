"""What is installed from a wheel is whole: the command, the playbooks, the templates, the page."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_an_installed_wheel_finds_its_playbooks_templates_and_page(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
             "--disable-pip-version-check", "--wheel-dir", str(tmp_path), str(ROOT)]  # fmt: skip
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    argv = [sys.executable, "-m", "memops", "play", "enable-profiling.yml", "--check",
            "-i", "localhost,", "-e", "ansible_connection=local", "-e", "hosts=all"]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(site), "XDG_DATA_HOME": str(tmp_path)}

    done = subprocess.run(
        [*argv, "--script", "/no/appctl", "--pid-file", "/no/pid"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    page = [sys.executable, "-m", "memops", "analyze", str(ROOT / "tests" / "corpus" / "leak"),
            "--html", str(tmp_path / "page.html")]  # fmt: skip
    subprocess.run(page, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, check=True)
    shipped = {path.name for path in (site / "memops" / "_data" / "templates").iterdir()}

    assert "Enable heap profiling" in done.stdout
    assert "appctl: does not run, or is not found" in done.stdout
    assert "uPlot" in (tmp_path / "page.html").read_text()
    assert (site / "memops" / "report" / "html" / "vendor" / "LICENSE").is_file()
    assert shipped == {path.name for path in (ROOT / "templates").iterdir()}
