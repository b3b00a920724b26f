from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bot.statistics.ranks import rank_against_past


def check(values: np.ndarray) -> None:
    """Each value against all before it, one after the other."""
    found = rank_against_past(values)
    for t, value in enumerate(values):
        earlier = values[:t]
        as_low = np.flatnonzero(earlier <= value)
        assert found.below[t] == np.count_nonzero(earlier < value)
        assert found.at_or_below[t] == len(as_low)
        assert found.latest[t] == (as_low[-1] if len(as_low) else -1)


floats = st.one_of(
    st.sampled_from([-0.02, -0.01, -0.0, 0.0, 0.01, 0.5]),
    st.floats(allow_nan=False, allow_infinity=False),
    # A few steps of the last digit apart.
    st.integers(-4, 4).map(lambda steps: 0.25 + steps * 2.0**-54),
)


@given(arrays(np.float64, st.integers(0, 193), elements=floats))
@example(np.array([0.0, -0.0, 0.0]))
@example(np.array([5e-324, 0.0, -5e-324, 1e308, -1e308]))
def test_any_values(values: np.ndarray) -> None:
    check(values)


@pytest.mark.parametrize("length", [0, 1, 2, *(k * 64 + d for k in (1, 2, 8, 64) for d in (-1, 0, 1))])
@pytest.mark.parametrize("different", [1, 2, 30, 10**9])
def test_lengths_around_powers_of_two(length: int, different: int) -> None:
    check(np.random.default_rng(length).integers(different, size=length) / 1000)


@pytest.mark.parametrize("length", [8191, 8192, 8193, 32831])
def test_long_series(length: int) -> None:
    check(np.round(np.random.default_rng(length).standard_t(4, length), 3))


@pytest.mark.parametrize("length", [63, 192, 8257])
def test_rising_and_falling(length: int) -> None:
    rising = np.arange(length) / 7
    check(rising)
    check(-rising)
    check(np.where(np.arange(length) % 2, rising, -rising))
    check(np.abs(rising - rising.mean()))
