from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memops.errors import UsageError
from memops.playbook.waves import serial_waves

SIZES = [
    (10, ("25%",), [2, 2, 2, 2, 2]),
    (10, (3,), [3, 3, 3, 1]),
    (10, (1, "10%", "50%"), [1, 1, 5, 3]),
    (10, (), [10]),
    (10, (0,), [10]),
    (3, ("10%",), [1, 1, 1]),
    (7, ("30%",), [2, 2, 2, 1]),
    (7, (1, 2), [1, 2, 2, 2]),
    (5, ("100%",), [5]),
    (5, ("200%",), [5]),
    (5, ("2",), [2, 2, 1]),
    (0, (1,), []),
    (11, ("33.4%",), [3, 3, 3, 2]),
    (4, ("0%",), [1, 1, 1, 1]),
]


@pytest.mark.parametrize(("total", "serial", "sizes"), SIZES)
def test_sizes_are_ansibles(total: int, serial: tuple[int | str, ...], sizes: list[int]) -> None:
    hosts = [f"h{number}" for number in range(total)]
    assert [len(wave) for wave in serial_waves(hosts, serial)] == sizes


@given(
    st.lists(st.text(min_size=1), unique=True, max_size=60),
    st.lists(
        st.one_of(st.integers(0, 70), st.integers(0, 150).map(lambda number: f"{number}%")),
        max_size=5,
    ),
)
def test_waves_partition_the_hosts_in_order(hosts: list[str], serial: list[int | str]) -> None:
    waves = serial_waves(hosts, serial)
    assert [host for wave in waves for host in wave] == hosts
    assert all(waves)


@pytest.mark.parametrize("serial", ["x", "", "-1", -1, "x%", "-5%", "nan%", "inf%", True, 1.5])
def test_what_is_no_size_is_refused(serial: Any) -> None:
    with pytest.raises(UsageError, match="is no size of a wave"):
        serial_waves(["a"], [serial])
