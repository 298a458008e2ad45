"""The Java method behind a native leak, on a real host: libunwind, frame pointers and a perf map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e import shops
from tests.e2e.operators import Operator, operator
from tests.lab import shop
from tests.recipes.brewed import real_library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.api import Lab, LabHost

pytestmark = [pytest.mark.lab, pytest.mark.jdk, pytest.mark.timeout(300)]

ENABLE = ("enable-profiling", "--unwinder", "libunwind", "--frame-pointers", "--json")
LIBUNWIND = next(
    Path("/usr/lib").glob("*-linux-gnu/libunwind.so.8"), Path("/usr/lib64/libunwind.so.8")
)


@pytest.fixture(scope="module")
def host(full_lab: Lab) -> Iterator[LabHost]:
    spec = shop.spec("java", "unit")
    started = full_lab.start("callers", files=spec.files, hook=spec.hook)
    shops.wait_for_answer(started)
    yield started
    full_lab.stop(started)


@pytest.fixture(scope="module")
def someone(full_lab: Lab, host: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    real_library(variant="libunwind")
    variables = shops.apps(**shop.description("unit"))
    return operator(full_lab, tmp_path_factory.mktemp("someone"), {host: variables})


def test_a_host_without_libunwind_is_refused_before_anything_changes(
    host: LabHost, someone: Operator
) -> None:
    before = shops.look(host)

    done = someone(*ENABLE)

    assert done.rc != 0
    assert "this host has no libunwind.so.8" in done.said
    assert "say --unwinder libgcc" in done.said
    assert shops.same(before, host).pid == before.pid


def test_the_java_method_that_leaks_is_named_and_every_trace_goes(
    host: LabHost, someone: Operator
) -> None:
    host.write(str(LIBUNWIND), LIBUNWIND.read_bytes(), 0o755)  # as apt-get install libunwind8
    before = shops.look(host)

    someone.well(*ENABLE)
    now = shops.look(host)
    url = "127.0.0.1:8080"
    host.sh(f"wget -q -O - {url}/leak/0 {url}/rate/900; sleep 4")  # until its methods are compiled
    host.sh(f"rm -f /var/lib/memops/dumps/shop/*; wget -q -O - {url}/leak/1")
    shops.wait_for_dumps(host, 8)
    someone.well("collect", "--jvm", "--json")
    study = someone.well("analyze", "--json", "--host", host.name).document
    text = someone.well("analyze", "--host", host.name).stdout
    someone.well("rollback", "--json")

    assert "/opt/memops/jemalloc-5.3.0-libunwind/lib/libjemalloc.so.2" in now.maps
    assert now.environ["JAVA_TOOL_OPTIONS"] == "-XX:+PreserveFramePointer"
    assert study["java"]["ends"] < 0.1
    assert study["java"]["named"] > 0.8
    assert "com.acme.shop.Shop.handle (JIT)" in text
    shops.same(before, host)
