"""Bringing home files that only root may read: memops against ``ssh sudo tar | tar``."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.ground import OPENSSL
from benchmarks.measure import Contender, Figures, Target, interleave, pipe, run_together
from memops.model.host import Become, ConnectOptions, Host
from memops.transport.open import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.ground import Ground

REFERENCE = "ssh sudo tar | tar"
OURS = "memops fetch"
PLAIN = "memops fetch, no openssl there"
# Lines like those of heap files, other in every file, quickly made by any awk.
MAKE = """
umask 077; mkdir -p "$1"; cd "$1"
for i in $(seq 1 "$2"); do
    awk -v seed="$i" -v size="$3" 'BEGIN { srand(seed); while (n < size) {
        s = sprintf("@ 0x55d5%08x 0x7f21%08x 0x7f21%08x\\n  t*: 1: %d [0: 0]\\n",
            rand() * 4294967295, rand() * 4294967295, rand() * 4294967295, rand() * 1048576)
        printf "%s", s; n += length(s) } }' | head -c "$3" >"$i.heap"
done
"""


def run(ground: Ground, rounds: int) -> Iterator[Figures]:
    ground.know(ground.places(), "deploy")
    yield _pull(ground, "many", 200, 200_000, rounds)
    one = _pull(ground, "one", 1, 200_000_000, rounds)
    _make(ground, "tenth", 1, 20_000_000)
    memory = {size: _alone(ground, name, 1) for size, name in ((20, "tenth"), (200, "one"))}
    told = ", ".join(f"{rss:.0f} MB for a file of {size} MB" for size, rss in memory.items())
    one.notes.append(f"peak memory of a memops of its own: {told}")
    yield one


def _make(ground: Ground, name: str, count: int, size: int) -> str:
    there = f"/var/tmp/bench-{name}"
    host = ground.hosts[0]
    host.exec(["sh", "-c", MAKE, "sh", there, str(count), str(size)], timeout=300)
    return there


def _pull(ground: Ground, name: str, count: int, size: int, rounds: int) -> Figures:
    there = _make(ground, name, count, size)
    place, here = ground.places()[0], ground.scratch / name
    host = replace(ground.host(place, "deploy"), become=Become())
    sources = [f"{there}/{i}.heap" for i in range(1, count + 1)]

    def empty(mode: str = "755") -> None:
        ground.hosts[0].sh(f"chmod {mode} {OPENSSL}")
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir()

    def ours() -> None:
        fetch(host, ground.options(), sources, here)

    def reference() -> None:
        packed = ground.ssh(place, "deploy", f"sudo tar cf - -C {there} .")
        pipe(packed, ["tar", "xf", "-", "-C", str(here)])

    costs = interleave(
        [
            Contender(REFERENCE, reference, empty),
            Contender(OURS, ours, empty),
            Contender(PLAIN, ours, lambda: empty("644")),
        ],
        rounds,
    )
    shutil.rmtree(here)
    title = f"Pull {count} x {size / 1e6:g} MB of root's, as deploy through sudo, fresh connection"
    targets = [Target(each, 1.3, REFERENCE) for each in (OURS, PLAIN)]
    return Figures(title, costs, targets)


def fetch(host: Host, options: ConnectOptions, sources: Sequence[str], here: Path) -> None:
    with connect(host, options) as connection:
        pairs = [(source, here / Path(source).name) for source in sources]
        outputs = connection.session(host.become).fetch(pairs)
    if any(each.rc for each in outputs):
        raise RuntimeError(f"{[each for each in outputs if each.rc]!r:.500}")


def _alone(ground: Ground, name: str, count: int) -> float:
    """The peak memory, in MB, of a process that does nothing but fetch.

    It tells it itself (VmHWM): what wait4(2) tells includes the memory of the parent before exec.
    """
    place, here = ground.places()[0], ground.scratch / name
    here.mkdir()
    words = (place.address, str(place.port), str(ground.lab.client_key))
    known = str(ground.scratch / "known_hosts")
    argv = [*words, known, f"/var/tmp/bench-{name}", str(count), str(here)]
    (told,) = run_together([[sys.executable, "-m", "benchmarks.pull", *argv]])
    shutil.rmtree(here)
    return float(told)


def main(argv: Sequence[str]) -> None:
    address, port, key, known, there, count, here = argv
    host = Host("bench", address, int(port), "deploy", key, become=Become())
    options = ConnectOptions(known_hosts=(Path(known),))
    fetch(host, options, [f"{there}/{i}.heap" for i in range(1, int(count) + 1)], Path(here))
    status = Path("/proc/self/status").read_text()
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


if __name__ == "__main__":
    main(sys.argv[1:])
