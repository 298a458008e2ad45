"""One command on many hosts: ``memops ping`` against OpenSSH, eight at once, and all at once."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.ground import environment
from benchmarks.measure import Contender, Figures, interleave, run_together
from memops.model.action import Run
from memops.transport.open import connect

if TYPE_CHECKING:
    from benchmarks.ground import Ground
    from memops.model.host import Host


def run(ground: Ground, rounds: int, count: int) -> Figures:
    places = ground.doors(count)
    env = ground.know(places, "root")
    hosts = [ground.host(place, "root") for place in places]
    commands = [ground.ssh(place, "root", "id -un") for place in places]

    def reference() -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda command: run_together([command]), commands))

    def one(host: Host) -> None:
        with connect(host, ground.options()) as connection:
            (said,) = connection.session().look([Run(("id", "-un"))])
        if said.text != "root\n":
            raise RuntimeError(f"{host.name}: {said!r:.200}")

    def ours() -> None:
        with ThreadPoolExecutor(50) as pool:
            list(pool.map(one, hosts))

    def pinged() -> None:
        run_together([[sys.executable, "-m", "memops", "ping", "--hosts", "all"]])

    with environment(env):
        costs = interleave(
            [
                Contender("OpenSSH, 8 at once", reference),
                Contender("memops, one command", ours),
                Contender("memops ping, whole process", pinged),
            ],
            rounds,
        )
    ground.shut_doors()
    title = f"Reach {count} hosts (ports of one host), fresh connections"
    return Figures(title, costs)
