"""Made-up prices on the exchanges' real calendars, told as time goes by."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np

from bot.errors import NoData
from bot.pipeline import Rulebook
from bot.prices.bars import Bars, Floats, Symbol
from bot.prices.calendars import Calendar, CalendarCode, CalendarProvider, exchange_of
from tests.virtual import VirtualClock
from tests.world import basket, book, rule

# Two members an exchange; a basket is called as the exchange is.
MEMBERS = {
    "XNYS": ("AAA", "BBB"),
    "XKRX": ("AAA.KS", "BBB.KS"),
    "XAMS": ("AAA.AS", "BBB.AS"),
    "XTKS": ("AAA.T", "BBB.T"),
    "XASX": ("AAA.AX", "BBB.AX"),
    "XLON": ("AAA.L", "BBB.L"),
}
RUNGS = {"notice": {"move": -0.03}, "warning": {"move": -0.04}, "severe": {"move": -0.06}}
BEFORE = timedelta(days=900)  # the history there is at the beginning
HOURLY = 12  # prices an hour


def rulebook(*codes: str) -> Rulebook:
    """A basket for each exchange, and one rule that speaks of each some ten times a year."""
    baskets = [basket(code.lower(), *MEMBERS[code], calendar=CalendarCode(code)) for code in codes]
    return book(baskets, rule("fall", *(one.id for one in baskets), levels=RUNGS))


@dataclass
class Feed:
    """What can be known at the clock's time of every symbol from `first` on; it is a PriceSource.

    A row appears when its session opens. Until that closes its price wanders, every five minutes anew.
    """

    calendars: CalendarProvider
    clock: VirtualClock
    first: date
    seed: int = 0
    asked: int = 0
    _known: dict[Symbol, tuple[Calendar, int, Floats]] = field(default_factory=dict)

    def bars(self, symbol: Symbol) -> Bars:
        self.asked += 1
        calendar, first, closes = self._history(symbol)
        now = int(self.clock.now().timestamp())
        end = int(np.searchsorted(calendar.opens, now, side="right"))
        if end <= first:
            raise NoData(f"{symbol} has not begun")
        price = closes[: end - first].copy()
        last = int(calendar.closes[end - 1])
        if now < last:
            price[-1] = self._under_way(symbol, price, calendar, now, end - 1)
        dates, as_of = calendar.sessions[first:end], datetime.fromtimestamp(min(now, last), UTC)
        return Bars(symbol, dates, price, price, price, price, where="made up", as_of=as_of)

    def _history(self, symbol: Symbol) -> tuple[Calendar, int, Floats]:
        if symbol not in self._known:
            calendar = self.calendars.get(exchange_of(symbol))
            first = int(np.searchsorted(calendar.sessions, np.datetime64(self.first, "D")))
            rng = np.random.default_rng([self.seed, *symbol.encode()])
            returns = np.clip(0.012 * rng.standard_t(4, len(calendar.sessions) - first), -0.2, 0.2)
            self._known[symbol] = calendar, first, 100 * np.cumprod(1 + returns)
        return self._known[symbol]

    def _under_way(self, symbol: Symbol, price: Floats, calendar: Calendar, now: int, at: int) -> float:
        """On the way from the close before to the day's own, with detours that are the same whoever asks."""
        opens, closes = int(calendar.opens[at]), int(calendar.closes[at])
        gone = (now - opens) / (closes - opens)
        before = price[-2] if len(price) > 1 else price[-1]
        step = (now - opens) * HOURLY // 3600
        detour = 0.03 * np.sin(2.4 * step + 7 * at + len(symbol)) * (1 - gone)
        return float(before * (price[-1] / before) ** gone * (1 + detour))


def sessions(calendar: Calendar, after: datetime, until: datetime, settle: timedelta) -> list[date]:
    """The calendar's own list of what became final in this time."""
    final = calendar.closes + int(settle.total_seconds())
    inside = (final > after.timestamp()) & (final <= until.timestamp())
    found: list[date] = calendar.sessions[inside].tolist()
    return found
