"""The simulations, as short as they can be; `make verify-time` has the long forms."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bot.adapters.calendars import CachedCalendars
from bot.clock import SystemClock
from bot.prices.calendars import CalendarCode
from tests.moment.calendars import calendars_with
from tests.simulation import faked
from tests.simulation.life import TIMING, Order
from tests.simulation.market import sessions
from tests.simulation.sessions import _compared, failing, killed, verdict

CODES = ("XNYS", "XASX")


@pytest.fixture(scope="session")
def two_calendars() -> Path:
    return calendars_with(*CODES)


@pytest.fixture
def order(tmp_path: Path, two_calendars: Path) -> Order:
    """New York's summer time ends on 2 November, Sydney's has begun."""
    begin, end = datetime(2025, 10, 24, tzinfo=UTC), datetime(2025, 11, 8, tzinfo=UTC)
    return Order(tmp_path, two_calendars, CODES, begin, end, timedelta(hours=2), seed=3, provisional=False)


async def test_whenever_the_power_fails_every_session_is_judged_once_and_in_order(order: Order) -> None:
    await order.create()
    life = await failing(order, random.Random(2), 50)
    found = verdict(life)
    assert found.faults == ()
    assert found.expected == 11 + 11
    assert len(life.where) >= 3
    assert found.messages


async def test_after_a_kill_the_next_process_goes_on(order: Order) -> None:
    longer = replace(order, end=order.end + timedelta(days=40))  # nobody is done before the third kill
    await longer.create()
    life = await asyncio.to_thread(killed, longer, random.Random(1), 0.3, most=3)
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
    calendar = CachedCalendars(two_calendars, SystemClock()).get(CalendarCode("XNYS"))
    begin = datetime(2026, 11, 25, tzinfo=UTC)
    early = datetime(2026, 11, 27, 18, 19, 59, tzinfo=UTC)
    assert sessions(calendar, begin, early, TIMING.settle) == [date(2026, 11, 25)]
    assert sessions(calendar, begin, early + timedelta(seconds=1), TIMING.settle)[1:] == [date(2026, 11, 27)]


@pytest.mark.skipif(faked.LIBRARY is None, reason="libfaketime is not installed (Debian: apt install faketime)")
async def test_a_process_whose_clock_goes_fast_judges_an_early_close_in_time(two_calendars: Path) -> None:
    """13:00 in New York, on the day after Thanksgiving."""
    (case,) = (one for one in faked.CASES if "Thanksgiving" in one.name)
    begin = datetime(2026, 11, 27, 18, 14, tzinfo=UTC)
    brisk = replace(case, spells=(faked.Spell(begin, begin + timedelta(minutes=6)),), rate=2 * faked.RATE)
    outcome = await faked.lived(brisk, two_calendars)
    assert [day for day, _ in outcome.judged].count(date(2026, 11, 27)) == 1
    assert outcome.judged[-1][1] >= begin + timedelta(minutes=6)
    assert outcome.out.count("event #") == 1


def test_what_is_judged_twice_or_too_early_is_a_fault(two_calendars: Path) -> None:
    case, settled = faked.CASES[0], datetime(2025, 4, 4, 20, 20, tzinfo=UTC)
    day, before = date(2025, 4, 4), date(2025, 4, 3)

    def wrong(*judged: tuple[date, datetime], out: str = "event #1") -> list[str]:
        return faked.faults(case, faked.Outcome(judged, out, ""), two_calendars)

    assert wrong((before, settled), (day, settled)) == []
    assert len(wrong((day, settled), (day, settled))) == 1
    assert wrong((day, settled - timedelta(seconds=1))) == ["2025-04-04 at 2025-04-04 20:19:59+00:00"]
    assert wrong((day, settled), out="event #1 event #1") == ["2 messages"]
    assert wrong((day, settled), out="Late: event #1") == ["late, or not, and says otherwise"]
