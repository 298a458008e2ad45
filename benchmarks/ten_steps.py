"""A ten-step piece of work on ten hosts: memops against OpenSSH with one script for each host.

The steps: look at a file, make a directory, render a template, push 1 MB, check its sha256, write an
environment file, run a script, read three files back.
"""

from __future__ import annotations

import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.ground import environment
from benchmarks.measure import Contender, Figures, Target, interleave, run_together
from memops.model.action import Dir, File, Local, Put, Read, Run, Stat
from memops.playbook.template import render_value
from memops.transport.open import connect

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.ground import Ground
    from memops.model.host import ConnectOptions, Host

WORK = "/srv/bench"
TEMPLATE = "name = {{ name }}\nport = {{ port }}\n" + "option = value\n" * 40
SETTINGS = "LD_PRELOAD=/opt/none.so\nMALLOC_CONF=prof:true\n"
SCRIPT = f"set -eu\nwc -c <{WORK}/payload >{WORK}/size\necho done >{WORK}/said\n"
BACK = (f"{WORK}/app.conf", f"{WORK}/size", f"{WORK}/said")
REFERENCE = "OpenSSH, one script a host"
OURS = "memops, in batches"


def run(ground: Ground, rounds: int) -> Figures:
    places = ground.places()
    payload = ground.scratch / "payload"
    payload.write_bytes(os.urandom(1 << 20))
    sha256 = hashlib.sha256(payload.read_bytes()).hexdigest()
    content = Local(str(payload), sha256, 1 << 20)
    hosts = [ground.host(place, "root") for place in places]
    env = ground.know(places, "root")
    play = _playbook(ground.scratch, payload)

    def fresh() -> None:
        for host in ground.hosts:
            host.sh(f"rm -rf {WORK}")

    def ours() -> None:
        with ThreadPoolExecutor(len(hosts)) as pool:
            list(pool.map(lambda host: _on(host, ground.options(), content), hosts))

    def reference() -> None:
        script = _script(sha256)
        run_together([ground.ssh(place, "root", script) for place in places], stdin=str(payload))

    def played() -> None:
        run_together([[sys.executable, "-m", "memops", "play", str(play)]])

    with environment(env):
        costs = interleave(
            [
                Contender(REFERENCE, reference, fresh),
                Contender(OURS, ours, fresh),
                Contender("memops play, whole process", played, fresh),
            ],
            rounds,
        )
    targets = [Target(OURS, 1.5, REFERENCE)]
    return Figures(f"Ten steps on {len(hosts)} hosts, fresh connections", costs, targets)


def _on(host: Host, options: ConnectOptions, content: Local) -> None:
    """The ten steps on one host: three round trips."""
    with connect(host, options) as connection:
        session = connection.session()
        known = session.look([Stat("/etc/hostname")])
        conf = render_value(TEMPLATE, {"name": host.name, "port": 8080}, host.name)
        done = session.act(
            [
                Put(WORK, Dir()),
                Put(f"{WORK}/app.conf", File(conf.encode())),
                Put(f"{WORK}/payload", File(content)),
                Put(f"{WORK}/app.env", File(SETTINGS.encode(), 0o600)),
                Put(f"{WORK}/run.sh", File(SCRIPT.encode(), 0o755)),
                Run(("sh", f"{WORK}/run.sh")),
            ]
        )
        back = session.look([Stat(f"{WORK}/payload", digest=True), *map(Read, BACK)])
    outputs = (*known, *done, *back)
    if len(outputs) != 11 or any(each.rc for each in outputs):
        raise RuntimeError(f"{host.name}: {outputs!r:.500}")
    if content.sha256.encode() not in back[0].stdout:
        raise RuntimeError(f"{host.name}: the payload is not what was sent")


def _script(sha256: str) -> str:
    """The same in plain shell, as an operator in a hurry writes it: no temporary files, no fsync."""
    conf = TEMPLATE.replace("{{ name }}", "web").replace("{{ port }}", "8080")
    return f"""set -eu
stat -c '%f %a %u %g %s %Y' /etc/hostname
mkdir -p {WORK}
cat >{WORK}/payload
printf '%s' '{conf}' >{WORK}/app.conf
echo '{sha256}  {WORK}/payload' | sha256sum -c --quiet
(umask 077; printf '%s' '{SETTINGS}' >{WORK}/app.env)
printf '%s' '{SCRIPT}' >{WORK}/run.sh
sh {WORK}/run.sh
cat {" ".join(BACK)}
"""


def _playbook(scratch: Path, payload: Path) -> Path:
    """The ten steps as a user writes them, a task each."""
    (scratch / "app.conf.j2").write_text(
        TEMPLATE.replace("name }}", "inventory_hostname }}").replace("{{ port }}", "8080")
    )
    (scratch / "app.env").write_text(SETTINGS)
    (scratch / "run.sh").write_text(SCRIPT)
    tasks = [
        "command: {argv: [stat, /etc/hostname]}",
        f"file: {{path: {WORK}, state: directory}}",
        f"template: {{src: app.conf.j2, dest: {WORK}/app.conf}}",
        f"copy: {{src: {payload}, dest: {WORK}/payload}}",
        f"command: {{argv: [sha256sum, {WORK}/payload]}}",
        f'copy: {{src: {scratch}/app.env, dest: {WORK}/app.env, mode: "0600"}}',
        f'copy: {{src: {scratch}/run.sh, dest: {WORK}/run.sh, mode: "0755"}}',
        f"command: {{argv: [sh, {WORK}/run.sh]}}",
        *(f"command: {{argv: [cat, {path}]}}" for path in BACK),
    ]
    lines = ["- name: Ten steps", "  hosts: all", "  tasks:"]
    lines += [f"    - {task}" for task in tasks]
    path = scratch / "ten-steps.yml"
    path.write_text("\n".join(lines) + "\n")
    return path
