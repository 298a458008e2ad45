"""The lean host: busybox and dropbear, no bash, no GNU tools, no sftp, no sudo."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e import shops
from tests.e2e.operators import Operator, operator
from tests.lab.listing import difference

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.api import Lab, LabHost

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]

PATHS = (*shops.PATHS, "/var", "/root", "/home", "/tmp")
PLAYBOOK = """
- name: Many tasks
  hosts: edge-1
  vars:
    who: "the host's \\"name\\""
  tasks:
    - name: directory
      file: {path: /opt/lean/deep/er, state: directory, mode: "0750"}
    - name: link
      file: {path: /opt/lean/link, state: link, src: deep/er}
    - name: mode
      file: {path: /opt/kept, mode: "0600"}
    - name: absent
      file: {path: /opt/goner, state: absent}
    - name: template
      template: {src: motd.j2, dest: /opt/lean/motd, mode: "0640"}
    - name: copy
      copy: {src: "{{ big }}", dest: /opt/replaced}
    - name: command
      command:
        argv: [touch, "/opt/lean/it's here"]
        creates: "/opt/lean/it's here"
        undo: [rm, "/opt/lean/it's here"]
      register: ran
    - name: answer
      copy: {content: "{{ ran.stdout_lines | length }} lines", dest: /opt/lean/answer}
      when: ran.changed
"""


@pytest.fixture
def me(lab: Lab, lean_host: LabHost, tmp_path: Path) -> Operator:
    found = operator(
        lab, tmp_path, {lean_host: {"memops_apps": {"ssh": {"pid_file": "/run/dropbear.pid",
                                                            "process": "dropbear -E"}}}}
    )  # fmt: skip
    (found.home / "many.yml").write_text(PLAYBOOK)
    (found.home / "motd.j2").write_text("{{ who }} is {{ inventory_hostname }}\n")
    (found.home / "big").write_bytes(bytes(range(256)) * 4096)
    return found


def test_ping(me: Operator) -> None:
    for user in ("root", "deploy"):
        (row,) = me.well("ping", "--json", "--user", user).document
        assert (row["ok"], row["user"], row["arch"]) == (True, user, "x86_64")


def test_a_playbook_and_its_rollback(me: Operator, lean_host: LabHost) -> None:
    lean_host.sh("cd /opt && echo kept >kept && echo old >replaced && echo bye >goner")
    before = lean_host.listing(PATHS)
    play = ("play", "many.yml", "--json", "-e", json.dumps({"big": str(me.home / "big")}))

    assert me.well(*play, "--check").recap("edge-1")["failed"] == 0
    assert difference(before, lean_host.listing(PATHS)) == []

    assert me.well(*play).recap("edge-1")["changed"] == 8
    assert lean_host.read("/opt/lean/motd") == b'the host\'s "name" is edge-1\n'
    assert lean_host.read("/opt/replaced") == (me.home / "big").read_bytes()
    assert lean_host.read("/opt/lean/answer") == b"0 lines"
    now = lean_host.listing(("/opt",))
    assert now["/opt/lean/link"].content == "deep/er"
    assert now["/opt/lean/deep/er"].mode == "750"
    assert now["/opt/kept"].mode == "600"
    assert "/opt/lean/it's here" in now
    assert "/opt/goner" not in now

    again = me.well(*play).recap("edge-1")
    assert (again["changed"], again["skipped"]) == (0, 1)
    assert difference(now, lean_host.listing(("/opt",))) == []

    me.well("rollback")
    assert difference(before, lean_host.listing(PATHS)) == []
    lean_host.sh("cd /opt && rm kept replaced goner")


def test_a_playbook_undone_on_the_host_itself(me: Operator, lean_host: LabHost) -> None:
    lean_host.sh("cd /opt && echo kept >kept && echo old >replaced && echo bye >goner")
    before = lean_host.listing(PATHS)
    me.well("play", "many.yml", "-e", json.dumps({"big": str(me.home / "big")}))
    lean_host.sh("sh /var/lib/memops/runs/*/undo.sh")
    assert difference(before, lean_host.listing(PATHS)) == []
    done = me.well("rollback", "--json")
    assert [event["text"] for event in done.events("Note")] == ["nothing to undo"]
    lean_host.sh("cd /opt && rm kept replaced goner")


def test_a_snapshot(me: Operator, lean_host: LabHost) -> None:
    before = lean_host.listing(PATHS)
    me.well("collect")
    (status,) = me.store.glob("snapshots/ssh/edge-1/*/*/status")
    assert status.read_text().startswith("Name:\tdropbear\n")
    (maps,) = me.store.glob("snapshots/ssh/edge-1/*/*/maps")
    assert "/usr/sbin/dropbear" in maps.read_text()
    (ids,) = me.store.glob("snapshots/ssh/edge-1/*/*/build-ids")
    build_id = json.loads(ids.read_text())["/usr/sbin/dropbear"]
    assert (me.store / "elf" / build_id).read_bytes() == lean_host.read("/usr/sbin/dropbear")
    assert difference(before, lean_host.listing(PATHS)) == []
