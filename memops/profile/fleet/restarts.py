"""One app on one host over its restarts: what grows in each life, and what is new since one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memops.profile.fleet.lives import most_changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memops.profile.fleet.lives import HostLives, Life
    from memops.profile.fleet.rates import Rate
    from memops.profile.growth.naming import Call, Codes

_CANDIDATES = 30
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class RestartRow:
    """A function in all lives: *codes* are itself and its caller, as indices into *words*.

    *rates* and *live* (bytes in the last dump) are by life, a rate None where its dumps do not tell.
    *since* is the number of the first life that knows it, from 1.
    """

    codes: Codes
    words: Sequence[Call]
    rates: tuple[Rate | None, ...]
    live: tuple[int, ...]
    since: int

    @property
    def calls(self) -> tuple[Call, ...]:
        """The function and its caller."""
        return tuple(map(self.words.__getitem__, self.codes))

    @property
    def always(self) -> bool:
        """Whether it surely grows in every life, of which there are several, as far as dumps tell."""
        told = [each for each in self.rates if each is not None]
        return len(told) > 1 and all(each.low > 0 for each in told)

    @property
    def grows_since(self) -> int | None:
        """The number of the first life in which it surely grows, if it surely grew less before.

        Sampling may have missed it before: so that must be shown of all earlier rates.
        """
        at = next((at for at, each in enumerate(self.rates) if each and each.low > 0), 0)
        known = [each for each in self.rates[:at] if each is not None]
        later = self.rates[at]
        if not known or later is None:
            return None
        return at + 1 if all(each.high < _HALF * later.mean for each in known) else None

    @property
    def is_new(self) -> bool:
        """Whether no life knows it before the one since which it grows."""
        return self.since == self.grows_since

    @property
    def stopped(self) -> bool:
        """Whether it surely grew in each life but the last, and there by less than half."""
        told = [each for each in self.rates if each is not None]
        if len(told) < 2 or any(each.low <= 0 for each in told[:-1]):  # noqa: PLR2004 - a pair
            return False
        return told[-1].high < _HALF * min(each.mean for each in told[:-1])


@dataclass(frozen=True, slots=True)
class Restarts:
    """The lives of *app* on *host*, and the *rows*: those that grow the most over all lives first.

    *wholes* is how fast everything together grows in each life.
    """

    app: str
    host: HostLives
    wholes: tuple[Rate | None, ...]
    rows: tuple[RestartRow, ...]
    notes: tuple[str, ...]


def restarts(app: str, host: HostLives, notes: Sequence[str] = ()) -> Restarts:
    """The lives of *app* on *host* side by side."""
    wholes = tuple(life.whole() for life in host.lives)
    rows = [_row(codes, host.lives) for codes in _candidates(host)]
    ordered = sorted(rows, key=lambda row: (-_steepest(row), row.calls))
    return Restarts(app, host, wholes, tuple(ordered), tuple(notes))


def _candidates(host: HostLives) -> list[Codes]:
    """What changed the most, and what the last dumps hold the most of: dumps may tell no more."""
    held = {codes: row.bytes for life in host.lives for codes, row in life.rows.items()}
    largest = sorted(held, key=lambda codes: -held[codes])[:_CANDIDATES]
    return [*dict.fromkeys([*most_changed([host], _CANDIDATES), *largest])]


def _row(codes: Codes, lives: Sequence[Life]) -> RestartRow:
    since = next((at for at, life in enumerate(lives, 1) if codes in life.seen), len(lives))
    return RestartRow(
        codes,
        lives[0].words,
        tuple(life.rate(codes) for life in lives),
        tuple(life.rows[codes].bytes if codes in life.rows else 0 for life in lives),
        since,
    )


def _steepest(row: RestartRow) -> float:
    return max((each.mean for each in row.rates if each is not None), default=float(max(row.live)))
