"""What each member contributed to a basket's move."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.baskets import BasketId, BasketSeries
from bot.context.build import contributions
from bot.statistics.measure import window_moves
from tests.property.worlds import any_world
from tests.world import Path, World, basket, book, weekdays

FIVE = basket("five", "A", "B", "C", "D", "E")


def valued(paths: dict[str, Path]) -> BasketSeries:
    world = World(weekdays(10, date(2020, 3, 2)))
    for symbol, returns in paths.items():
        world.trade(symbol, returns)
    return world.board(book([FIVE])).series[FIVE.id]


def test_a_days_part_grows_with_the_basket_on_the_later_days() -> None:
    series = valued({"A": [-0.5, 0.0], **{name: [0.0, -0.1] for name in "BCDE"}})
    # Day one: A alone takes 10 points. Day two: the others take 2 points each of what is left.
    assert contributions(series, 2, 2) == pytest.approx([-0.1 * 0.92, -0.02, -0.02, -0.02, -0.02], abs=1e-15)


def test_who_has_no_price_on_a_day_has_no_part_in_it() -> None:
    series = valued({"A": [-0.5, None, 0.0], **{name: [-0.1, -0.1, -0.1] for name in "BCDE"}})
    assert contributions(series, 2, 1) == pytest.approx([0, -0.025, -0.025, -0.025, -0.025], abs=1e-15)
    assert contributions(series, 2, 2)[0] == pytest.approx(-0.1 * 0.9, abs=1e-15)


@given(st.integers(0, 10**9), st.sampled_from([1, 2, 3, 5]))
def test_the_parts_add_up_to_the_move(seed: int, window: int) -> None:
    world, rulebook = any_world(seed, longest=60)
    board = world.board(rulebook)
    for name in ("one", "seoul"):
        series = board.series[BasketId(name)]
        moves = window_moves(series.daily_return, window)
        for at in np.flatnonzero(~np.isnan(moves)).tolist():
            assert abs(sum(contributions(series, at, window)) - moves[at]) <= 1e-12
