"""A programmable market: exchanges of weekdays, what each symbol did on them, baskets and rules in a line each."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np

from bot.alerts.episodes import Alert
from bot.alerts.rules import Level, NamedEvent, Rule, Severity
from bot.backtest.replay import replayed_alerts
from bot.baskets import Basket, BasketId, Market, Member, assemble_market
from bot.errors import NoData
from bot.pipeline import Rulebook, measure_market
from bot.prices.bars import Bars, Symbol
from bot.prices.calendars import Calendar, CalendarCode, exchange_of
from bot.statistics.market_stats import MarketStats
from bot.statistics.verdict import DrawdownState, Verdict

NEW_YORK, SEOUL, TORONTO = CalendarCode("XNYS"), CalendarCode("XKRX"), CalendarCode("XTSE")
HOURS_UTC = {NEW_YORK: (14.5, 21.0), SEOUL: (0.0, 6.5), TORONTO: (14.5, 21.0)}
START = date(2015, 1, 1)
Path = Sequence[float | None]
# The ladder of the shipped configuration.
LADDER: dict[str, dict[str, Any]] = {
    "notice": {"worst_in_months": 3},
    "warning": {"percentile": 1.0},
    "severe": {"worst_in_months": 60},
    "extreme": {"record": True},
}


def weekdays(count: int, start: date = START) -> list[date]:
    days = (start + timedelta(days=offset) for offset in range(2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]


def calendar(code: CalendarCode, sessions: Sequence[date]) -> Calendar:
    """Sessions with the exchange's hours, winter and summer the same."""
    midnights = [datetime.combine(day, time(), UTC).timestamp() for day in sessions]
    opens, closes = (np.array(midnights, dtype=np.int64) + int(hour * 3600) for hour in HOURS_UTC[code])
    return Calendar(code, "UTC", np.array(sessions, dtype="datetime64[D]"), opens, closes)


def calm(count: int, seed: int = 0, size: float = 0.004) -> list[float]:
    """Daily returns between -size and 1.2 size, in which nothing stands out."""
    rng = random.Random(seed)
    return [size * (2.2 * rng.random() - 1) for _ in range(count)]


def falling(count: int, falls: Mapping[int, float], seed: int = 0, size: float = 0.004) -> list[float]:
    """Calm daily returns, but for those of `falls`, by position (negative ones count from the end)."""
    returns = calm(count, seed, size)
    for at, fall in falls.items():
        returns[at] = fall
    return returns


@dataclass
class World:
    """Everything that trades; it is a source of prices and of calendars at the same time.

    `shut` names days on which an exchange has no session. `rows` are the bars, ready to be changed by hand.
    """

    days: list[date] = field(default_factory=lambda: weekdays(400))
    shut: Mapping[CalendarCode, Sequence[date]] = field(default_factory=dict)
    rows: dict[Symbol, Bars] = field(default_factory=dict)

    def sessions(self, code: CalendarCode = NEW_YORK) -> list[date]:
        return [day for day in self.days if day not in self.shut.get(code, ())]

    def get(self, code: CalendarCode) -> Calendar:
        """The calendar of `code`; it is a bot.prices.Calendars."""
        return calendar(code, self.sessions(code))

    def bars(self, symbol: Symbol) -> Bars:
        """The prices of `symbol`; it is a bot.prices.PriceSource."""
        if symbol not in self.rows:
            raise NoData(f"{symbol} is not of this world")
        return self.rows[symbol]

    def trade(self, symbol: str, returns: Path, *, listed: int = 0, lows: Mapping[int, float] | None = None) -> World:
        """`symbol` first closes at 100 on its exchange's session number `listed`, then moves by `returns`.

        The first return is that of the session after the first close. None = this close is missing; the next return
        then counts from the last close there was. `lows` are day's lows against the previous close, by position in
        `returns`; on other sessions the low is the close.
        """
        name = Symbol(symbol)
        days = self.sessions(exchange_of(name))[listed : listed + 1 + len(returns)]
        assert len(days) == 1 + len(returns), f"{symbol}: {len(returns)} returns need as many sessions after the first"
        levels = [100.0]
        for one in returns:
            levels.append(levels[-1] * (1 + (one or 0.0)))
        closes = [math.nan if one is None else level for one, level in zip([0.0, *returns], levels, strict=True)]
        low = list(closes)
        for at, fall in (lows or {}).items():
            low[range(1, len(closes))[at]] = levels[range(len(levels) - 1)[at]] * (1 + fall)
        close, lowest = np.array(closes), np.array(low)
        dates = np.array(days, dtype="datetime64[D]")
        self.rows[name] = Bars(name, dates, close, close, np.fmax(close, lowest), lowest, where=f"{symbol}.csv")
        return self

    def until(self, last: date) -> World:
        """The same world as it stood after `last`: later rows are not there."""
        return replace(self, rows={symbol: _cut(one, last) for symbol, one in self.rows.items()})

    def market(self, rulebook: Rulebook, until: datetime | None = None) -> Market:
        """Everything laid on calendars; `until` is the moment of judgement (None = the rows are the end of time)."""
        return assemble_market(rulebook.baskets, self.rows, self, int(until.timestamp()) if until else None)

    def board(self, rulebook: Rulebook, until: datetime | None = None) -> MarketStats:
        market = self.market(rulebook, until)
        return measure_market(market.tables, replace(rulebook, baskets=market.baskets))

    def alerts(self, rulebook: Rulebook) -> tuple[MarketStats, list[Alert]]:
        """Everything that would have been said, from the first session on."""
        board = self.board(rulebook)
        return board, list(replayed_alerts(board, rulebook))


def _cut(bars: Bars, last: date) -> Bars:
    stay = bars.dates <= np.datetime64(last, "D")
    names = ("dates", "close", "adjusted", "high", "low")
    return replace(bars, **{name: getattr(bars, name)[stay] for name in names})


def basket(name: str, *members: str | Member, zh: str = "", **more: Any) -> Basket:
    """A basket called NAME in English, and `zh` in Chinese if it is given."""
    of = tuple(one if isinstance(one, Member) else Member(Symbol(one)) for one in members)
    names = (("en", name.capitalize()), *((("zh", zh),) if zh else ()))
    return Basket(BasketId(name), names, of, **more)


def ladder(levels: Mapping[str, Mapping[str, Any]]) -> tuple[Level, ...]:
    """Rungs by their names in the configuration."""
    written = {severity: levels.get(severity.word) for severity in Severity}
    return tuple(Level(severity, **conditions) for severity, conditions in written.items() if conditions is not None)


def rule(name: str, *baskets: str, levels: Mapping[str, Mapping[str, Any]] = LADDER, **more: Any) -> Rule:
    return Rule(name, tuple(map(BasketId, baskets)), ladder(levels), **more)


def contrast(name: str, one: str, other: str, levels: Mapping[str, Mapping[str, Any]], **more: Any) -> Rule:
    return Rule(name, (), ladder(levels), contrast=(BasketId(one), BasketId(other)), **more)


def book(baskets: Sequence[Basket], *rules: Rule, events: Sequence[NamedEvent] = (), **more: Any) -> Rulebook:
    return Rulebook(tuple(baskets), rules, tuple(events), **more)


def verdict(session: date = date(2020, 3, 9), **more: Any) -> Verdict:
    """A day on which nothing happens, after twenty years of data; `more` is what does happen."""
    quiet: dict[str, Any] = {
        "session": session,
        "window": 2,
        "daily_return": 0.001,
        "move": 0.002,
        "rank": 3000,
        "sample": 5000,
        "percentile": 60.0,
        "worst_since": session - timedelta(days=1),
        "sessions_since_worst": 1,
        "worst_in_years": None,
        "record": False,
        "drawdown": -0.01,
        "peak_session": session - timedelta(days=3),
        "state": DrawdownState.NONE,
        "coverage": 1.0,
        "since": session.replace(year=session.year - 20),
        "entered_state": DrawdownState.NONE,
        "missing_sessions": 0,
    }
    return Verdict(**quiet | more)


def spoken(found: Sequence[Alert], name: str) -> Iterator[Alert]:
    """The alerts of one rule."""
    return (one for one in found if one.rule.name == name)
