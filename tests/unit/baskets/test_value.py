"""Who belongs to a basket, who has a return, and what the basket's own is."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from bot.baskets import Basket, BasketSeries, Member, value_basket
from bot.prices.bars import Symbol
from bot.prices.calendars import CalendarCode
from bot.prices.table import build_table
from tests.world import NEW_YORK, SEOUL, Path, World, basket, weekdays

# Monday 2 to Friday 13 March 2020; the first return is that of day 1.
DAYS = weekdays(10, date(2020, 3, 2))
MISSING = math.nan


def valued(
    of: Basket, trades: dict[str, Path | tuple[int, Path]], shut: dict[CalendarCode, list[int]] | None = None
) -> BasketSeries:
    """`trades` holds each symbol's returns, or the session of its first close and the returns after it."""
    world = World(DAYS, {code: [DAYS[at] for at in places] for code, places in (shut or {}).items()})
    for symbol, path in trades.items():
        listed, returns = path if isinstance(path, tuple) else (0, path)
        world.trade(symbol, returns, listed=listed)
    rows = [world.rows[symbol] for symbol in of.symbols]
    return value_basket(build_table(rows, world.get(of.calendar), world), of)


def near(found: Any, expected: Any) -> bool:
    return np.allclose(found, expected, rtol=0, atol=1e-14, equal_nan=True)


def test_the_return_is_the_mean_of_the_members_returns() -> None:
    found = valued(basket("two", "AAA", "BBB"), {"AAA": [0.1, -0.2], "BBB": [0.3, 0.1]})
    assert near(found.daily_return, [MISSING, 0.2, -0.05])
    assert near(found.coverage, [MISSING, 1, 1])
    assert near(found.shares(), [[0, 0], [0.5, 0.5], [0.5, 0.5]])
    assert near(found.member_returns(), [[MISSING, MISSING], [0.1, 0.3], [-0.2, 0.1]])


def test_weights_are_restored_every_session() -> None:
    of = basket("two", Member(Symbol("AAA"), 3.0), Member(Symbol("BBB"), 1.0))
    found = valued(of, {"AAA": [1.0, -0.2, 0.0], "BBB": [0.0, 0.2, 0.4]})
    assert near(found.daily_return, [MISSING, 0.75, -0.1, 0.1])
    assert near(found.shares()[1:], [[0.75, 0.25]] * 3)


def test_one_member_is_the_basket() -> None:
    found = valued(basket("one", "AAA"), {"AAA": [0.1, None, 0.05, 0.02]})
    assert near(found.daily_return, [MISSING, 0.1, MISSING, MISSING, 0.02])


def test_missing_is_neither_zero_nor_filled_forward() -> None:
    found = valued(
        basket("five", "AAA", "BBB", "CCC", "DDD", "EEE"),
        {"AAA": [-0.1, None, -0.1, -0.1], **{name: [-0.2] * 4 for name in ("BBB", "CCC", "DDD", "EEE")}},
    )
    # The close that is missing costs two returns: that of its session and the next one's.
    assert near(found.member_returns()[:, 0], [MISSING, -0.1, MISSING, MISSING, -0.1])
    assert near(found.daily_return, [MISSING, -0.18, -0.2, -0.2, -0.18])
    assert near(found.coverage, [MISSING, 1, 0.8, 0.8, 1])
    assert near(found.shares()[2], [0, 0.25, 0.25, 0.25, 0.25])


@pytest.mark.parametrize(
    ("weights", "least", "reading"),
    [
        pytest.param([1, 1, 1, 1, 1], 0.8, True, id="four of five is exactly the least"),
        pytest.param([1, 1, 1, 1, 1.01], 0.8, True, id="and a little more"),
        pytest.param([1.01, 1, 1, 1, 1], 0.8, False, id="and a little less"),
        pytest.param([0.3, 0.3, 0.3, 0.3, 0.3], 0.8, True, id="weights that floats cannot hold"),
        pytest.param([0.1, 0.2, 0.1, 0.05, 0.05], 0.8, True, id="unequal ones"),
        pytest.param([1, 1, 1, 1, 1], 0.81, False, id="a higher least"),
        pytest.param([9, 1, 1, 1, 1], 0.3, True, id="a lower least"),
        pytest.param([1, 1, 1, 1, 1], 1.0, False, id="everybody"),
    ],
)
def test_the_least_coverage(weights: list[float], least: float, reading: bool) -> None:
    """The first member's close is missing on the second session."""
    names = ["AAA", "BBB", "CCC", "DDD", "EEE"]
    of = basket("five", *(Member(Symbol(name), weight) for name, weight in zip(names, weights, strict=True)))
    paths: dict[str, Path] = {name: [-0.1, -0.1] for name in names}
    found = valued(replace(of, min_coverage=least), paths | {"AAA": [-0.1, None]})
    assert not math.isnan(found.daily_return[1])
    assert (not math.isnan(found.daily_return[2])) is reading


def test_a_member_belongs_from_the_session_after_its_first_close() -> None:
    of = basket("two", "AAA", "BBB", min_coverage=1.0)
    found = valued(of, {"AAA": [0.1] * 4, "BBB": (2, [-0.1, -0.1])})
    assert [found.listed(t) for t in range(5)] == [
        [False, False],
        [True, False],
        [True, False],
        [True, True],
        [True, True],
    ]
    assert near(found.daily_return, [MISSING, 0.1, 0.1, 0, 0])
    assert near(found.coverage, [MISSING, 1, 1, 1, 1])


def test_from_and_until_are_both_included() -> None:
    of = basket("two", "AAA", Member(Symbol("BBB"), since=DAYS[2], until=DAYS[3]))
    found = valued(of, {"AAA": [0.1] * 5, "BBB": [-0.1] * 5})
    assert [found.listed(t)[1] for t in range(6)] == [False, False, True, True, False, False]
    assert near(found.daily_return, [MISSING, 0.1, 0, 0, 0.1, 0.1])
    assert near(found.day_lows()[:, 1], [MISSING, MISSING, -0.1, -0.1, MISSING, MISSING])


def test_from_before_the_first_close_changes_nothing() -> None:
    of = basket("two", "AAA", Member(Symbol("BBB"), since=DAYS[0]))
    found = valued(of, {"AAA": [0.1] * 4, "BBB": (2, [-0.1, -0.1])})
    assert [found.listed(t)[1] for t in range(5)] == [False, False, False, True, True]


def test_a_delisted_member_costs_coverage_until_it_is_taken_out() -> None:
    paths: dict[str, Path | tuple[int, Path]] = {"AAA": [0.1] * 5, "BBB": [-0.1, -0.1]}
    still = valued(basket("two", "AAA", "BBB"), paths)
    assert near(still.daily_return, [MISSING, 0, 0, MISSING, MISSING, MISSING])
    out = valued(basket("two", "AAA", Member(Symbol("BBB"), until=DAYS[2])), paths)
    assert near(out.daily_return, [MISSING, 0, 0, 0.1, 0.1, 0.1])


def test_adjusted_closes_unless_the_basket_says_otherwise() -> None:
    world = World(DAYS).trade("AAA", [0.0, -0.5, 0.0], lows={1: -0.6})
    world.rows[Symbol("AAA")] = replace(world.rows[Symbol("AAA")], adjusted=np.array([50.0, 50.0, 49.0, 49.0]))
    table = build_table(list(world.rows.values()), world.get(NEW_YORK), world)
    adjusted, split = (
        value_basket(table, basket("one", "AAA", prices=kind)) for kind in ("adjusted", "split-adjusted")
    )
    assert near(adjusted.daily_return, [MISSING, 0, -0.02, 0])
    assert near(split.daily_return, [MISSING, 0, -0.5, 0])
    assert near(adjusted.day_lows()[:, 0], [MISSING, 0, -0.216, 0])  # 40 of 50, as the close of 50 counts 49
    assert near(split.day_lows()[:, 0], [MISSING, 0, -0.6, 0])


# Members of another exchange


ABROAD = basket("mixed", "AAA", "BBB.KS", min_coverage=0.8)
EVERY_DAY: dict[str, Path | tuple[int, Path]] = {"AAA": [0.0] * 4, "BBB.KS": [0.1, 0.2, 0.3, 0.4]}


def test_seoul_counts_in_new_york_on_its_own_date() -> None:
    assert near(valued(ABROAD, EVERY_DAY).member_returns()[:, 1], [MISSING, 0.1, 0.2, 0.3, 0.4])


def test_new_york_counts_in_seoul_a_day_later() -> None:
    found = valued(replace(ABROAD, calendar=SEOUL), {"AAA": [0.1, 0.2, 0.3], "BBB.KS": [0.0] * 4})
    assert near(found.member_returns()[:, 0], [MISSING, MISSING, 0.1, 0.2, 0.3])


def test_seoul_shut_is_a_return_of_zero_that_counts() -> None:
    found = valued(ABROAD, {"AAA": [-0.1] * 4, "BBB.KS": [0.1, 0.2, 0.3]}, {SEOUL: [2]})
    assert near(found.member_returns()[:, 1], [MISSING, 0.1, 0.0, 0.2, 0.3])
    assert near(found.daily_return, [MISSING, 0, -0.05, 0.05, 0.1])
    assert near(found.coverage[1:], 1)
    assert near(found.day_lows()[:, 1], [MISSING, 0.1, MISSING, 0.2, 0.3])


def test_seoul_open_and_its_close_missing_is_missing() -> None:
    found = valued(ABROAD, {"AAA": [-0.1] * 4, "BBB.KS": [0.1, None, 0.3, 0.4]})
    assert near(found.member_returns()[:, 1], [MISSING, 0.1, MISSING, MISSING, 0.4])
    assert near(found.daily_return, [MISSING, 0, MISSING, MISSING, 0.15])


def test_seoul_shut_after_a_missing_close_still_counts() -> None:
    found = valued(ABROAD, {"AAA": [-0.1] * 4, "BBB.KS": [0.1, None, 0.4]}, {SEOUL: [3]})
    assert near(found.member_returns()[:, 1], [MISSING, 0.1, MISSING, 0.0, MISSING])


def test_two_sessions_in_seoul_between_two_in_new_york_compound() -> None:
    found = valued(ABROAD, {"AAA": [0.0, 0.0, 0.0], "BBB.KS": [0.1, 0.2, 0.3, 0.4]}, {NEW_YORK: [2]})
    assert found.sessions.tolist() == [DAYS[0], DAYS[1], DAYS[3], DAYS[4]]
    assert near(found.member_returns()[:, 1], [MISSING, 0.1, 1.2 * 1.3 - 1, 0.4])
