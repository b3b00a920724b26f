"""Which days did the exchange stay shut, or close early, that no calendar foresaw?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np

from bot.prices.calendars import Calendar, CalendarCode


@dataclass(frozen=True, slots=True)
class Closure:
    """The exchange is shut all `day`, or from the time `closes` on, in its own zone."""

    calendar: CalendarCode
    day: date
    closes: time | None = None


def amended(calendar: Calendar, closures: Sequence[Closure]) -> Calendar:
    """`calendar` with those closures that are its own; what does not fit has no effect."""
    mine = [one for one in closures if one.calendar == calendar.code]
    if not mine:
        return calendar
    closes, stay = calendar.closes.copy(), np.ones(len(calendar.sessions), dtype=np.bool_)
    for one in mine:
        if (at := place(calendar, one.day)) is None:
            continue
        if one.closes is None:
            stay[at] = False
        elif calendar.opens[at] < (early := _seconds(calendar, one.day, one.closes)) < closes[at]:
            closes[at] = early
    return replace(calendar, sessions=calendar.sessions[stay], opens=calendar.opens[stay], closes=closes[stay])


def misfit(calendar: Calendar, closure: Closure) -> str:
    """Why a closure has no effect on `calendar`; "" = it has one, or says what is known already."""
    at = place(calendar, closure.day)
    if at is None:
        return f"{closure.day} is no session of {calendar.code} anyway, as far as it is known ({calendar.sessions[-1]})"
    opens, closes = (
        datetime.fromtimestamp(int(moments[at]), ZoneInfo(calendar.zone))
        for moments in (calendar.opens, calendar.closes)
    )
    if closure.closes is None or opens.time() < closure.closes <= closes.time():
        return ""
    return f"{closure.closes:%H:%M} is outside the session, {opens:%H:%M} to {closes:%H:%M} in {calendar.zone}"


def place(calendar: Calendar, day: date) -> int | None:
    """Which of the sessions that day is; None = it is none."""
    at = int(np.searchsorted(calendar.sessions, label := np.datetime64(day, "D")))
    return at if at < len(calendar.sessions) and calendar.sessions[at] == label else None


def _seconds(calendar: Calendar, day: date, moment: time) -> int:
    return int(datetime.combine(day, moment, ZoneInfo(calendar.zone)).timestamp())
