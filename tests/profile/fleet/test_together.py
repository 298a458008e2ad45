"""The stacks of several hosts as one: what adds up, what stays apart, and what pprof is given."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.profile.fleet.fleet import fleet
from memops.profile.fleet.lives import read_lives
from memops.profile.fleet.together import studies_of, together
from memops.profile.growth.naming import Lexicon
from memops.profile.heap.profile import Count
from memops.profile.memory.maps import Mapping
from memops.profile.symbols.frame import JIT, Frame
from memops.profile.symbols.names import Name
from memops.report.merging import on_common_ground
from memops.report.pprof import pprof_together
from memops.report.samples import Mapped, Place, Sample, Samples
from memops.report.view import View
from tests.corpus import read
from tests.report import decode

if TYPE_CHECKING:
    from memops.profile.study import Study

HOSTS = ("web-1", "web-2", "web-5")


def studies(*hosts: str) -> tuple[list[Study], Lexicon]:
    inputs, lexicon = read.fleet(*hosts), Lexicon()
    shown = fleet("shop", read_lives(inputs).hosts).hosts
    return studies_of(shown, inputs, lexicon), lexicon


@pytest.fixture(autouse=True)
def _in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(read.HERE)


def test_together_they_are_the_sum_of_the_lives_that_are_shown() -> None:
    each, lexicon = studies(*HOSTS)

    whole = together(each, lexicon)

    assert [one.process.pid for one in each] == [10903, 10905, 10911]
    assert whole.analysis.growth.bytes == sum(one.analysis.growth.bytes for one in each)
    assert whole.analysis.live.bytes == sum(one.analysis.live.bytes for one in each)
    assert whole.process.dumps == 21
    assert len(whole.analysis.stacks) < sum(len(one.analysis.stacks) for one in each)


def test_with_the_host_as_root_each_host_has_its_own_stacks() -> None:
    each, lexicon = studies(*HOSTS)

    whole = together(each, lexicon, host_frames=True)

    sums: Counter[str] = Counter()
    for stack in whole.analysis.stacks:
        sums[stack.calls[-1].function] += stack.amount.bytes
    assert sums == {one.inputs.host: one.analysis.growth.bytes for one in each}


def test_the_profile_has_each_sample_with_its_host_and_life() -> None:
    each, _ = studies(*HOSTS)

    found = decode.decode(pprof_together(each, View()))

    sums: Counter[tuple[str, str]] = Counter()
    for sample in found.samples:
        sums[sample.labels["host"], sample.labels["life"]] += sample.bytes
    assert sums == {
        (one.inputs.host, f"pid {one.process.pid}"): one.analysis.growth.bytes for one in each
    }
    assert [each.path.rpartition("/")[2] for each in found.mappings].count("libc.so.6") == 1
    for sample in found.samples:
        for call in sample.stack:
            mapping = found.mappings[call.mapping - 1]
            assert mapping.start <= call.address < mapping.end


def test_growth_and_what_is_live_are_no_parts_of_one_whole() -> None:
    one, other = read.fleet("web-1", "web-2")
    first = [path for path in other.times if ".10905.0." in path.name]
    inputs = [one, other._replace(dumps=first)]

    with pytest.raises(UsageError, match="web-2: one dump tells what is live"):
        studies_of(read_lives(inputs).hosts, inputs, Lexicon())


STARTS = st.integers(1, 1 << 30).map(lambda page: page << 12)


def sampled(start: int, path: str, build_id: str, size: int) -> Samples:
    """One sample of a process that mapped *path* at *start*, and ran JIT code beside it."""
    mapping = Mapped(Mapping(start, start + 0x4000, "r-xp", 0, path), build_id)
    file, jit = Frame.at(path, 0x1234, build_id), Frame.at(JIT, 0x7F00, "")
    return Samples(
        {Sample((jit, file), ""): Count(1, size)},
        {file: Place(start + 0x1233, mapping), jit: Place(0x7EFF, None)},
        lambda frame: Name(f"{frame}", label="x"),
        mapping,
        {},
    )


@given(st.lists(STARTS, min_size=1, max_size=4), st.sampled_from(["", "ab12"]))
def test_a_file_is_mapped_once_and_code_of_a_jit_is_each_process_own(
    starts: list[int], build_id: str
) -> None:
    found = on_common_ground(
        [sampled(start, "/lib/x.so", build_id, at + 1) for at, start in enumerate(starts)]
    )

    assert sum(count.bytes for one in found for count in one.counts.values()) == sum(
        range(1, len(starts) + 1)
    )
    stacks = [sample.frames for one in found for sample in one.counts]
    assert len({frames[0] for frames in stacks}) == len(starts)
    assert len({frames[1] for frames in stacks}) == (1 if build_id else len(starts))
    places = [found[0].places[frames[1]] for frames in stacks]
    assert {place.mapped for place in places} == {found[0].program}
    assert {place.address for place in places} == {starts[0] + 0x1233}
