from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.baskets import BasketSeries
from bot.statistics.measure import measure_basket
from bot.statistics.next_session import SettledHistory
from bot.statistics.verdict import DrawdownThresholds
from tests.property import builders


def check(whole: BasketSeries, window: int, lines: DrawdownThresholds, positions: range) -> None:
    """One more session on the past is the row of the columns, to the last bit."""
    columns = measure_basket(whole, window, lines)
    for position in positions:
        past = SettledHistory.of(columns, position, lines)
        after = position + 1
        daily, coverage = float(whole.daily_return[after]), float(whole.coverage[after])
        assert past.next(columns.day(after), daily, coverage) == columns.at(after)


@given(builders.stretches(), st.integers(1, 4), builders.lines())
def test_one_more_session_of_any_series(
    stretch: tuple[list[date], list[float | None]], window: int, lines: DrawdownThresholds
) -> None:
    whole = builders.series(*stretch, coverage=0.75)
    check(whole, window, lines, range(len(whole.sessions) - 1))


# Levels from 1 on, in eighths, quarters and halves, so that lines are met exactly.
PATHS = [
    [0.5, 0.625, 0.75, 0.875, 0.5, 1.0, 1.25],
    [0.5, 0.25, 0.375, 0.3125, 0.25, 0.1875, 0.125, 2.0, 1.5],
    [0.25, 0.5, 0.375, 0.1875, 0.25, 0.125, 0.0625],
    [0.5, 0.25, 0.302, 0.28, 0.245, 0.3],  # below the old trough, but not a fifth below the highest since
]


@pytest.mark.parametrize("levels", PATHS)
@pytest.mark.parametrize(
    "lines",
    [DrawdownThresholds(), DrawdownThresholds(-0.25, -0.5, -0.5, -0.75), DrawdownThresholds(-0.5, -0.75, -0.25, -0.5)],
)
def test_one_more_session_on_the_lines(levels: list[float], lines: DrawdownThresholds) -> None:
    returns = [None, *(after / before - 1 for before, after in pairwise([1.0, *levels]))]
    whole = builders.series(builders.weekdays(date(2003, 11, 3), len(returns)), returns)
    check(whole, 1, lines, range(len(levels)))


@pytest.mark.parametrize(
    "lines",
    [
        DrawdownThresholds(),
        DrawdownThresholds(-0.02, -0.05, -0.1, -0.2),
        DrawdownThresholds(-0.1, -0.2, -0.25, -0.5, lookback=60),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_one_more_session_of_a_wild_series(seed: int, lines: DrawdownThresholds) -> None:
    returns = builders.wild_returns(seed, 400)
    whole = builders.series(builders.weekdays(date(2003, 11, 3), len(returns)), returns)
    check(whole, 1, lines, range(399))


@pytest.mark.parametrize("seed", range(4))
def test_one_more_session_of_years(seed: int) -> None:
    returns = builders.random_returns(seed, 1300)
    whole = builders.series(builders.weekdays(date(2003, 11, 3), len(returns)), returns)
    check(whole, 2, DrawdownThresholds(lookback=[None, 252][seed % 2]), range(seed, 1299, 7))


def test_a_past_knows_nothing_of_what_came_after_it() -> None:
    returns = builders.random_returns(3, 600)
    whole = builders.series(builders.weekdays(date(2003, 11, 3), len(returns)), returns)
    part = builders.cut(whole, 400)
    assert SettledHistory.of(
        measure_basket(whole, 2, DrawdownThresholds()), 399, DrawdownThresholds()
    ) == SettledHistory.of(measure_basket(part, 2, DrawdownThresholds()), 399, DrawdownThresholds())


def test_without_a_reading_there_is_no_verdict() -> None:
    returns = builders.random_returns(0, 20)
    days = builders.weekdays(date(2003, 11, 3), 21)
    past = SettledHistory.of(
        measure_basket(builders.series(days[:20], returns), 2, DrawdownThresholds()), 19, DrawdownThresholds()
    )
    assert past.next(days[20], np.nan, 0.5) is None
