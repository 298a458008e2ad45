"""A second reading of profile.proto, written from the format alone: what the tests see of a profile."""

from __future__ import annotations

import gzip
from collections import defaultdict
from dataclasses import dataclass

Fields = dict[int, list[int | bytes]]


def varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def int64(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def numbers(content: int | bytes) -> list[int]:
    assert isinstance(content, bytes)
    found, at = [], 0
    while at < len(content):
        value, at = varint(content, at)
        found.append(int64(value))
    return found


def message(content: int | bytes) -> Fields:
    assert isinstance(content, bytes)
    found: Fields = defaultdict(list)
    at = 0
    while at < len(content):
        tag, at = varint(content, at)
        value, at = varint(content, at)
        if tag & 7 == 2:
            assert at + value <= len(content)
            found[tag >> 3].append(content[at : at + value])
            at += value
        else:
            assert tag & 7 == 0
            found[tag >> 3].append(value)
    return found


def one(fields: Fields, field: int) -> int:
    (value,) = fields.get(field, [0])
    assert isinstance(value, int)
    return value


@dataclass(frozen=True)
class Located:
    """A call: an address with inlined ones is several, the innermost first."""

    address: int
    mapping: int
    function: str
    symbol: str
    source: str


@dataclass(frozen=True)
class Mapped:
    start: int
    end: int
    offset: int
    path: str
    build_id: str
    has_functions: bool


@dataclass(frozen=True)
class Sampled:
    stack: tuple[Located, ...]
    objects: int
    bytes: int
    labels: dict[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.function for each in self.stack)


@dataclass(frozen=True)
class Decoded:
    kinds: list[tuple[str, str]]
    samples: list[Sampled]
    mappings: list[Mapped]
    comments: list[str]
    default: str
    period: int
    period_type: tuple[str, str]
    nanos: int

    def flat_and_cumulative(self) -> dict[str, tuple[int, int]]:
        sums: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for sample in self.samples:
            for name in set(sample.names):
                flat, cumulative = sums[name]
                own = sample.bytes if name == sample.names[0] else 0
                sums[name] = flat + own, cumulative + sample.bytes
        return dict(sums)


def decode(content: bytes) -> Decoded:
    top = message(gzip.decompress(content))
    texts = [each.decode() for each in top[6] if isinstance(each, bytes)]
    assert texts[0] == ""
    assert len(set(texts)) == len(texts)
    functions = {}
    for each in map(message, top[5]):
        functions[one(each, 1)] = texts[one(each, 2)], texts[one(each, 3)], texts[one(each, 4)]
    mappings = list(map(message, top[3]))
    assert [one(each, 1) for each in mappings] == list(range(1, len(mappings) + 1))
    locations = {}
    for each in map(message, top[4]):
        assert one(each, 2) <= len(mappings)
        located = []
        for line in map(message, each[4]):
            name, symbol, file = functions[one(line, 1)]
            source = f"{file}:{one(line, 2)}" if file else ""
            located.append(Located(one(each, 3), one(each, 2), name, symbol, source))
        locations[one(each, 1)] = located
    kind = message(top[11][0])
    return Decoded(
        kinds=[(texts[one(each, 1)], texts[one(each, 2)]) for each in map(message, top[1])],
        samples=[_sample(message(each), locations, texts) for each in top[2]],
        mappings=[
            Mapped(one(each, 2), one(each, 3), one(each, 4), texts[one(each, 5)],
                   texts[one(each, 6)], bool(one(each, 7)))
            for each in mappings
        ],
        comments=[texts[each] for each in numbers(top[13][0])],
        default=texts[one(top, 14)],
        period=one(top, 12),
        period_type=(texts[one(kind, 1)], texts[one(kind, 2)]),
        nanos=one(top, 9),
    )  # fmt: skip


def _sample(fields: Fields, locations: dict[int, list[Located]], texts: list[str]) -> Sampled:
    objects, size = numbers(fields[2][0])
    labels = {texts[one(each, 1)]: texts[one(each, 2)] for each in map(message, fields[3])}
    stack = tuple(each for at in numbers(fields[1][0]) for each in locations[at])
    return Sampled(stack, objects, size, labels)
