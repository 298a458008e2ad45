import pytest

from memops import data
from memops.facts.timer import Timer
from memops.model.action import Run
from memops.model.host import ConnectOptions, Host
from memops.playbook.template import render_file
from memops.schedule import local
from memops.transport.open import connect
from tests.lab.api import Lab, LabHost
from tests.lab.listing import difference

pytestmark = pytest.mark.lab


def render(template: str, /, **variables: object) -> str:
    return render_file(data.find("templates", template), variables)


def test_a_real_systemd_starts_what_was_scheduled(lab: Lab, systemd_host: LabHost) -> None:
    said = "a b's $HOME 100%"
    timer = Timer("lab", 3600, ("/bin/sh", "-c", 'printf "%s" "$0" "$KEY" >/tmp/said', said), "/tmp",
                  (("KEY", "x y"),))  # fmt: skip
    options = ConnectOptions(ssh_config=lab.ssh_config, known_hosts=(lab.known_hosts,))
    before = systemd_host.listing(("/etc", "/var/lib/memops", "/opt"))
    with connect(Host(systemd_host.name), options) as connection:
        here = local.Here(connection, render)
        session = connection.session()

        def ask(*argv: str) -> str:
            return session.act([Run(argv, ok=tuple(range(256)))])[0].text.strip()

        assert local.add(here, timer, lambda _: None)
        assert ask("systemctl", "is-active", "memops-lab.timer") == "active"
        assert ask("systemctl", "is-enabled", "memops-lab.timer") == "enabled"
        assert ask("systemd-analyze", "verify", "/etc/systemd/system/memops-lab.service") == ""
        assert "lab" in local.timers(here)
        assert not local.add(here, timer, lambda _: None)
        ask("systemctl", "start", "memops-lab.service")
        assert ask("cat", "/tmp/said") == f"{said}x y"

        local.remove(here, "lab", lambda _: None)
        assert ask("systemctl", "is-active", "memops-lab.timer") == "inactive"
        ask("rm", "/tmp/said")
    assert difference(before, systemd_host.listing(("/etc", "/var/lib/memops", "/opt"))) == []
