"""Small worlds for the property tests: the same exchanges and prices for the program and for the oracle."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from hypothesis import strategies as st

from bot.baskets import Basket, BasketId, BasketSeries, Member
from bot.prices.bars import Bars, Symbol
from bot.prices.calendars import Calendar, CalendarCode
from bot.prices.table import PriceTable, SymbolReturns, build_table
from bot.statistics.verdict import DrawdownThresholds, Verdict
from tests import oracle

HOME = CalendarCode("XNYS")
AWAY = CalendarCode("XKRX")
DAY_SECONDS = 86_400


def weekdays(start: date, count: int) -> list[date]:
    days = (start + timedelta(days=offset) for offset in range(2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]


def exchange(sessions: Sequence[date], closing_hour: int) -> oracle.Exchange:
    midnights = [int(datetime.combine(day, time(), UTC).timestamp()) for day in sessions]
    return oracle.Exchange(list(sessions), [moment + closing_hour * 3600 for moment in midnights])


@dataclass
class Exchanges:
    """bot.prices.Calendars over a home and an away exchange."""

    home: oracle.Exchange
    away: oracle.Exchange

    def get(self, code: CalendarCode) -> Calendar:
        of = {HOME: self.home, AWAY: self.away}[code]
        closes = np.array(of.closes, dtype=np.int64)
        return Calendar(code, "UTC", np.array(of.sessions, dtype="datetime64[D]"), closes - 6 * 3600, closes)


def bars(symbol: str, prices: Mapping[date, float]) -> Bars:
    days = sorted(prices)
    closes = np.array([prices[day] for day in days], dtype=np.float64)
    return Bars(Symbol(symbol), np.array(days, dtype="datetime64[D]"), closes, closes, closes, closes, "test")


@dataclass
class Case:
    """A basket with its prices, in the program's words and in the oracle's."""

    exchanges: Exchanges
    members: list[oracle.Member]
    basket: Basket

    def table(self, until: date | None = None) -> PriceTable:
        """The price table, of all rows or of those up to a session."""
        rows = [
            bars(symbol, {day: close for day, close in member.prices.items() if until is None or day <= until})
            for symbol, member in zip(self.basket.symbols, self.members, strict=True)
        ]
        return build_table(rows, self.exchanges.get(HOME), self.exchanges)

    def home(self, table: PriceTable) -> oracle.Exchange:
        """The home exchange over the sessions of the table."""
        first = self.exchanges.home.sessions.index(table.sessions[0].item())
        part = slice(first, first + len(table.sessions))
        return oracle.Exchange(self.exchanges.home.sessions[part], self.exchanges.home.closes[part])


def case(seed: int) -> Case:
    """A made-up basket of one to six members: holidays, holes, late listings, ties, foreigners, weights, dates."""
    rng = random.Random(seed)
    days = weekdays(date(2019, 12, 20), rng.randint(3, 90))
    home = exchange([day for day in days if rng.random() > 0.05] or days, 21)
    away = exchange([day for day in days if rng.random() > 0.15] or days, 6)
    holes = rng.choice([0, 0.02, 0.2])
    equal = rng.random() < 0.5
    members, known = [], []
    for number in range(rng.randint(1, 6)):
        abroad = rng.random() < 0.3
        theirs = away if abroad else home
        listed = theirs.sessions[rng.choice([0, 0, rng.randrange(len(theirs.sessions))]) :]
        prices, price = {}, float(rng.randint(50, 200))
        for day in listed:
            price *= rng.choice([0.5, 0.75, 0.9, 0.95, 0.99, 1.0, 1.0, 1.01, 1.05, 1.1, 1.25, 2.0])
            if rng.random() >= holes:
                prices[day] = price
        weight = 1.0 if equal else rng.choice([0.5, 1.0, 2.0, 3.3])
        since, until = (rng.choice([None, None, None, rng.choice(days)]) for _ in range(2))
        members.append(oracle.Member(theirs, prices, weight, since, until))
        known.append(Member(Symbol(f"M{number}" + (".KS" if abroad else "")), weight, since, until))
    if not any(member.prices for member in members):
        members[0].prices[members[0].exchange.sessions[0]] = 1.0
    coverage = rng.choice([0.5, 0.8, 0.8, 1.0])
    return Case(Exchanges(home, away), members, Basket(BasketId("b"), (), tuple(known), min_coverage=coverage))


def series(sessions: Sequence[date], returns: Sequence[float | None], coverage: float = 1.0) -> BasketSeries:
    """A basket of one member whose daily returns are given; None = no reading."""
    total = len(sessions)
    nothing = np.full(total, np.nan)
    return BasketSeries(
        basket=Basket(BasketId("b"), (), (Member(Symbol("M")),)),
        sessions=np.array(sessions, dtype="datetime64[D]"),
        daily_return=np.array([np.nan if one is None else one for one in returns], dtype=np.float64),
        coverage=np.full(total, coverage),
        alone=(SymbolReturns(nothing, nothing, np.zeros(total, dtype=np.bool_), 0),),
        rows=(slice(0, total),),
        final_sessions=total,
    )


def numbers(values: np.ndarray) -> list[float | None]:
    """A column for the oracle: NaN is None."""
    return [None if math.isnan(value) else value for value in values.tolist()]


def row(verdict: Verdict) -> dict[str, object]:
    """A verdict for comparison with the oracle's."""
    words = {"state": verdict.state.word, "entered_state": verdict.entered_state.word}
    return {field.name: getattr(verdict, field.name) for field in fields(verdict)} | words


def cut(whole: BasketSeries, end: int) -> BasketSeries:
    """The series as it stood after `end` sessions."""
    columns = {name: getattr(whole, name)[:end] for name in ("sessions", "daily_return", "coverage")}
    return replace(whole, **columns, final_sessions=end)


# Few different returns, so that ties, records and states abound.
STEPS = [-0.5, -0.2, -0.1, -0.05, -0.02, 0.0, 0.0, 0.02, 0.05, 0.1, 0.25, 1.0]


@st.composite
def stretches(draw: st.DrawFn, longest: int = 60) -> tuple[list[date], list[float | None]]:
    """Sessions days or months apart, and returns with holes among them; mostly none on the first sessions."""
    one = st.one_of(st.sampled_from(STEPS), st.none(), st.floats(-0.3, 0.3))
    returns = draw(st.lists(one, min_size=1, max_size=longest))
    lead = draw(st.integers(0, 3))
    gap = draw(st.sampled_from([1, 1, 30, 91, 365]))
    start = draw(st.dates(date(1999, 1, 1), date(2004, 12, 31)))
    days = [start]
    for _ in range(lead + len(returns) - 1):
        days.append(days[-1] + timedelta(days=draw(st.integers(1, gap))))
    return days, [None] * lead + returns


def random_returns(seed: int, count: int) -> list[float | None]:
    """Returns of a longer series; a third of the seeds round them, so that there are many ties."""
    rng = random.Random(seed)
    vol, digits, holes = rng.choice([0.005, 0.012, 0.03]), rng.choice([2, 3, 17]), rng.choice([0, 0, 0.002, 0.05])
    return [None] + [
        None if rng.random() < holes else round(max(rng.gauss(0, vol), -0.9), digits) for _ in range(count - 1)
    ]


def wild_returns(seed: int, count: int) -> list[float | None]:
    """Returns of a series that enters and leaves every state many times, in steps that meet lines exactly."""
    rng = random.Random(seed)
    some = [-0.25, -0.2, -0.125, -0.05, -0.02, 0.0, 0.0, 0.02, 0.05, 0.125, 0.25, 0.5]
    calm = rng.choice([0.5, 0.8])
    return [None] + [rng.choice([-0.01, 0.0, 0.01] if rng.random() < calm else some) for _ in range(count - 1)]


lookbacks = st.sampled_from([None, None, 1, 2, 5, 20])


@st.composite
def lines(draw: st.DrawFn) -> DrawdownThresholds:
    levels = sorted(draw(st.lists(st.sampled_from([-0.02, -0.05, -0.1, -0.2, -0.35, -0.6]), min_size=4, max_size=4)))
    return DrawdownThresholds(*reversed(levels), lookback=draw(lookbacks))
