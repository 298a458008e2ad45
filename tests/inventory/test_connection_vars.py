from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from memops.errors import UsageError
from memops.inventory import ConnectionOverrides, Inventory, load, parse_extra, views
from memops.model.host import Become, Host
from memops.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path


def inventory(tmp_path: Path, variables: str, **extra: Any) -> Inventory:
    (tmp_path / "hosts.yml").write_text(f"web: {{hosts: {{h: {{{variables}}}}}}}\n")
    return load([str(tmp_path / "hosts.yml")], extra=extra)


def fields(host: Host, *names: str) -> dict[str, Any]:
    return {name: getattr(host, name) for name in names}


MAPPED: list[tuple[str, dict[str, Any]]] = [
    ("", {"address": None, "port": None, "user": None, "become": None, "connection": "ssh"}),
    ("ansible_host: 10.0.0.1, ansible_port: '2222'", {"address": "10.0.0.1", "port": 2222}),
    ("ansible_ssh_host: a, ansible_ssh_port: 1, ansible_ssh_user: u", {"address": "a", "port": 1, "user": "u"}),
    ("ansible_user: deploy, ansible_ssh_private_key_file: ~/.ssh/k", {"user": "deploy", "key_file": "~/.ssh/k"}),
    ("ansible_password: hunter2", {"password": Secret("hunter2")}),
    ("ansible_ssh_pass: 123", {"password": Secret("123")}),
    ("ansible_connection: local", {"connection": "local"}),
    ("ansible_connection: ansible.builtin.ssh", {"connection": "ssh"}),
    ("ansible_become: yes", {"become": Become()}),
    ("ansible_become: 'True', ansible_become_user: app, ansible_become_method: su, ansible_become_pass: p",
     {"become": Become("app", "su", Secret("p"))}),
    ("ansible_become: false, ansible_become_user: app, ansible_become_password: p",
     {"become": None, "elevation": Become("app", "sudo", Secret("p"))}),
    ("ansible_ssh_common_args: -o ProxyJump=ops@bastion", {"proxy_jump": "ops@bastion"}),
    ("ansible_ssh_common_args: '-J a,b'", {"proxy_jump": "a,b"}),
    ("ansible_ssh_extra_args: -Ja", {"proxy_jump": "a"}),
    ("ansible_ssh_common_args: '-o ProxyCommand=\"ssh -W %h:%p gw\"'", {"proxy_command": "ssh -W %h:%p gw"}),
    ("ansible_ssh_common_args: '-oproxyjump=first', ansible_ssh_extra_args: '-J second'", {"proxy_jump": "first"}),
]  # fmt: skip


@pytest.mark.parametrize(("variables", "expected"), MAPPED)
def test_variables_become_a_host(variables: str, expected: dict[str, Any], tmp_path: Path) -> None:
    host = inventory(tmp_path, variables).connection("h")
    assert fields(host, *expected) == expected
    assert host.groups == ("web",)


REFUSED = [
    ("ansible_port: ssh", "hosts.yml:1:33: ansible_port 'ssh' is no port"),
    ("ansible_port: 70000", "is no port"),
    ("ansible_host: [a]", "ansible_host must be text"),
    ('ansible_host: "a\\nb"', "holds a control character"),
    ("ansible_become: maybe", "ansible_become must be true or false"),
    ("ansible_become_method: sudoo", "did you mean 'sudo'?"),
    ("ansible_connection: winrm", "ansible_connection 'winrm' is not supported"),
    ("ansible_host: '{{ x }}'", "ansible_host holds a template"),
    ("ansible_ssh_common_args: -F /etc/ssh/x", "use --ssh-config FILE"),
    ("ansible_ssh_common_args: -o StrictHostKeyChecking=no", "--accept-new-host-keys"),
    ("ansible_ssh_common_args: -o UserKnownHostsFile=/dev/null", "use --known-hosts FILE"),
    ("ansible_ssh_common_args: -o ForwardAgent=yes", "put it into ~/.ssh/config"),
    ("ansible_ssh_common_args: -J", "'-J' in ansible_ssh_common_args is not supported"),
    ('ansible_ssh_common_args: "-o \'x"', "quotes of ansible_ssh_common_args do not match"),
]


@pytest.mark.parametrize(("variables", "message"), REFUSED)
def test_a_bad_variable_is_refused_at_its_place(
    variables: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        inventory(tmp_path, variables).connection("h")
    assert str(caught.value).startswith(f"{tmp_path}/hosts.yml:1:")
    assert message in str(caught.value)


def test_the_command_line_beats_the_inventory_and_extra_beats_both(tmp_path: Path) -> None:
    variables = "ansible_user: inv, ansible_port: 1, ansible_become: true, ansible_become_user: x"
    overrides = ConnectionOverrides(user="cli", port=2, become=False, become_user="y")
    host = inventory(tmp_path, variables).connection("h", overrides)
    assert fields(host, "user", "port", "become") == {"user": "cli", "port": 2, "become": None}
    host = inventory(tmp_path, variables, ansible_user="extra").connection("h", overrides)
    assert fields(host, "user", "port") == {"user": "extra", "port": 2}


def test_templates_are_rendered_by_whoever_can(tmp_path: Path) -> None:
    from memops.playbook.template import render_value

    found = inventory(
        tmp_path,
        "ansible_host: '{{ inventory_hostname }}.lan', ansible_password: '{{ pw }}', pw: s3",
    )
    host = found.connection("h", render=render_value)
    assert fields(host, "address", "password") == {"address": "h.lan", "password": Secret("s3")}


def test_a_password_shows_nowhere(tmp_path: Path) -> None:
    found = inventory(tmp_path, "ansible_password: hunter2, ansible_become_pass: hunter2")
    shown = [
        repr(found.vars("h")),
        repr(found.connection("h")),
        views.to_json(views.as_list(found)),
    ]
    assert not any("hunter2" in text for text in shown)
    assert "***" in shown[2]


def test_a_host_is_a_value(tmp_path: Path) -> None:
    found = inventory(tmp_path, "ansible_user: a")
    assert found.connection("h") == found.connection("h")
    assert len({found.connection("h"), found.connection("h")}) == 1
    assert dataclasses.replace(found.connection("h"), user="b").user == "b"


EXTRAS = [
    (["a=1 b='x y'"], {"a": "1", "b": "x y"}),
    (['{"a": [1, 2]}'], {"a": [1, 2]}),
    (["a=1", "a=2"], {"a": "2"}),
    (["{a: yes}"], {"a": True}),
    (["a=b=c"], {"a": "b=c"}),
    ([], {}),
]


@pytest.mark.parametrize(("texts", "expected"), EXTRAS)
def test_extra_variables(texts: list[str], expected: dict[str, Any]) -> None:
    assert parse_extra(texts) == expected


def test_extra_variables_from_a_file_and_wrong_ones(tmp_path: Path) -> None:
    (tmp_path / "v.yml").write_text("a: {b: 1}\n")
    assert parse_extra([f"@{tmp_path}/v.yml", "c=1"]) == {"a": {"b": 1}, "c": "1"}
    for wrong in ("a", "=1", "[1]", "a='", "{a: 1, a: 2}", "@nope.yml"):
        with pytest.raises(UsageError):
            parse_extra([wrong])


def test_ten_thousand_hosts_are_read_in_linear_time(tmp_path: Path) -> None:
    rows = "".join(
        f'h{n} ansible_host=10.0.{n // 256}.{n % 256} rack="r {n % 7}"\n' for n in range(10_000)
    )
    (tmp_path / "hosts").write_text(f"[web]\n{rows}")
    found = load([str(tmp_path / "hosts")])
    assert len(found.select("web:!h99??")) == 9_900
    assert found.vars("h9999")["rack"] == "r 3"
