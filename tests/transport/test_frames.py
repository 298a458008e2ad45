"""Contents are found again however a stream is cut, and whatever they hold."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from memops.transport.frames import Splitter

NONCE = "0123456789abcdef0123456789abcdef"
_almost = st.sampled_from(
    [
        b"\n",
        NONCE.encode(),
        b"\n" + NONCE.encode(),
        b"\n" + NONCE.encode()[:-1] + b" 0\n",
        b"0\n",
        b" ",
        b"\0",
    ]
)
_content = st.lists(st.one_of(_almost, st.binary(max_size=6)), max_size=6).map(b"".join)


def _split(stream: bytes, cuts: list[int]) -> list[bytes | str]:
    splitter = Splitter(NONCE)
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    found: list[bytes | str] = []
    for start, end in pairwise(edges):
        for part in splitter.feed(stream[start:end]):
            if isinstance(part, bytes) and found and isinstance(found[-1], bytes):
                found[-1] += part
            else:
                found.append(part)
    return found


@given(
    st.binary(max_size=40),
    st.lists(_content, max_size=4),
    st.lists(st.integers(0, 500), max_size=20),
)
def test_what_goes_in_comes_out(noise: bytes, contents: list[bytes], cuts: list[int]) -> None:
    mark = f"\n{NONCE} ".encode()
    contents = [content for content in contents if mark not in content + b"\n"]
    stream = noise + mark + b"begin\n" + b"".join(each + mark + b"0\n" for each in contents)
    wanted: list[bytes | str] = ["begin"]
    for content in contents:
        wanted += [content, "0"] if content else ["0"]
    assert _split(stream, cuts) == wanted
