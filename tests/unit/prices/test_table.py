"""Rows laid on the sessions of one exchange: what is missing, shut, refused, provisional."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from bot.prices.bars import Bars, Floats, RejectedRow, Symbol, empty_bars
from bot.prices.calendars import CalendarCode
from bot.prices.table import Flags, PriceTable, build_table
from tests.world import NEW_YORK, SEOUL, World, weekdays

# Monday 2 to Friday 13 March 2020.
DAYS = weekdays(10, date(2020, 3, 2))
MISSING = math.nan


def quotes(symbol: str, closes: dict[int, float], days: list[date] = DAYS) -> Bars:
    """Closes by position in `days`; the low is a unit lower, the adjusted close half of it."""
    dates = np.array([days[at] for at in closes], dtype="datetime64[D]")
    close = np.array(list(closes.values()), dtype=np.float64)
    return Bars(Symbol(symbol), dates, close, close / 2, close + 1, close - 1, where=f"{symbol}.csv")


def table(
    *bars: Bars,
    shut: dict[CalendarCode, list[int]] | None = None,
    code: CalendarCode = NEW_YORK,
    until: datetime | None = None,
) -> PriceTable:
    world = World(DAYS, {name: [DAYS[at] for at in places] for name, places in (shut or {}).items()})
    return build_table(bars, world.get(code), world, until=int(until.timestamp()) if until else None)


def column(values: Floats | Flags, at: int = 0) -> list[float]:
    return values[:, at].tolist()


def same(found: list[float], expected: list[float]) -> bool:
    return np.array_equal(found, expected, equal_nan=True)


def moment(at: int, hour: float) -> datetime:
    return datetime(DAYS[at].year, DAYS[at].month, DAYS[at].day, tzinfo=UTC) + timedelta(hours=hour)


def test_it_runs_from_the_earliest_to_the_latest_row() -> None:
    found = table(quotes("AAA", {2: 10, 3: 11}), quotes("BBB", {4: 20, 5: 21}))
    assert found.sessions.tolist() == DAYS[2:6]
    assert found.symbols == ("AAA", "BBB")
    assert same(column(found.close, 0), [10, 11, MISSING, MISSING])
    assert same(column(found.close, 1), [MISSING, MISSING, 20, 21])
    assert same(column(found.adjusted), [5, 5.5, MISSING, MISSING])
    assert same(column(found.low), [9, 10, MISSING, MISSING])
    assert found.final_sessions == 4
    assert not found.shut.any()


def test_a_session_without_a_row_is_missing_not_skipped() -> None:
    found = table(quotes("AAA", {0: 10, 1: 11, 4: 12}))
    assert same(column(found.close), [10, 11, MISSING, MISSING, 12])


def test_a_row_outside_the_sessions_is_refused_and_named() -> None:
    holiday = table(quotes("AAA", {0: 10, 1: 11, 2: 12, 3: 13}), shut={NEW_YORK: [2]})
    assert holiday.sessions.tolist() == [DAYS[0], DAYS[1], DAYS[3]]
    assert same(column(holiday.close), [10, 11, 13])
    (refusal,) = holiday.refused
    assert str(refusal) == "AAA.csv 2020-03-04: no session of XNYS on that date; the row is left out"


@pytest.mark.parametrize("stranger", [date(2020, 3, 7), date(1990, 1, 1), date(2031, 1, 1)])
def test_rows_of_a_weekend_or_beyond_the_calendar_are_refused(stranger: date) -> None:
    found = table(quotes("AAA", {0: 10, 1: 11, 2: 12}, sorted([stranger, *DAYS[:2]])))
    assert found.sessions.tolist() == DAYS[:2]
    assert [str(stranger) in one.where for one in found.refused] == [True]


def test_what_was_refused_before_is_still_told() -> None:
    told = replace(quotes("AAA", {0: 10}), refused=(RejectedRow("AAA.csv line 7", "no price"),))
    assert [str(one) for one in table(quotes("BBB", {0: 1}), told).refused] == ["AAA.csv line 7: no price"]


def test_no_rows_at_all() -> None:
    found = table(empty_bars(Symbol("AAA")))
    assert found.sessions.tolist() == []
    assert found.close.shape == (0, 1)
    assert found.final_sessions == 0


def test_a_symbol_without_rows_beside_one_that_has_some() -> None:
    found = table(empty_bars(Symbol("AAA")), quotes("BBB", {1: 10, 2: 11}))
    assert found.sessions.tolist() == DAYS[1:3]
    assert np.isnan(found.close[:, 0]).all()


# Seoul closes hours before New York opens.


def test_seoul_stands_in_new_york_with_the_close_of_the_same_date() -> None:
    found = table(quotes("AAA", {0: 10, 1: 11, 2: 12}), quotes("BBB.KS", {0: 100, 1: 101, 2: 102}))
    assert same(column(found.close, 1), [100, 101, 102])
    assert not found.shut.any()


def test_new_york_stands_in_seoul_with_the_close_of_the_day_before() -> None:
    found = table(quotes("BBB.KS", {0: 100, 1: 101, 2: 102}), quotes("AAA", {0: 10, 1: 11, 2: 12}), code=SEOUL)
    assert found.sessions.tolist() == DAYS[:4]  # on the fourth New York's third close was known
    assert same(column(found.close, 0), [100, 101, 102, MISSING])
    assert same(column(found.close, 1), [MISSING, 10, 11, 12])


def test_seoul_shut_keeps_its_last_close() -> None:
    found = table(quotes("AAA", {0: 10, 1: 11, 2: 12, 3: 13}), quotes("BBB.KS", {0: 100, 3: 103}), shut={SEOUL: [1, 2]})
    assert same(column(found.close, 1), [100, 100, 100, 103])
    assert column(found.shut, 1) == [False, True, True, False]
    assert column(found.shut, 0) == [False] * 4


def test_seoul_open_and_its_close_missing_is_missing() -> None:
    found = table(quotes("AAA", {0: 10, 1: 11, 2: 12}), quotes("BBB.KS", {0: 100, 2: 102}))
    assert same(column(found.close, 1), [100, MISSING, 102])
    assert column(found.shut, 1) == [False] * 3


def test_seoul_open_while_new_york_is_shut_counts_in_the_next_session() -> None:
    found = table(
        quotes("AAA", {0: 10, 2: 12}), quotes("BBB.KS", {0: 100, 1: 90, 2: 99}), shut={NEW_YORK: [1]}
    )  # fmt: skip
    assert found.sessions.tolist() == [DAYS[0], DAYS[2]]
    assert same(column(found.close, 1), [100, 99])


def test_an_exchange_that_closes_at_the_same_moment_counts_on_its_own_date() -> None:
    found = table(quotes("AAA", {0: 10, 1: 11}), quotes("BBB.TO", {0: 100, 1: 101}))
    assert same(column(found.close, 1), [100, 101])


def test_rows_from_abroad_after_the_last_session_at_home_have_no_place() -> None:
    found = table(quotes("AAA", {0: 10, 7: 17}), quotes("BBB.KS", {0: 100, 9: 109}), shut={NEW_YORK: [8, 9]})
    assert found.sessions.tolist() == DAYS[:8]
    assert len(found.close) == 8


# The moment of judgement


@pytest.mark.parametrize(
    ("now", "sessions", "final"),
    [
        pytest.param(moment(3, 22), 4, 4, id="after the close"),
        pytest.param(moment(3, 21), 4, 4, id="at the close"),
        pytest.param(moment(3, 20.9), 4, 3, id="just before it"),
        pytest.param(moment(3, 14.5), 4, 3, id="at the open"),
        pytest.param(moment(3, 14.4), 3, 3, id="just before it opens"),
        pytest.param(moment(5, 12), 5, 5, id="before the open of the next"),
        pytest.param(moment(9, 22), 6, 6, id="no row is later"),
        pytest.param(moment(0, 1), 0, 0, id="before everything"),
    ],
)
def test_a_session_that_opens_later_is_left_out_and_the_open_one_is_provisional(
    now: datetime, sessions: int, final: int
) -> None:
    found = table(quotes("AAA", {at: 10 + at for at in range(6)}), until=now)
    assert found.sessions.tolist() == DAYS[:sessions]
    assert found.final_sessions == final
    assert same(column(found.close), [10 + at for at in range(sessions)])


def test_prices_of_a_session_that_is_over_do_not_depend_on_later_ones() -> None:
    bars = quotes("AAA", {at: 10 + at for at in range(6)}), quotes("BBB.KS", {at: 100 + at for at in range(6)})
    whole, part = table(*bars), table(*bars, until=moment(2, 22))
    for name in ("sessions", "close", "adjusted", "low", "shut"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[:3], equal_nan=name != "sessions")
