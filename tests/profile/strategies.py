"""Heap profiles and what people might take for them."""

from __future__ import annotations

from hypothesis import strategies as st

from memops.profile.growth.estimate import Estimate, Profile
from memops.profile.heap.profile import Count, HeapProfile, Sampled, Samples, Thread
from memops.profile.memory.maps import Mapping
from memops.profile.symbols.frame import Frame

ADDRESSES = st.integers(0, 2**64 - 1)
AMOUNTS = st.integers(0, 10**20 - 1)
COUNTS = st.builds(Count, AMOUNTS, AMOUNTS)
SAMPLES = st.builds(Samples, COUNTS, COUNTS)
UIDS = st.integers(0, 2**64 - 1)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=15).filter(
    lambda name: len(name.encode()) <= 15
)
THREADS = st.builds(Thread, UIDS, SAMPLES, NAMES)
STACKS = st.dictionaries(
    st.lists(ADDRESSES, max_size=8).map(tuple),
    st.builds(Sampled, SAMPLES, st.lists(st.tuples(UIDS, SAMPLES), max_size=3).map(tuple)),
    max_size=6,
)
_RANGES = st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=12, unique=True).map(sorted)


@st.composite
def mappings(draw: st.DrawFn) -> tuple[Mapping, ...]:
    edges = draw(_RANGES)
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return tuple(
        Mapping(
            start,
            end,
            draw(st.sampled_from(["r-xp", "rw-p", "---p"])),
            draw(st.integers(0, 2**40)),
            draw(st.sampled_from(["", "[stack]", "/usr/lib/libz.so.1", "/tmp/a b (deleted)"])),
            draw(st.integers(0, 2**40)),
        )
        for start, end in pairs
    )


HEAPS = st.builds(
    HeapProfile,
    interval=st.integers(1, 10**20 - 1),
    total=SAMPLES,
    threads=st.lists(THREADS, max_size=4).map(tuple),
    stacks=STACKS,
    mappings=mappings(),
)

FRAMES = st.builds(
    Frame.at,
    st.sampled_from(["/lib/libc.so.6", "/opt/a@b+c.so", "[jit]"]),
    ADDRESSES,
    st.sampled_from(["", "1f95d549"]),
)
ESTIMATES = st.builds(
    Estimate, st.integers(-99, 99), st.integers(-(10**18), 10**18), st.integers(-99, 10**25)
)
PROFILES = st.builds(
    lambda stacks: Profile({frames: each for frames, each in stacks.items() if any(each)}),
    st.dictionaries(st.lists(FRAMES, max_size=3).map(tuple), ESTIMATES, max_size=5),
)
