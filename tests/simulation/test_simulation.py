"""The simulations, as short as they can be; `make verify-time` has the long forms."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bot.adapters.calendars import ExchangeCalendars
from bot.clock import SystemClock
from bot.prices import CalendarCode
from tests.simulation.life import TIMING, Order
from tests.simulation.market import sessions
from tests.simulation.sessions import _compared, failing, killed, verdict

CODES = ("XNYS", "XASX")


@pytest.fixture(scope="session")
def two_calendars(warm_data: Path) -> Path:
    ExchangeCalendars(warm_data / "calendars", SystemClock()).prepare([CalendarCode("XASX")])
    return warm_data / "calendars"


@pytest.fixture
def order(tmp_path: Path, two_calendars: Path) -> Order:
    """Sydney's summer time begins on 5 October, New York's ends on 2 November."""
    begin, end = datetime(2025, 9, 29, tzinfo=UTC), datetime(2025, 11, 8, tzinfo=UTC)
    return Order(tmp_path, two_calendars, CODES, begin, end, timedelta(hours=2), seed=3, provisional=False)


async def test_whenever_the_power_fails_every_session_is_judged_once_and_in_order(order: Order) -> None:
    await order.create()
    life = await failing(order, random.Random(2), 60)
    found = verdict(life)
    assert found.faults == ()
    assert found.expected == 30 + 30
    assert len(life.where) >= 3
    assert found.messages


async def test_after_a_kill_the_next_process_goes_on(order: Order) -> None:
    await order.create()
    life = await asyncio.to_thread(killed, order, random.Random(1), 0.5, most=3)
    assert len(life.gaps) == 3
    assert verdict(life).faults == ()


def test_sessions_are_compared_with_the_calendars_own() -> None:
    one, two, three = (date(2025, 10, day) for day in (1, 2, 3))
    assert _compared("X", [one, two, three], [two, three]) == []
    assert _compared("X", [two, two, three], [two, three]) == ["X 2025-10-02: judged 2 times"]
    assert _compared("X", [three, two], [two, three]) == ["X: out of order"]
    assert _compared("X", [two], [two, three]) == ["X 2025-10-03: never judged"]
    assert _compared("X", [two, three], [two]) == ["X 2025-10-03: is no session, or not over"]


def test_what_was_final_by_then_is_the_calendars_own_list(two_calendars: Path) -> None:
    """The day after Thanksgiving closes at 13:00, 18:00 UTC."""
    calendar = ExchangeCalendars(two_calendars, SystemClock()).get(CalendarCode("XNYS"))
    begin = datetime(2026, 11, 25, tzinfo=UTC)
    early = datetime(2026, 11, 27, 18, 19, 59, tzinfo=UTC)
    assert sessions(calendar, begin, early, TIMING.settle) == [date(2026, 11, 25)]
    assert sessions(calendar, begin, early + timedelta(seconds=1), TIMING.settle)[1:] == [date(2026, 11, 27)]
