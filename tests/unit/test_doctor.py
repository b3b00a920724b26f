"""What does doctor make of a clock, a calendar and a price?"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest

from bot.app.doctor import Mark, market
from bot.app.doctor.machine import check_clock
from bot.prices import Bars, Closure, Symbol
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
        ({"Telegram": 60 * SECOND, "Yahoo": None}, Mark.OK, "within 61 s of Telegram"),
        ({"Telegram": 61 * SECOND, "Yahoo": SECOND}, Mark.WARN, "61 s behind Telegram"),
        ({"Telegram": None, "Yahoo": -600 * SECOND}, Mark.WARN, "600 s ahead of Yahoo"),
        ({"Telegram": None, "Yahoo": None}, Mark.WARN, "nobody answered"),
    ],
)
def test_a_clock(ahead: dict[str, timedelta | None], mark: Mark, phrase: str) -> None:
    found = check_clock(ahead, at(12))
    assert (found.mark, phrase in found.seen, bool(found.remedy)) == (mark, True, mark is not Mark.OK)


def test_the_next_session_and_what_was_declared() -> None:
    closures = [Closure(NEW_YORK, DAYS[12], time(18)), Closure(NEW_YORK, DAYS[13]), Closure(NEW_YORK, DAYS[2])]
    found = market._sessions("calendar", WHOLE, closures, at(21))
    assert found.mark is Mark.OK
    session, known, declared = found.seen.split("; ")
    assert session == "next session Thu 16 Jul 2026, 14:30 to 21:00 UTC (UTC)"
    assert known == "known to 22 Sep 2026"
    assert declared == "declared: 17 Jul 2026 closes 18:00, 20 Jul 2026 shut"


def test_a_calendar_that_ends_soon() -> None:
    found = market._sessions("calendar", WHOLE, (), at(12, DAYS[50]))
    assert (found.mark, found.seen) == (Mark.WARN, "ends on 22 Sep 2026")


@pytest.mark.parametrize(
    ("now", "last", "newest", "mark", "phrase"),
    [
        (at(20), DAY, at(19.8), Mark.OK, "12 min old; its session is not over"),
        (at(20), DAY, at(19), Mark.WARN, "60 min old, while the exchange is open"),
        (at(14.9), DAYS[9], at(21, DAYS[9]), Mark.OK, "its session is final"),
        (at(15.1), DAYS[9], at(21, DAYS[9]), Mark.WARN, "18 h old, while the exchange is open"),
        (at(21.2), DAY, at(21), Mark.OK, "its session is not over"),
        (at(22), DAY, at(21), Mark.OK, "60 min old; its session is final"),
        (at(22), DAYS[9], at(21, DAYS[9]), Mark.WARN, "nothing of the session of 15 Jul, which is over"),
        (at(22), DAY, None, Mark.OK, "newest price of 15 Jul 2026; its session is final"),
    ],
)
def test_a_price(now: datetime, last: date, newest: datetime | None, mark: Mark, phrase: str) -> None:
    one = np.ones(1)
    bars = Bars(Symbol("AA"), np.array([last], dtype="M8[D]"), one, one, one, one, where="Yahoo", as_of=newest)
    found = market._fresh("source", bars, WHOLE, SETTLE, now)
    assert found.seen.startswith("Yahoo has AA: newest price of ")
    assert (found.mark, phrase in found.seen) == (mark, True), found.seen
