# ruff: noqa: ARG001 - a chapter names the one that it follows, though it needs nothing of it
"""The main job on a fleet of real hosts, in every shape of launch file: one story, told by its commands.

Each fixture below is a chapter that begins where the one above it ended; the tests look at what
was seen then.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import shops
from tests.e2e.operators import Done, Operator, operator
from tests.e2e.shops import Look, apps
from tests.lab import shop
from tests.lab.boot import java_home
from tests.lab.listing import difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeVar

    from tests.lab.api import Lab, LabHost

    T = TypeVar("T")

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

DUMPS = "/var/lib/memops/dumps"
HAD = {"LD_PRELOAD": "libutil.so.1", "MALLOC_CONF": "dirty_decay_ms:5000"}
HAD_JAVA = "-Dshop.had=yes -Dshop.quoted=a$b"
ENV_FILE = f"{shop.HOME}/etc/shop.env"
# What each host is for; a file is where its launch settings go.
LAUNCH_FILES = {
    "jvm": "/etc/systemd/system/shop.service.d/50-memops.env",
    "jvm-had": "/etc/systemd/system/shop.service.d/50-memops.env",
    "twin": ENV_FILE,
    "block": f"{shop.HOME}/bin/appctl",
    "wrap": f"{shop.HOME}/lib/shop",
    "bare": ENV_FILE,  # found by its command line, restarted by a command of the operator's
    "pair": "/etc/systemd/system/shop.service.d/50-memops.env",
}
NO_JVM = [name for name in LAUNCH_FILES if not name.startswith("jvm")]
EACH = [
    pytest.param(name, marks=() if name in NO_JVM else pytest.mark.jdk) for name in LAUNCH_FILES
]
BY_HAND = ("wrap", "pair")  # undone by undo.sh, without a controller

# A shop with a child of another name, which inherits its environment.
PAIR = f"""#!/bin/sh
SHOP_PORT=8081 {shop.HOME}/lib/porter &
exec {shop.HOME}/lib/shop
"""
PAIR_UNIT = f"[Service]\nExecStart=\nExecStart={shop.HOME}/bin/pair\n"

Fleet = dict[str, "LabHost"]


@dataclass(frozen=True, slots=True)
class Chapter:
    """What was seen on each host when a chapter ended, and how its commands did."""

    seen: Mapping[str, Look]
    done: Mapping[str, Done]


def each(fleet: Fleet, ask: Callable[[LabHost], T]) -> dict[str, T]:
    with ThreadPoolExecutor(len(fleet)) as pool:
        return dict(zip(fleet, pool.map(ask, fleet.values()), strict=True))


@pytest.fixture(scope="module")
def fleet(full_lab: Lab) -> Iterator[Fleet]:
    slow = {"SHOP_REQUESTS": 20}  # the leak has a limit, and some chapters come first
    specs = {
        "twin": shop.spec("c", "script", **HAD, **slow),
        "block": shop.spec("c", "script", **slow),
        "wrap": shop.spec("c", "script", **slow),
        "bare": shop.spec("c", "script", **slow),
        "pair": shop.spec("c", "unit", **slow),
    }
    if java_home():
        quoted = {"JAVA_TOOL_OPTIONS": f"'{HAD_JAVA}'"}
        specs["jvm"] = shop.spec("java", "unit", **slow)
        specs["jvm-had"] = shop.spec("java", "unit", **HAD, **quoted, **slow)
    hosts = {
        name: full_lab.start(name, wait=False, files=spec.files, hook=spec.hook)
        for name, spec in specs.items()
    }
    for host in hosts.values():
        host.wait_ready()
    for name in ("twin", "block", "wrap", "bare"):
        shops.appctl(full_lab, hosts[name], "start")
    hosts["pair"].write("/etc/systemd/system/shop.service.d/10-pair.conf", PAIR_UNIT)
    hosts["pair"].write(f"{shop.HOME}/bin/pair", PAIR, 0o755)
    hosts["pair"].sh(
        f"cp {shop.HOME}/lib/shop {shop.HOME}/lib/porter; systemctl daemon-reload; systemctl restart shop"
    )
    for host in hosts.values():
        shops.wait_for_answer(host)
    yield hosts
    for host in hosts.values():
        full_lab.stop(host)


def variables(name: str) -> dict[str, Any]:
    """How an inventory describes the shop on the host *name*."""
    if name in ("jvm", "pair"):
        return apps(**shop.description("unit"))
    if name == "jvm-had":
        return apps(**shop.description("unit")) | {"memops_frame_pointers": True}
    app = shop.description("script")
    if name == "bare":
        found = {"process": f"^{shop.HOME}/lib/shop$", "restart": [app["script"], "restart"]}
        rest = {key: app[key] for key in ("shape", "launch_file", "health", "deadline")}
        return apps(**found, **rest)
    shapes = {"twin": "envfile", "block": "script", "wrap": "wrapper"}
    return apps(**app | {"shape": shapes[name], "launch_file": LAUNCH_FILES[name]})


@pytest.fixture(scope="module")
def first_operator(
    full_lab: Lab, fleet: Fleet, tmp_path_factory: pytest.TempPathFactory, library: None
) -> Operator:
    home = tmp_path_factory.mktemp("first")
    return operator(full_lab, home, {host: variables(name) for name, host in fleet.items()})


@pytest.fixture(scope="module")
def other_operator(
    full_lab: Lab, fleet: Fleet, tmp_path_factory: pytest.TempPathFactory
) -> Operator:
    home = tmp_path_factory.mktemp("other")
    return operator(full_lab, home, {host: variables(name) for name, host in fleet.items()})


@pytest.fixture(scope="module")
def before(fleet: Fleet) -> Chapter:
    return Chapter(each(fleet, shops.look), {})


ENABLE = ("enable-profiling", "--serial", "100%", "--json")


@pytest.fixture(scope="module")
def checked(fleet: Fleet, before: Chapter, first_operator: Operator) -> dict[str, Any]:
    times = each(fleet, shops.times)
    done = first_operator.well(*ENABLE, "--check")
    return {"done": done, "before": times, "after": each(fleet, shops.times)}


@pytest.fixture(scope="module")
def enabled(fleet: Fleet, checked: dict[str, Any], first_operator: Operator) -> Chapter:
    done = first_operator.well(*ENABLE)
    return Chapter(each(fleet, shops.look), {"enable": done})


@pytest.fixture(scope="module")
def again(fleet: Fleet, enabled: Chapter, first_operator: Operator) -> Chapter:
    done = first_operator.well(*ENABLE)
    return Chapter(each(fleet, shops.look), {"enable": done})


@pytest.fixture(scope="module")
def accounts(fleet: Fleet, again: Chapter) -> dict[str, Any]:
    """Some seconds in which the shops leak fast and write down what they leaked."""
    watched = {name: fleet[name] for name in ("jvm", "twin") if name in fleet}
    with ExitStack() as keepers:
        for host in fleet.values():
            host.sh(f"rm -f {DUMPS}/shop/*")  # what was before has no account
            if host in watched.values():
                keepers.enter_context(shops.accounted(host))
            host.sh("wget -q -O - 127.0.0.1:8080/rate/400 127.0.0.1:8081/rate/400", check=False)
        for host in fleet.values():
            shops.wait_for_dumps(host, 5)
            host.sh("wget -q -O - 127.0.0.1:8080/rate/0 127.0.0.1:8081/rate/0", check=False)
    return {name: (shops.account(host), shops.dumps(host)) for name, host in watched.items()}


@pytest.fixture(scope="module")
def collected(fleet: Fleet, accounts: dict[str, Any], first_operator: Operator) -> Chapter:
    done = {"collect": first_operator.well("collect", "--json")}
    done["again"] = first_operator.well("collect", "--json")
    done["children"] = first_operator.well(
        "analyze", "--json", "--host", "pair", "--app", "shop+porter"
    )
    for name in fleet:
        done[name] = first_operator.well("analyze", "--json", "--host", name)
    return Chapter({}, done)


@pytest.fixture(scope="module")
def undone(
    fleet: Fleet, collected: Chapter, first_operator: Operator, other_operator: Operator
) -> Chapter:
    done = {"status": other_operator.well("status", "--json")}
    for name in BY_HAND:
        fleet[name].sh("sh /var/lib/memops/runs/*/undo.sh >/dev/null", timeout=90)
    done["rollback"] = other_operator.well("rollback", "--json")
    done["again"] = first_operator.well("rollback", "--json")
    done["status after"] = first_operator.well("status", "--json")
    return Chapter(each(fleet, shops.look), done)


# The tests.


@pytest.mark.parametrize("name", EACH)
def test_a_check_leaves_no_trace(checked: dict[str, Any], name: str) -> None:
    assert sorted(set(checked["after"][name]) ^ set(checked["before"][name])) == []
    assert checked["done"].recap(name)["changed"] == 3


@pytest.mark.parametrize("name", EACH)
def test_the_process_runs_with_the_profiler(enabled: Chapter, before: Chapter, name: str) -> None:
    now = enabled.seen[name]
    assert now.pid not in (0, before.seen[name].pid)
    library = "/opt/memops/jemalloc-5.3.0-libgcc/lib/libjemalloc.so.2"
    assert library in now.environ["LD_PRELOAD"].split(":")
    assert library in now.maps
    conf = now.environ["MALLOC_CONF"].split(",")
    assert {"prof:true", "lg_prof_sample:14", "lg_prof_interval:23"} <= set(conf)
    recap = enabled.done["enable"].recap(name)
    assert (recap["changed"], recap["failed"], recap["unreachable"]) == (3, 0, 0)


@pytest.mark.parametrize("name", EACH)
def test_only_the_launch_file_and_our_own_places_changed(
    enabled: Chapter, before: Chapter, name: str
) -> None:
    changed = difference(before.seen[name].files, enabled.seen[name].files)
    paths = {line.split()[1] for line in changed}
    ours = ("/opt/memops", "/var/lib/memops", "/etc/systemd/system/shop.service.d")
    beside = f"{shop.HOME}/lib/shop.memops-original"
    assert {p for p in paths if not p.startswith(ours)} <= {LAUNCH_FILES[name], beside}
    assert LAUNCH_FILES[name] in paths


@pytest.mark.parametrize("name", ["twin", pytest.param("jvm-had", marks=pytest.mark.jdk)])
def test_what_the_app_had_is_kept_and_extended(
    enabled: Chapter, before: Chapter, name: str
) -> None:
    had, now = before.seen[name], enabled.seen[name]
    assert "libutil.so.1" in had.maps
    assert had.environ.items() >= HAD.items()
    assert "libutil.so.1" in now.environ["LD_PRELOAD"].split(":")
    assert "libutil.so.1" in now.maps
    assert "dirty_decay_ms:5000" in now.environ["MALLOC_CONF"].split(",")


@pytest.mark.jdk
def test_the_options_of_a_jvm_are_kept_and_extended(enabled: Chapter, before: Chapter) -> None:
    assert before.seen["jvm-had"].environ["JAVA_TOOL_OPTIONS"] == HAD_JAVA
    now = enabled.seen["jvm-had"].environ["JAVA_TOOL_OPTIONS"]
    assert now == f"{HAD_JAVA} -XX:+PreserveFramePointer"
    assert "JAVA_TOOL_OPTIONS" not in enabled.seen["jvm"].environ


@pytest.mark.parametrize("name", EACH)
def test_the_second_time_nothing_changes(again: Chapter, enabled: Chapter, name: str) -> None:
    assert again.done["enable"].recap(name)["changed"] == 0
    assert again.done["enable"].recap(name)["ok"] >= 3
    assert again.seen[name].pid == enabled.seen[name].pid
    changed = difference(enabled.seen[name].files, again.seen[name].files)
    assert [line for line in changed if f" {DUMPS}/" not in line] == []


def growth_of(stacks: list[dict[str, Any]], *names: str) -> float:
    """The growth of all stacks that have one of the functions *names*."""
    found = [x for x in stacks if any(call["function"] in names for call in x["calls"])]
    return float(sum(x["amount"]["bytes"] for x in found))


@pytest.mark.parametrize(
    ("name", "leaf", "first"),
    [
        pytest.param(
            "jvm", ("Java_java_util_zip_Inflater_init", "Java_java_util_zip_Inflater_inflateBytesBytes"),
            ("Java_java_util_zip_Inflater_init", "inflateInit2_"), marks=pytest.mark.jdk,
        ),
        ("twin", ("leak_template",), ("leak_template",)),
    ],
)  # fmt: skip
def test_the_leak_is_named_and_measured(
    collected: Chapter,
    accounts: dict[str, Any],
    name: str,
    leaf: tuple[str, ...],
    first: tuple[str, ...],
) -> None:
    study = collected.done[name].document
    assert study["is_growth"]
    account, dumps = accounts[name]
    times = {PurePosixPath(path).name: time for path, time in dumps.items()}
    since, until = (times[PurePosixPath(study[which]).name] for which in ("first", "last"))
    leaked = shops.leaked_at(account, until) - shops.leaked_at(account, since)
    assert leaked > 12 << 20
    found = growth_of(study["stacks"], *leaf)
    assert found == pytest.approx(leaked, rel=0.15)
    assert study["growth"]["bytes"] == pytest.approx(leaked, rel=0.15)
    growing = sorted(study["stacks"], key=lambda x: -x["amount"]["bytes"])[:3]
    names = {call["function"] for stack in growing for call in stack["calls"]}
    assert set(first) <= names


def test_nothing_is_collected_twice(
    collected: Chapter, fleet: Fleet, first_operator: Operator
) -> None:
    told = collected.done["again"].events("TaskEnded")
    assert {event["detail"] for event in told} == {"no new heap profiles"}
    stored = [path.name for path in first_operator.store.glob("snapshots/*/*/*/*/*.heap")]
    assert len(stored) == len(set(stored)) >= 5 * len(fleet)


def test_the_profiles_of_a_child_are_told_apart(
    collected: Chapter, first_operator: Operator
) -> None:
    snapshots = first_operator.store / "snapshots"
    own = {path.parent.parent.name for path in snapshots.glob("shop/pair/*/*/*.heap")}
    children = {path.parent.parent.name for path in snapshots.glob("shop+porter/pair/*/*/*.heap")}
    assert len(own) == len(children) == 1
    assert own.isdisjoint(children)
    assert collected.done["pair"].document["process"]["executable"].endswith("/shop")
    assert collected.done["children"].document["process"]["executable"].endswith("/porter")
    assert collected.done["pair"].document["others"] == []


def test_another_operator_sees_what_is_there(undone: Chapter, fleet: Fleet) -> None:
    (run,) = {event["runs"][0]["run"] for event in undone.done["status"].document}
    rolled_back = undone.done["rollback"].document["rolled_back"]
    assert rolled_back == {name: [run] for name in fleet if name not in BY_HAND}
    for row in undone.done["status after"].document:
        assert row["runs"] == []
        assert [app["profiling"] for app in row["apps"]] == ["off"]


def test_profiles_come_home_before_they_go(undone: Chapter, other_operator: Operator) -> None:
    """The other operator had collected nothing yet."""
    stored = other_operator.store.glob("snapshots/*/*/*/*/*.heap")
    hosts = {path.parent.parent.parent.name for path in stored}
    assert hosts == set(undone.done["rollback"].document["rolled_back"])


@pytest.mark.parametrize("name", EACH)
def test_every_trace_is_gone(undone: Chapter, before: Chapter, name: str) -> None:
    was, now = before.seen[name], undone.seen[name]
    assert difference(was.files, now.files) == []
    assert now.pid
    assert shops.traceless(now)
    assert shops.launch_settings(now) == shops.launch_settings(was)


def test_there_is_nothing_to_undo_twice(undone: Chapter) -> None:
    done = undone.done["again"]
    assert [event["text"] for event in done.events("Note")] == ["nothing to undo"]
    assert done.document["rolled_back"] == {}
