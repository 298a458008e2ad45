from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import NoHostsError, UsageError
from memops.inventory import Inventory, load
from memops.inventory.pattern import Names, match, split

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = tuple(f"h{number}" for number in range(8))
GROUPS = {
    "all": HOSTS,
    "even": HOSTS[::2],
    "low": HOSTS[:4],
    "none": (),
    "high": HOSTS[4:],
}
NAMES = Names(dict.fromkeys(HOSTS), GROUPS, GROUPS.__getitem__)

terms = st.sampled_from([*HOSTS, *GROUPS, "h[0-3]*", "~h[1-4]", "low[1:2]", "even[-1]", "h?", "*"])


def chosen(*pattern: str) -> set[str]:
    return set(match(pattern, NAMES, "test"))


@given(terms, terms, terms)
def test_union_intersection_and_exclusion_are_those_of_sets(a: str, b: str, c: str) -> None:
    assert chosen(a, b, f"!{c}") == (chosen(a) | chosen(b)) - chosen(c)
    assert chosen(a, b, f"&{c}") == (chosen(a) | chosen(b)) & chosen(c)
    assert chosen(f"!{a}", f"&{b}") == (set(HOSTS) & chosen(b)) - chosen(a)


@given(
    st.lists(st.tuples(st.sampled_from(["", "&", "!"]), terms), min_size=1, max_size=5),
    st.randoms(),
)
def test_the_order_of_terms_does_not_matter(signed: list[tuple[str, str]], random: object) -> None:
    pattern = [sign + term for sign, term in signed]
    shuffled = list(pattern)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' own Random
    assert chosen(*pattern) == chosen(*shuffled)


@given(st.text(alphabet="h0123evn:,&![]~*?.-@ ", max_size=20))
def test_any_pattern_is_answered_or_refused(text: str) -> None:
    pattern = [term for term in split(text) if term]
    try:
        found = match(pattern, NAMES, text)
    except UsageError:
        return
    assert set(found) <= set(HOSTS)


SPLITS = [
    ("a:b", ("a", "b")),
    ("a,b:c", ("a", "b:c")),
    ("web[0:2]:db", ("web[0:2]", "db")),
    ("::1", ("::1",)),
    ("2001:db8::1", ("2001:db8::1",)),
    ("host:22", ("host:22",)),
    (" a , b ,", ("a", "b")),
    ("a:&b:!c", ("a", "&b", "!c")),
]


@pytest.mark.parametrize(("text", "parts"), SPLITS)
def test_splits_as_ansible(text: str, parts: tuple[str, ...]) -> None:
    assert split(text) == parts


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    (tmp_path / "hosts").write_text("[web]\nw1\nw2\nw3\n[db]\nd1\n")
    return load([str(tmp_path / "hosts")])


def test_limit_takes_away_and_reads_files(inventory: Inventory, tmp_path: Path) -> None:
    listed = tmp_path / "failed.retry"
    listed.write_text("# failed\nw3\n\nd1\n")
    assert inventory.select("all", f"@{listed}") == ("w3", "d1")
    assert inventory.select("web", f"@{listed}") == ("w3",)
    assert inventory.select("web", "!w1") == ("w2", "w3")
    assert inventory.select("all", f"w1,@{listed},!d1") == ("w1", "w3")
    assert inventory.select(["web[0]", "d1:w2"]) == ("w1", "d1", "w2")
    with pytest.raises(UsageError, match="cannot be read"):
        inventory.select("all", "@nope.txt")


def test_localhost_needs_no_inventory(inventory: Inventory) -> None:
    assert inventory.select("localhost") == ("localhost",)
    assert inventory.connection("localhost").connection == "local"
    assert "localhost" not in inventory.select("all")
    with pytest.raises(NoHostsError):
        inventory.vars("nope")
