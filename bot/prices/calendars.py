"""Exchange calendars, symbol -> exchange, unscheduled closures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import NewType, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from bot.prices.bars import Dates, Symbol

CalendarCode = NewType("CalendarCode", str)
Seconds = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The sessions of an exchange: labels (local dates, datetime64[D]), opens and closes (seconds since 1970, UTC).

    All arrays have shape (sessions,), ascending.
    """

    code: CalendarCode
    zone: str
    sessions: Dates
    opens: Seconds
    closes: Seconds


class CalendarProvider(Protocol):
    """A source of calendars."""

    def get(self, code: CalendarCode) -> Calendar:
        """The calendar of `code`, from its first known session to at least a year ahead."""
        ...


# Of Yahoo's indices, and of its suffixes of symbols. A symbol without a suffix trades in New York.
EXCHANGE_OF_INDEX = {
    "^KS11": "XKRX", "^KQ11": "XKRX", "^N225": "XTKS", "^HSI": "XHKG", "^TWII": "XTAI", "^FTSE": "XLON",
    "^GDAXI": "XETR", "^FCHI": "XPAR", "^AEX": "XAMS", "^STOXX50E": "XETR", "^AXJO": "XASX", "^GSPTSE": "XTSE",
    "^BVSP": "BVMF", "^SSMI": "XSWX", "^BSESN": "XBOM", "^NSEI": "XBOM",
}  # fmt: skip
EXCHANGE_OF_SUFFIX = {
    "AS": "XAMS", "AX": "XASX", "BK": "XBKK", "BO": "XBOM", "BR": "XBRU", "CO": "XCSE", "DE": "XETR",
    "F": "XFRA", "HE": "XHEL", "HK": "XHKG", "IR": "XDUB", "IS": "XIST", "JK": "XIDX", "JO": "XJSE",
    "KL": "XKLS", "KQ": "XKRX", "KS": "XKRX", "L": "XLON", "LS": "XLIS", "MC": "XMAD", "MI": "XMIL",
    "MX": "XMEX", "NS": "XBOM", "NZ": "XNZE", "OL": "XOSL", "PA": "XPAR", "SA": "BVMF", "SI": "XSES",
    "SN": "XSGO", "SS": "XSHG", "ST": "XSTO", "SW": "XSWX", "SZ": "XSHG", "T": "XTKS", "TA": "XTAE",
    "TO": "XTSE", "TW": "XTAI", "TWO": "XTAI", "VI": "XWBO", "WA": "XWAR",
}  # fmt: skip


def exchange_of(symbol: Symbol) -> CalendarCode:
    """The calendar of the exchange of `symbol`, from Yahoo's suffix ("000660.KS" trades in Seoul)."""
    _, dot, suffix = symbol.rpartition(".")
    exchange = EXCHANGE_OF_SUFFIX.get(suffix, "XNYS") if dot else "XNYS"
    return CalendarCode(EXCHANGE_OF_INDEX.get(symbol, exchange))


@dataclass(frozen=True, slots=True)
class UnscheduledClosure:
    """A closure of an exchange for all of `day`, or from the time `closes` on, in its zone."""

    calendar: CalendarCode
    day: date
    closes: time | None = None


def with_closures(calendar: Calendar, closures: Sequence[UnscheduledClosure]) -> Calendar:
    """`calendar` with the closures of its exchange; a closure outside of the sessions has no effect."""
    if all(closure.calendar != calendar.code for closure in closures):
        return calendar
    closes, stay = calendar.closes.copy(), np.ones(len(calendar.sessions), dtype=np.bool_)
    for closure in closures:
        index = session_index(calendar.sessions, closure.day)
        if closure.calendar != calendar.code or index is None:
            continue
        if closure.closes is None:
            stay[index] = False
            continue
        early = int(datetime.combine(closure.day, closure.closes, ZoneInfo(calendar.zone)).timestamp())
        if calendar.opens[index] < early < closes[index]:
            closes[index] = early
    return replace(calendar, sessions=calendar.sessions[stay], opens=calendar.opens[stay], closes=closes[stay])


def closure_problem(calendar: Calendar, closure: UnscheduledClosure) -> str:
    """The reason for no effect of a closure on `calendar`; "" = it has an effect, or repeats the calendar."""
    index = session_index(calendar.sessions, closure.day)
    if index is None:
        return f"{closure.day} is no session of {calendar.code} anyway, as far as it is known ({calendar.sessions[-1]})"
    opens, closes = (moment.astimezone(ZoneInfo(calendar.zone)) for moment in session_times(calendar, index))
    if closure.closes is None or opens.time() < closure.closes <= closes.time():
        return ""
    return f"{closure.closes:%H:%M} is outside the session, {opens:%H:%M} to {closes:%H:%M} in {calendar.zone}"


def session_times(calendar: Calendar, index: int) -> tuple[datetime, datetime]:
    """The open and the close (UTC) of the session at `index`."""
    opens, closes = (int(times[index]) for times in (calendar.opens, calendar.closes))
    return datetime.fromtimestamp(opens, UTC), datetime.fromtimestamp(closes, UTC)


def session_index(sessions: Dates, day: date) -> int | None:
    """The position of `day` among ascending dates; None = not among them."""
    index = int(np.searchsorted(sessions, label := np.datetime64(day, "D")))
    return index if index < len(sessions) and sessions[index] == label else None
