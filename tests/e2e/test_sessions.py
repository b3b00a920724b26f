"""Does what Yahoo stamps with the moment of an exchange's opening come to stand on the session that the calendar has?

East of Greenwich a session may open on the day before, in UTC; in New Zealand all of them do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from bot.adapters.calendars import CachedCalendars
from bot.adapters.yahoo.source import YahooPrices
from bot.clock import SystemClock
from bot.engine.schedule import EvaluationTiming, Schedule
from bot.prices.bars import Symbol
from bot.prices.calendars import Calendar, CalendarCode
from bot.prices.table import build_table
from tests import fake_yahoo
from tests.fake_yahoo import Day, FakeYahoo, Listing
from tests.moment.calendars import calendars_with
from tests.world import basket, book, rule

SYMBOLS = {"XNYS": "AAA", "XKRX": "AAA.KS", "XAMS": "AAA.AS", "XTKS": "AAA.T", "XASX": "AAA.AX", "XNZE": "AAA.NZ"}
FIRST, LAST, LAST_TOLD = date(2016, 1, 1), date(2026, 12, 31), date(2025, 12, 31)
SECOND = timedelta(seconds=1)


@dataclass
class Opening(Listing):
    """Every row is stamped with the moment at which its session opened."""

    moments: dict[date, int] = field(default_factory=dict)

    def stamp(self, day: Day) -> int:
        return self.moments[day.date]


def test_over_the_date_line_and_the_turn_of_the_year_every_session_is_itself(tmp_path: Path) -> None:
    calendars = CachedCalendars(calendars_with(*SYMBOLS), SystemClock())
    with fake_yahoo.fake_yahoo() as (server, net):
        yahoo = YahooPrices(tmp_path / "yahoo", 20.0, net)
        for code, symbol in SYMBOLS.items():
            calendar = calendars.get(CalendarCode(code))
            rows_stand_on_their_sessions(server, yahoo, calendar, calendars, symbol)
            a_session_is_the_latest_from_its_settled_close_on(calendar, calendars, symbol)
        yahoo.close()


def rows_stand_on_their_sessions(
    server: FakeYahoo, yahoo: YahooPrices, calendar: Calendar, calendars: CachedCalendars, symbol: str
) -> None:
    span = years(calendar, LAST_TOLD)
    days, opens = calendar.sessions[span].tolist(), calendar.opens[span].tolist()
    rows, moments = [Day(day, 100.0 + at) for at, day in enumerate(days)], dict(zip(days, opens, strict=True))
    server.listings[symbol] = Opening(rows, zone=calendar.zone, moments=moments)
    bars = yahoo.bars(Symbol(symbol))
    table = build_table([bars], calendar, calendars)
    assert len(days) > 2400
    assert bars.dates.tolist() == table.sessions.tolist() == days
    assert table.close[:, 0].tolist() == [row.close for row in rows]
    assert not table.refused


def a_session_is_the_latest_from_its_settled_close_on(
    calendar: Calendar, calendars: CachedCalendars, symbol: str
) -> None:
    one = basket("one", symbol, calendar=calendar.code)
    rulebook, timing = book([one], rule("fall", "one")), EvaluationTiming()
    span = years(calendar, LAST)
    closes = [datetime.fromtimestamp(at, UTC) for at in calendar.closes[span].tolist()]
    days = calendar.sessions[span].tolist()
    assert [close.astimezone(ZoneInfo(calendar.zone)).date() for close in closes] == days
    for (before, day), close in zip(pairwise(days), closes[1:], strict=True):
        moments = (close + timing.settle - SECOND, close + timing.settle)
        assert [Schedule(rulebook, calendars, timing, at).final_session(one.id) for at in moments] == [before, day]


def years(calendar: Calendar, last: date) -> slice:
    begin, end = np.searchsorted(calendar.sessions, np.array([FIRST, last + timedelta(days=1)], dtype="datetime64[D]"))
    return slice(int(begin), int(end))
