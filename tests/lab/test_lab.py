from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.listing import difference

if TYPE_CHECKING:
    from tests.conftest import StartHost
    from tests.lab.api import Lab, LabHost

pytestmark = pytest.mark.lab


def ssh(
    lab: Lab, host: LabHost, *argv: str, user: str = "root"
) -> subprocess.CompletedProcess[str]:
    command = lab.ssh_argv(host, *argv, user=user)
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30
    )


def test_hosts_have_names_processes_and_files_of_their_own(
    lab: Lab, systemd_host: LabHost, script_host: LabHost
) -> None:
    for host in (systemd_host, script_host):
        assert ssh(lab, host, "hostname").stdout == f"{host.name}\n"
        assert ssh(lab, host, "ps", "-p", "1", "-o", "comm=").stdout == "systemd\n"
    systemd_host.write("/var/tmp/mark", "here")
    assert systemd_host.read("/var/tmp/mark") == b"here"
    assert "mark" not in script_host.sh("ls /var/tmp")
    systemd_host.sh("rm /var/tmp/mark")


def test_systemd_runs_without_a_failed_unit(systemd_host: LabHost) -> None:
    done = systemd_host.exec(["systemctl", "is-system-running", "--wait"], check=False)
    assert done.stdout == b"running\n"


@pytest.mark.parametrize(
    ("user", "command", "said"),
    [
        ("root", "id -u", "0"),
        ("deploy", "id -un; sudo -n id -u", "deploy\n0"),
        ("ops", "echo opspw | sudo -S -p '' id -u", "0"),
        ("ops", "echo wrong | sudo -S -p '' id -u || echo refused", "refused"),
        ("plain", "sudo -n id -u || echo refused", "refused"),
    ],
)
def test_the_users_of_a_systemd_host(
    lab: Lab, systemd_host: LabHost, user: str, command: str, said: str
) -> None:
    assert ssh(lab, systemd_host, command, user=user).stdout == f"{said}\n"


def test_a_password_is_needed_by_ops(lab: Lab, systemd_host: LabHost) -> None:
    assert "password is required" in ssh(lab, systemd_host, "sudo -n id", user="ops").stderr


def test_the_shop_answers_and_leaks_under_its_unit_and_its_script(
    systemd_host: LabHost, script_host: LabHost
) -> None:
    for host in (systemd_host, script_host):
        wait = "i=0; until wget -qO- 127.0.0.1:8080/health; do i=$((i+1)); [ $i -lt 100 ] || exit 1; sleep 0.1; done"
        assert host.sh(wait) == "ok\n"
        first = int(host.sh("wget -qO- 127.0.0.1:8080/leaked"))
        limit = 256 << 20
        time.sleep(0.5)
        assert first < int(host.sh("wget -qO- 127.0.0.1:8080/leaked")) or first >= limit
    assert systemd_host.sh("systemctl is-active shop.service") == "active\n"
    assert script_host.sh("systemctl is-active shop.service", check=False) == "inactive\n"
    assert "is running" in script_host.sh("/srv/shop/bin/appctl status")


@pytest.mark.jdk
def test_java_runs_in_a_host(lab: Lab, systemd_host: LabHost) -> None:
    assert "openjdk version" in ssh(lab, systemd_host, "java", "-version", user="deploy").stderr


def test_the_lean_host_has_nothing_but_busybox(lab: Lab, lean_host: LabHost) -> None:
    done = ssh(
        lab,
        lean_host,
        "hostname; for c in bash python3 perl sudo gcc sftp-server; do command -v $c; done",
    )
    assert done.stdout == "edge-1\n"
    assert "BusyBox" in lean_host.sh("cp --help 2>&1")
    assert ssh(lab, lean_host, "id -un", user="deploy").stdout == "deploy\n"


def test_a_lean_host_starts_in_a_second(fresh_host: StartHost) -> None:
    began = time.monotonic()
    host = fresh_host(kind="lean")
    assert time.monotonic() - began < 3
    assert host.sh("hostname") == f"{host.name}\n"


def test_a_listing_shows_every_difference(fresh_host: StartHost) -> None:
    host = fresh_host(kind="lean")
    host.sh("mkdir /opt/a; echo 1 >/opt/a/f; ln -s f /opt/a/l; echo 1 >'/opt/a/new\nline'")
    before = host.listing(["/opt", "/nowhere"])
    assert before["/opt/a/l"].content == "f"
    assert before["/opt/a/new\nline"].size == 2
    host.sh("echo 2 >/opt/a/f; chmod 600 '/opt/a/new\nline'; rm /opt/a/l; : >/opt/e")
    marks = [line.split()[:2] for line in difference(before, host.listing(["/opt"]))]
    assert marks == [["+", "/opt/e"], ["-", "/opt/a/l"], ["~", "/opt/a/f"], ["~", "/opt/a/new"]]


@pytest.mark.parametrize("kind", ["lean", "systemd"])
@pytest.mark.parametrize(
    ("opt", "said"), [("64k", "No space left on device"), ("ro", "Read-only file system")]
)
def test_opt_may_be_tiny_or_read_only(
    fresh_host: StartHost, kind: str, opt: str, said: str
) -> None:
    host = fresh_host(kind=kind, opt=opt)
    done = host.exec(["/bin/dd", "if=/dev/zero", "of=/opt/f", "bs=1k", "count=100"], check=False)
    assert said in done.stderr.decode()
    host.sh("echo fine >/etc/f")


def test_a_host_may_be_without_a_compiler(fresh_host: StartHost) -> None:
    host = fresh_host(compiler=False)
    assert host.sh("for c in gcc cc make; do command -v $c; done") == "/usr/bin/make\n"


def test_a_cut_cable_and_a_frozen_host_are_silent_until_mended(
    lab: Lab, fresh_host: StartHost
) -> None:
    host = fresh_host(kind="lean")
    impatient = ("-o", "ConnectTimeout=1")
    for fault, cure in ((host.cut, host.mend), (host.freeze, host.thaw)):
        fault()
        argv = lab.ssh_argv(host, "true")
        done = subprocess.run(
            [argv[0], *impatient, *argv[1:]], capture_output=True, text=True, check=False
        )
        assert "timed out" in done.stderr
        cure()
        assert ssh(lab, host, "echo back").stdout == "back\n"


def test_power_loss_drops_the_connection(lab: Lab, fresh_host: StartHost) -> None:
    host = fresh_host(kind="systemd", jdk=False)
    session = subprocess.Popen(lab.ssh_argv(host, "echo up; sleep 60"), stdout=subprocess.PIPE)
    assert session.stdout
    assert session.stdout.readline() == b"up\n"
    host.power_off()
    assert session.wait(10) == 255
    session.stdout.close()


def left_behind(name: str) -> list[str]:
    """What of a lab with this directory name is still there."""
    found = [str(p) for p in Path("/sys/fs/cgroup").glob(f"*{name}*")]
    found += [str(p) for p in Path("/sys/fs/cgroup").glob(f"*/*{name}*")]
    found += [line for line in Path("/proc/mounts").read_text().splitlines() if name in line]
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    found += [line for line in links.splitlines() if name[-8:].replace("_", "0") in line]
    found += [str(p) for p in Path("/tmp").glob(name)]
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = status.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if name in text:
            found.append(text.replace("\0", " "))
    return found


@pytest.mark.parametrize("victim", ["runner", "first process", "command ends"])
def test_nothing_stays_behind_whatever_ends_it(lab: Lab, victim: str) -> None:
    assert lab.tier == "full"
    ending = "true" if victim == "command ends" else "sleep 60"
    script = f"echo $MEMOPS_LAB; {ending}"
    argv = [
        sys.executable,
        "-m",
        "tests.lab",
        "run",
        "--hosts",
        "shop-3,edge-1",
        "--",
        "sh",
        "-c",
        script,
    ]
    env = {k: v for k, v in os.environ.items() if k != "MEMOPS_LAB"}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env) as run:
        assert run.stdout
        name = Path(run.stdout.readline().decode().strip()).name
        assert name.startswith("memops-lab-")
        if victim == "runner":
            run.kill()
        elif victim == "first process":
            os.kill(_child(_child(run.pid)), signal.SIGKILL)
        run.wait(20)
    deadline = time.monotonic() + 10
    while left_behind(name) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_behind(name) == []


def _child(pid: int) -> int:
    """The youngest child of a process."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[-1])


def test_without_root_plain_sshd_serves(lab: Lab, tmp_path: Path) -> None:
    """Tried as an ordinary user: in a user namespace where root is nobody special."""
    assert lab.tier == "full"
    users = tmp_path / "passwd"
    users.write_text(
        f"{Path('/etc/passwd').read_text()}labuser:x:61234:61234::{tmp_path}:/bin/sh\n"
    )
    inner = [sys.executable, "-m", "tests.lab", "run", "--hosts", "shop-1", "--", "sh", "-c"]
    inner += [
        'cat "$MEMOPS_LAB/obstacle"; ssh -F "$MEMOPS_SSH_CONFIG" shop-1 "id -un; echo \\$HOME"'
    ]
    script = f'mount --bind {users} /etc/passwd; exec unshare --user --map-user=61234 --map-group=61234 "$@"'
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", *inner]
    env = {k: v for k, v in os.environ.items() if not k.startswith("MEMOPS") and k != "CI"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("not root, and sudo asks for a passwordlabuser\n/tmp/memops-lab-")
