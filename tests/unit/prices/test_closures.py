"""What does a calendar look like with the days that nobody foresaw?"""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.prices.calendars import Calendar, UnscheduledClosure, closure_problem, with_closures
from tests.world import NEW_YORK, SEOUL, calendar, weekdays

DAYS = weekdays(20, date(2026, 11, 2))
WHOLE = calendar(NEW_YORK, DAYS)  # its zone is UTC, its hours are 14:30 to 21:00
SATURDAY = date(2026, 11, 7)


def same(one: Calendar, other: Calendar) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("sessions", "opens", "closes"))


@given(st.sets(st.sampled_from([*DAYS, SATURDAY])))
def test_days_that_are_shut_are_as_if_the_calendar_had_never_had_them(shut: set[date]) -> None:
    told = with_closures(WHOLE, [UnscheduledClosure(NEW_YORK, day) for day in shut])
    assert same(told, calendar(NEW_YORK, [day for day in DAYS if day not in shut]))


@given(st.sampled_from(DAYS), st.times())
def test_only_a_time_in_the_session_ends_it(day: date, closes: time) -> None:
    closes = closes.replace(second=0, microsecond=0)
    told = with_closures(WHOLE, [UnscheduledClosure(NEW_YORK, day, closes)])
    (at,) = np.flatnonzero(WHOLE.sessions == np.datetime64(day, "D"))
    inside = time(14, 30) < closes < time(21)
    ends = datetime.combine(day, closes if inside else time(21), UTC).timestamp()
    assert told.closes[at] == ends
    assert np.array_equal(np.delete(told.closes, at), np.delete(WHOLE.closes, at))
    assert (told.opens < told.closes).all()
    assert bool(closure_problem(WHOLE, UnscheduledClosure(NEW_YORK, day, closes))) == (
        not inside and closes != time(21)
    )


def test_another_exchange_is_not_concerned() -> None:
    assert with_closures(WHOLE, [UnscheduledClosure(SEOUL, DAYS[3])]) is WHOLE


def test_a_new_york_clock_in_summer_and_in_winter(new_york: Calendar) -> None:
    days = {date(2026, 7, 8): 17, date(2026, 12, 9): 18}
    told = with_closures(new_york, [UnscheduledClosure(NEW_YORK, day, time(13)) for day in days])
    for day, hour in days.items():
        (at,) = np.flatnonzero(told.sessions == np.datetime64(day, "D"))
        assert datetime.fromtimestamp(int(told.closes[at]), UTC) == datetime(
            day.year, day.month, day.day, hour, tzinfo=UTC
        )


@pytest.mark.parametrize(
    ("closure", "why"),
    [
        (
            UnscheduledClosure(NEW_YORK, SATURDAY),
            "2026-11-07 is no session of XNYS anyway, as far as it is known (2026-11-27)",
        ),
        (UnscheduledClosure(NEW_YORK, date(2031, 1, 2)), "2031-01-02 is no session of XNYS anyway"),
        (UnscheduledClosure(NEW_YORK, DAYS[0], time(9)), "09:00 is outside the session, 14:30 to 21:00 in UTC"),
        (UnscheduledClosure(NEW_YORK, DAYS[0]), ""),
        (UnscheduledClosure(NEW_YORK, DAYS[0], time(21)), ""),
    ],
)
def test_a_closure_that_cannot_be_right_is_told(closure: UnscheduledClosure, why: str) -> None:
    assert closure_problem(WHOLE, closure).startswith(why)
    assert bool(why) == bool(closure_problem(WHOLE, closure))
