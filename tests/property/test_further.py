"""The next thing worth saying, against trying everything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest

from bot.statistics.measure import VerdictColumns, measure_basket
from bot.statistics.next_session import SettledHistory, next_state, smallest_further_fall
from bot.statistics.verdict import DrawdownState, DrawdownThresholds, Verdict
from tests.property import builders

START = date(1999, 3, 1)
REACHED: dict[str, Callable[[Verdict], bool]] = {
    "record": lambda verdict: verdict.record,
    "worst in a year": lambda verdict: verdict.record or (verdict.worst_in_years or 0) >= 1,
    "worst percent": lambda verdict: verdict.percentile is not None and verdict.percentile <= 1,
    "bear market": lambda verdict: verdict.state >= DrawdownState.BEAR,
    "a move": lambda verdict: verdict.move <= -0.05,
}


def columns_of(returns: list[float | None], lines: DrawdownThresholds = DrawdownThresholds()) -> VerdictColumns:
    return measure_basket(builders.series(builders.weekdays(START, len(returns)), returns), 2, lines)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("what", REACHED)
def test_the_smallest_fall_that_reaches_it(seed: int, what: str) -> None:
    reached = REACHED[what]
    returns = builders.random_returns(seed, 800)
    columns = columns_of(returns)
    found_any = 0
    for position in range(300, 799, 37):
        past, session, so_far = (
            SettledHistory.of(columns, position, DrawdownThresholds()),
            columns.day(position + 1),
            -0.004,
        )
        if past.next(session, so_far, 1.0) is None:
            assert smallest_further_fall(past, session, so_far, 1.0, reached) is None
            continue
        tried = [past.next(session, (1 + so_far) * (1 - steps * 0.001) - 1, 1.0) for steps in range(1000)]
        first = next((steps for steps, one in enumerate(tried) if one is not None and reached(one)), None)
        found = smallest_further_fall(past, session, so_far, 1.0, reached)
        if first is None or first == 0:
            assert found is None
            continue
        found_any += 1
        assert found is not None
        assert found.fraction == -first * 0.001
        # Fed back: the columns of a history that ends there say the same.
        path = [*returns[: position + 1], (1 + so_far) * (1 - first * 0.001) - 1]
        assert columns_of(path).at(position + 1) == found.verdict
    assert found_any or what == "bear market"  # a series may be in one all the time


@pytest.mark.parametrize("seed", range(8))
def test_the_next_line_is_met_by_its_close_and_by_none_above_it(seed: int) -> None:
    returns = builders.wild_returns(seed, 400)
    lines = DrawdownThresholds(lookback=[None, 60][seed % 2])
    columns = columns_of(returns, lines)
    told = 0
    for position in range(1, 399):
        if np.isnan(columns.move[position]):
            continue
        found = next_state(columns, position, lines)
        if found is None:
            continue
        told += 1
        past, session = SettledHistory.of(columns, position, lines), columns.day(position + 1)
        there = past.next(session, found.fraction - 1e-9, 1.0)
        above = past.next(session, found.fraction + 1e-9, 1.0)
        assert there is not None
        assert above is not None
        assert there.entered_state == found.state
        assert above.entered_state < found.state
        assert columns.state[position] < found.state
    assert told > 20


def test_a_bear_market_that_was_left_is_not_told_by_its_line() -> None:
    """It comes back only a fifth below the highest close since."""
    columns = columns_of([None, -0.25, 0.25, 0.0])
    assert columns.state[3] < DrawdownState.BEAR
    assert next_state(columns, 3, DrawdownThresholds()) is None
