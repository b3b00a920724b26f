"""What does doctor make of a clock, a calendar and a price?"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest

from bot.app import doctor
from bot.app.doctor import FindingStatus, check_clock
from bot.prices.bars import Bars, Symbol
from bot.prices.calendars import UnscheduledClosure
from tests.world import NEW_YORK, calendar, weekdays

DAYS = weekdays(60, date(2026, 7, 1))
WHOLE = calendar(NEW_YORK, DAYS)  # its zone is UTC, its hours are 14:30 to 21:00
DAY = DAYS[10]
SETTLE = timedelta(minutes=20)
SECOND = timedelta(seconds=1)


def at(hour: float, day: date = DAY) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("ahead", "mark", "phrase"),
    [
        ({"Telegram": 60 * SECOND, "Yahoo": None}, FindingStatus.OK, "within 61 s of Telegram"),
        ({"Telegram": 61 * SECOND, "Yahoo": SECOND}, FindingStatus.WARN, "61 s behind Telegram"),
        ({"Telegram": None, "Yahoo": -600 * SECOND}, FindingStatus.WARN, "600 s ahead of Yahoo"),
        ({"Telegram": None, "Yahoo": None}, FindingStatus.WARN, "nobody answered"),
    ],
)
def test_a_clock(ahead: dict[str, timedelta | None], mark: FindingStatus, phrase: str) -> None:
    found = check_clock(ahead, at(12))
    assert (found.mark, phrase in found.seen, bool(found.remedy)) == (mark, True, mark is not FindingStatus.OK)


def test_the_next_session_and_what_was_declared() -> None:
    closures = [
        UnscheduledClosure(NEW_YORK, DAYS[12], time(18)),
        UnscheduledClosure(NEW_YORK, DAYS[13]),
        UnscheduledClosure(NEW_YORK, DAYS[2]),
    ]
    found = doctor.check_calendar("calendar", WHOLE, closures, at(21))
    assert found.mark is FindingStatus.OK
    session, known, declared = found.seen.split("; ")
    assert session == "next session Thu 16 Jul 2026, 14:30 to 21:00 UTC (UTC)"
    assert known == "known to 22 Sep 2026"
    assert declared == "declared: 17 Jul 2026 closes 18:00, 20 Jul 2026 shut"


def test_a_calendar_that_ends_soon() -> None:
    found = doctor.check_calendar("calendar", WHOLE, (), at(12, DAYS[50]))
    assert (found.mark, found.seen) == (FindingStatus.WARN, "ends on 22 Sep 2026")


@pytest.mark.parametrize(
    ("now", "last", "newest", "mark", "phrase"),
    [
        (at(20), DAY, at(19.8), FindingStatus.OK, "12 min old; its session is not over"),
        (at(20), DAY, at(19), FindingStatus.WARN, "60 min old, while the exchange is open"),
        (at(14.9), DAYS[9], at(21, DAYS[9]), FindingStatus.OK, "its session is final"),
        (at(15.1), DAYS[9], at(21, DAYS[9]), FindingStatus.WARN, "18 h old, while the exchange is open"),
        (at(21.2), DAY, at(21), FindingStatus.OK, "its session is not over"),
        (at(22), DAY, at(21), FindingStatus.OK, "60 min old; its session is final"),
        (at(22), DAYS[9], at(21, DAYS[9]), FindingStatus.WARN, "nothing of the session of 15 Jul, which is over"),
        (at(22), DAY, None, FindingStatus.OK, "newest price of 15 Jul 2026; its session is final"),
    ],
)
def test_a_price(now: datetime, last: date, newest: datetime | None, mark: FindingStatus, phrase: str) -> None:
    one = np.ones(1)
    bars = Bars(Symbol("AA"), np.array([last], dtype="M8[D]"), one, one, one, one, where="Yahoo", as_of=newest)
    found = doctor.check_price("source", bars, WHOLE, SETTLE, now)
    assert found.seen.startswith("Yahoo has AA: newest price of ")
    assert (found.mark, phrase in found.seen) == (mark, True), found.seen
