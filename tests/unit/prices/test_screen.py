from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.prices.bars import Bars, RawBars, Symbol, validate_rows

FIGURES = ("close", "adjusted", "high", "low")
NAN = float("nan")
Row = tuple[str, float, float, float, float]


def raw(rows: list[Row], lines: list[int] | None = None) -> RawBars:
    """Rows of (date, close, adjusted, high, low)."""
    dates = np.array([row[0] for row in rows], dtype="M8[D]")
    columns = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 4).T
    return RawBars(dates, *columns, lines)


def screened(*rows: Row, lines: list[int] | None = None) -> Bars:
    return validate_rows(Symbol("MU"), "MU.csv", raw(list(rows), lines))


def flat(day: str, price: float = 10.0) -> Row:
    return (day, price, price, price, price)


def test_clean_rows_pass_unchanged_with_the_time_of_the_newest_price() -> None:
    noon = datetime(2024, 1, 3, 17, tzinfo=UTC)
    rows = raw([("2024-01-02", 10, 9, 11, 8), ("2024-01-03", 12, NAN, 13, 9)])
    bars = validate_rows(Symbol("MU"), "Yahoo", rows, noon)
    assert (bars.symbol, bars.where, bars.as_of, bars.refused) == ("MU", "Yahoo", noon, ())
    for name in ("dates", *FIGURES):
        np.testing.assert_array_equal(getattr(bars, name), getattr(rows, name))


@pytest.mark.parametrize("price", [0.0, -1.5, float("inf"), float("-inf")])
@pytest.mark.parametrize("figure", range(1, 5))
def test_a_price_that_is_none_is_left_out_and_the_rest_of_its_row_stays(price: float, figure: int) -> None:
    row = ["2024-01-02", 10.0, 10.0, 10.0, 10.0]
    row[figure] = price
    bars = screened(tuple(row))
    left = [getattr(bars, name)[0] for name in FIGURES]
    assert np.isnan(left[figure - 1])
    assert [value for place, value in enumerate(left, start=1) if place != figure] == [10.0] * 3
    assert [refusal.where for refusal in bars.refused] == ["MU.csv 2024-01-02"]
    assert repr(price) in bars.refused[0].why


def test_a_high_below_the_low_loses_both() -> None:
    bars = screened(("2024-01-02", 10, 10, 9, 11), ("2024-01-03", 10, 10, 11, 9), lines=[2, 3])
    assert np.isnan(bars.high).tolist() == np.isnan(bars.low).tolist() == [True, False]
    assert [str(refusal) for refusal in bars.refused] == ["MU.csv line 2: high is below low; both are left out"]


def test_rows_in_disorder_are_sorted_and_reported_once() -> None:
    bars = screened(flat("2024-01-04", 4), flat("2024-01-02", 2), flat("2024-01-03", 3), flat("2024-01-01", 1))
    assert bars.close.tolist() == [1, 2, 3, 4]
    assert [refusal.where for refusal in bars.refused] == ["MU.csv 2024-01-02"]


def test_a_row_that_stands_twice_counts_once() -> None:
    bars = screened(flat("2024-01-02"), flat("2024-01-03"), flat("2024-01-03"), flat("2024-01-04"), lines=[2, 3, 4, 5])
    assert bars.dates.astype(str).tolist() == ["2024-01-02", "2024-01-03", "2024-01-04"]
    assert [refusal.where for refusal in bars.refused] == ["MU.csv line 4"]


def test_rows_of_one_date_that_disagree_are_both_left_out() -> None:
    bars = screened(flat("2024-01-02"), flat("2024-01-03"), flat("2024-01-03", 10.01), flat("2024-01-04"))
    assert bars.dates.astype(str).tolist() == ["2024-01-02", "2024-01-04"]
    assert "disagree" in bars.refused[0].why


def test_a_row_without_a_date_is_left_out() -> None:
    bars = screened(flat("NaT"), flat("2024-01-02"))
    assert bars.dates.astype(str).tolist() == ["2024-01-02"]
    assert "no date" in bars.refused[0].why


def test_nothing_comes_of_nothing() -> None:
    bars = screened()
    assert len(bars.dates) == len(bars.close) == 0


prices = st.one_of(st.floats(), st.sampled_from([0.0, -1.0, NAN, float("inf"), 1e308, 5e-324, 10.0]))
days = st.one_of(st.just("NaT"), st.dates().map(str))
rows_of_anything = st.lists(st.tuples(days, prices, prices, prices, prices), max_size=12)
few_days = st.sampled_from(["2024-01-02", "2024-01-03", "NaT"])
rows_of_few_days = st.lists(st.tuples(few_days, *[st.sampled_from([NAN, 1.0, 2.0, -1.0])] * 4), max_size=12)


@given(st.one_of(rows_of_anything, rows_of_few_days))
@example([flat("NaT"), flat("NaT")])
def test_whatever_comes_in_only_prices_in_order_come_out(rows: list[Row]) -> None:
    bars = screened(*rows)
    assert (bars.dates[1:] > bars.dates[:-1]).all()
    assert {str(day) for day in bars.dates} <= {row[0] for row in rows} - {"NaT"}
    for name in FIGURES:
        values = getattr(bars, name)
        known = values[~np.isnan(values)]
        assert values.shape == bars.dates.shape
        assert (np.isfinite(known) & (known > 0)).all()
    assert not (bars.high < bars.low).any()


@given(rows_of_anything)
def test_what_has_been_screened_passes_again_without_a_refusal(rows: list[Row]) -> None:
    once = screened(*rows)
    again = validate_rows(Symbol("MU"), "MU.csv", RawBars(once.dates, once.close, once.adjusted, once.high, once.low))
    assert again.refused == ()
    for name in ("dates", *FIGURES):
        np.testing.assert_array_equal(getattr(again, name), getattr(once, name))


@given(rows_of_anything, st.randoms())
def test_nothing_depends_on_the_order_of_the_rows(rows: list[Row], random: object) -> None:
    mixed = list(rows)
    random.shuffle(mixed)
    straight, shuffled = screened(*rows), screened(*mixed)
    for name in ("dates", *FIGURES):
        np.testing.assert_array_equal(getattr(straight, name), getattr(shuffled, name))
