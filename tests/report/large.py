"""A study as large as a busy service has it: a hundred thousand stacks, made by a fixed seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from memops.profile.growth.analysis import analyse
from memops.profile.growth.naming import Call, Row

if TYPE_CHECKING:
    from memops.profile.study import Study

FUNCTIONS = 20_000
LIBRARIES = 60
INTERVAL = 1 << 19


def large(small: Study, stacks: int = 100_000) -> Study:
    """*small* with so many *stacks*, a tenth of which grew, instead of its own."""
    chance = random.Random(7)
    calls = [_call(at, chance) for at in range(FUNCTIONS)]
    after: dict[tuple[int, ...], Row] = {}
    before: dict[tuple[int, ...], Row] = {}
    while len(after) < stacks:
        codes = _stack(chance)
        size = int(chance.lognormvariate(12, 1.5))
        after[codes] = Row(size, 1 + size // 4096, size * INTERVAL)
        if chance.random() < 0.9:
            had = size if chance.random() < 0.9 else int(size * chance.random() * 1.2)
            before[codes] = Row(had, 1 + had // 4096, had * INTERVAL)
    return small._replace(analysis=analyse(after, before, calls), series=None, interval=INTERVAL)


def _call(at: int, chance: random.Random) -> Call:
    library = f"lib{at % LIBRARIES}.so.{at % 7}"
    words = ("cache", "pool", "Node", "request", "Handler", "buffer", "decode", "index", "Tree")
    name = "::".join(chance.choice(words) for _ in range(chance.randint(2, 5)))
    return Call(f"{name}::f{at}(unsigned long, char const*)", library)


def _stack(chance: random.Random) -> tuple[int, ...]:
    """Leaf first: callers are few and shared, callees many, the first the likeliest."""
    at = chance.randrange(8)
    codes = [at]
    for _ in range(chance.randint(8, 45)):
        at = (at * 31 + 17 * min(int(chance.expovariate(1.6)), 9) + 1) % FUNCTIONS
        codes.append(at)
    return tuple(reversed(codes))
