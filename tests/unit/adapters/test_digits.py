from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.adapters.price_files import digits

DAY = "2024-01-31"
spelled = st.one_of(
    st.floats(min_value=1e-4, max_value=1e15).map(repr),
    st.floats(min_value=0.25, max_value=2**20, width=32).map(repr),
    st.integers(0, 10**30).map(str),
    st.decimals(min_value=0, max_value=10**9, places=4).map(str),
    st.from_regex(r"[0-9]{0,25}\.?[0-9]{0,30}", fullmatch=True),
    st.just(""),
)


def body(*cells: str) -> bytes:
    return "".join(f"{DAY},{cell}\n" for cell in cells).encode()


def numbers(*cells: str) -> list[float]:
    found = digits.read(body(*cells), 2, [1])
    assert found is not None
    return found[1][0].tolist()


@given(st.lists(spelled, min_size=1, max_size=8))
@settings(max_examples=500)
def test_every_number_is_the_one_that_float_gives(cells: list[str]) -> None:
    assume(all(cell != "." and "e" not in cell for cell in cells))
    expected = [float(cell) if cell else math.nan for cell in cells]
    np.testing.assert_array_equal(numbers(*cells), expected)


@given(st.integers(2**52, 2**64 - 1), st.integers(0, 19))
@settings(max_examples=500)
def test_so_are_numbers_with_more_digits_than_a_float_holds(whole: int, decimals: int) -> None:
    cell = str(whole).rjust(decimals + 1, "0")
    cell = f"{cell[: len(cell) - decimals]}.{cell[len(cell) - decimals :]}"
    assert numbers(cell) == [float(cell)]


@pytest.mark.parametrize("offset", range(-3, 4))
@pytest.mark.parametrize("exponent", [54, 55, 60, 62])
def test_halfway_between_two_floats_the_even_one_is_taken(exponent: int, offset: int) -> None:
    half = 2**exponent + 2 ** (exponent - 53) + offset
    assert numbers(str(half), f"{half}.") == [float(half)] * 2


def test_without_long_doubles_the_numbers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [repr(1 / n) for n in range(1, 200)]
    monkeypatch.setattr(digits, "LONG_HAS_64_BITS", False)
    assert numbers(*cells) == [float(cell) for cell in cells]


@given(st.lists(st.dates(), min_size=1, max_size=5))
def test_dates_are_read_as_they_stand(days: list[date]) -> None:
    found = digits.read("".join(f"{day},1\n" for day in days).encode(), 2, [1])
    assert found is not None
    assert found[0].tolist() == days


def test_only_the_wanted_columns_come_in_the_order_asked() -> None:
    found = digits.read(b"2024-01-02,1,2,,4\n2024-01-03,5,6.5,7,8\n", 5, [4, 2, 3])
    assert found is not None
    np.testing.assert_array_equal(found[1], [[4, 8], [2, 6.5], [np.nan, 7]])


@pytest.mark.parametrize(
    "text",
    [
        "", "2024-01-31,1", "2024-01-31,1,2\n", "2024-01-31\n", "\n", "2024-01-31,-1\n", "2024-01-31,1e5\n",
        "2024-01-31,nan\n", "2024-01-31,1 \n", "2024-01-31,1.2.3\n", "2024-01-31,1..2\n", "2024-01-31,.\n",
        "2024-02-30,1\n", "2023-02-29,1\n", "2024-13-01,1\n", "2024-00-10,1\n", "2024-01-00,1\n", "0000-01-01,1\n",
        "2024-1-31,1\n", "31-01-2024,1\n", "20-240-131,1\n", "20240131--,1\n", "2024-01-3.1,1\n", "2024-01-31.,1\n",
        "--,1\n", ",1\n", "1,2024-01-31\n", "2024-01-31,1\n2024-02-01\n,2\n", "2024-01-31;1\n", "2024-01-31,1\r\n",
    ],
)  # fmt: skip
def test_what_is_not_clean_is_not_read(text: str) -> None:
    assert digits.read(text.encode(), 2, [1]) is None


@given(st.text("0123456789.,-\n", max_size=60))
@settings(max_examples=500)
def test_nothing_that_looks_like_numbers_breaks_it(text: str) -> None:
    found = digits.read(text.encode(), 2, [1])
    if found is not None:
        rows = [line.split(",") for line in text.split("\n")[:-1]]
        assert [str(day) for day in found[0]] == [row[0] for row in rows]
        np.testing.assert_array_equal(found[1][0], [float(row[1] or "nan") for row in rows])
