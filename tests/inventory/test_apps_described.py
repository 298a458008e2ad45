from __future__ import annotations

from typing import Any

import pytest

from memops import yaml
from memops.errors import UsageError
from memops.inventory import load, parse_apps
from memops.model.app import App, Health


def apps(text: str) -> dict[str, App]:
    return parse_apps(yaml.parse(f"memops_apps:\n  demo: {text}\n", "inv.yml"))


GOOD: list[tuple[str, App]] = [
    ("{unit: demo}", App("demo", unit="demo.service")),
    ("{unit: demo@1.service, deadline: 1m30s}", App("demo", unit="demo@1.service", deadline=90.0)),
    (
        "{script: /srv/appctl, pid_file: /run/x.pid, user: app}",
        App(
            "demo", script="/srv/appctl", pid_file="/run/x.pid", user="app", shape="script",
            launch_file="/srv/appctl",
        ),
    ),
    (
        "{process: 'java .*demo', restart: systemctl restart demo, shape: envfile, launch_file: /etc/d}",
        App(
            "demo", process="java .*demo", restart=("systemctl", "restart", "demo"),
            shape="envfile", launch_file="/etc/d",
        ),
    ),
    (
        "{unit: d.service, health: [{http: 'http://x/'}, {tcp: 80}, {command: a b}, {log: /l, pattern: up}]}",
        App(
            "demo", unit="d.service",
            health=(
                Health("http", "http://x/"), Health("tcp", "80"), Health("command", "a b"),
                Health("log", "/l", "up"),
            ),
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "app"), GOOD)
def test_an_app_is_read(text: str, app: App) -> None:
    assert apps(text) == {"demo": app}


BAD = [
    ("{unti: x}", "inv.yml:2:10: 'unti' is not a key of an app; did you mean 'unit'?"),
    ("3", "inv.yml:2:3: app 'demo' must be a mapping"),
    ("{}", "inv.yml:2:3: app 'demo' cannot be found; give unit, script or process"),
    ("{script: /x}", "inv.yml:2:3: app 'demo' has a script, but no pid_file"),
    ("{script: x, pid_file: /y}", "inv.yml:2:18: script 'x' is not an absolute path"),
    ("{unit: 'a b'}", "inv.yml:2:16: 'a b' is no systemd unit"),
    ("{unit: 3}", "inv.yml:2:16: unit must be a line of text"),
    ("{unit: d, shape: dropn}", "inv.yml:2:26: shape 'dropn' is unknown; did you mean 'dropin'?"),
    ("{process: d, shape: dropin}", "a dropin needs a systemd unit"),
    ("{unit: d, shape: envfile}", "shape envfile needs a file; give launch_file"),
    ("{unit: d, deadline: soon}", "'soon' is not a duration"),
    ("{unit: d, deadline: 0}", "deadline must be above 0"),
    ("{unit: d, restart: [1]}", "restart must be a command"),
    ("{unit: d, health: {tcp: 1}}", "health must be a list"),
    ("{unit: d, health: [{tcp: 99999}]}", "inv.yml:2:34: '99999' is no port"),
    ("{unit: d, health: [{http: x}]}", "'x' is no URL"),
    ("{unit: d, health: [{log: /x}]}", "a log check, and no other, has a pattern"),
    ("{unit: d, health: [{tcp: 1, pattern: x}]}", "a log check, and no other, has a pattern"),
    ("{unit: d, health: [{tcp: 1, http: x}]}", "is one of http, tcp, command, log"),
    ("{unit: d, health: [{tpc: 1}]}", "'tpc' is not a key of an app; did you mean 'tcp'?"),
    ("{unit: d, health: [{command: ''}]}", "the command is empty"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_wrong_app_is_refused_at_its_place(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        apps(text)
    assert str(caught.value).startswith("inv.yml:2:")
    assert message in str(caught.value)


def test_a_name_must_do_for_files() -> None:
    with pytest.raises(UsageError, match="is no name for an app"):
        parse_apps(yaml.parse("memops_apps: {../x: {unit: a}}", "inv.yml"))
    assert parse_apps({}) == {}


def test_templates_are_rendered_by_whoever_can() -> None:
    from memops.playbook.template import render_value

    variables: dict[str, Any] = yaml.parse(
        "svc: demo\nmemops_apps: {demo: {unit: '{{ svc }}.service', health: [{tcp: '{{ 80 }}'}]}}",
        "f",
    )
    app = parse_apps(variables, render_value)["demo"]
    assert (app.unit, app.health) == ("demo.service", (Health("tcp", "80"),))


def test_the_shipped_example_is_good() -> None:
    found = load(["inventories/example.yml"])
    assert found.select("prod-canary") == ("app01.example.com",)
    assert set(parse_apps(found.vars("app10.example.com"))) == {"orders", "billing"}
