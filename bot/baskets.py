"""Baskets of symbols, their returns on a price table, and the market of all baskets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, NewType

import numpy as np

from bot.prices.bars import Bars, Dates, Floats, RejectedRow, Symbol, empty_bars
from bot.prices.calendars import CalendarCode, CalendarProvider, exchange_of
from bot.prices.table import PriceTable, SymbolReturns, build_table

BasketId = NewType("BasketId", str)
PriceKind = Literal["adjusted", "split-adjusted"]
# Shares of a basket are sums of floats: four members of five must count as 0.8.
COVERAGE_SLACK = 1e-12


@dataclass(frozen=True, slots=True)
class Member:
    """A symbol of a basket, a member from session `since` to session `until` (None = open)."""

    symbol: Symbol
    weight: float = 1.0
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Basket:
    """A named group of symbols on the sessions of one calendar.

    `names` holds (language, name) pairs. Weights are relative and restored every session; equal weights are all 1.
    """

    id: BasketId
    names: tuple[tuple[str, str], ...]
    members: tuple[Member, ...]
    calendar: CalendarCode = CalendarCode("XNYS")
    prices: PriceKind = "adjusted"
    min_coverage: float = 0.8
    role: str = ""

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        return tuple(member.symbol for member in self.members)

    def name(self, language: str) -> str:
        names = dict(self.names)
        return names.get(language) or names.get("en") or self.id


@dataclass(frozen=True, slots=True)
class BasketSeries:
    """Returns of a basket on T sessions, and of its M members while they are listed and belong to it.

    `daily_return` and `coverage` have shape (T,): fractions; NaN = no value, coverage NaN = no member was listed.
    `alone[m]` are the returns of member m, NaN outside of `rows[m]`, where it is listed and belongs. Rows from
    `final_sessions` on are provisional.
    """

    basket: Basket
    sessions: Dates
    daily_return: Floats
    coverage: Floats
    alone: tuple[SymbolReturns, ...]
    rows: tuple[slice, ...]
    final_sessions: int

    def member_returns(self, rows: int | slice = slice(None)) -> Floats:
        """Members' daily returns of shape (rows, M), or (M,) for an integer: NaN = missing or not a member."""
        return np.array([returns.daily[rows] for returns in self.alone]).T

    def day_lows(self, rows: int | slice = slice(None)) -> Floats:
        """The days' lows against the previous closes, shaped like the returns: NaN = unknown or not a member."""
        return np.array([returns.low[rows] for returns in self.alone]).T

    def listed(self, position: int) -> list[bool]:
        """By member: listed and in the basket on the session at `position`."""
        return [rows.start <= position < rows.stop for rows in self.rows]

    def shares(self, rows: slice = slice(None)) -> Floats:
        """Weights as shares of the members with a return (0 = without), of shape (rows, M)."""
        present = ~np.isnan(self.member_returns(rows))
        weights = present * np.array([member.weight for member in self.basket.members])
        whole = np.add.accumulate(weights, axis=1)[:, -1:]  # in the order of `value_basket`
        shares: Floats = weights / np.where(whole > 0, whole, 1.0)
        return shares


def value_basket(table: PriceTable, basket: Basket) -> BasketSeries:
    """The returns of a basket, daily the weighted mean of its members' returns.

    A member is listed from the session after its first close. The table must hold the members' symbols; a symbol
    without any price is never listed and costs no coverage.
    """
    alone, rows = [], []
    present_weight, listed_weight, weighted = (np.zeros(len(table.sessions)) for _ in range(3))
    # Member by member, so that a session's sum does not depend on the number of sessions in the table.
    for member in basket.members:
        returns = table.returns(table.symbols.index(member.symbol), adjusted=basket.prices == "adjusted")
        begin, end = returns.begin, len(table.sessions)
        if member.since is not None:
            begin = max(begin, int(np.searchsorted(table.sessions, np.datetime64(member.since, "D"))))
        if member.until is not None:
            end = int(np.searchsorted(table.sessions, np.datetime64(member.until, "D"), side="right"))
        listed = slice(begin, max(begin, end))
        daily, low = (np.full(len(table.sessions), np.nan) for _ in range(2))
        daily[listed], low[listed] = returns.daily[listed], returns.low[listed]
        alone.append(replace(returns, daily=daily, low=low))
        rows.append(listed)
        present = ~np.isnan(daily[listed])
        present_weight[listed] += present * member.weight
        listed_weight[listed] += member.weight
        weighted[listed] += np.where(present, daily[listed], 0.0) * member.weight
    with np.errstate(divide="ignore", invalid="ignore"):
        coverage = present_weight / listed_weight
        daily = weighted / present_weight
    readable = (coverage >= basket.min_coverage - COVERAGE_SLACK) & (present_weight > 0)
    daily = np.where(readable, daily, np.nan)
    return BasketSeries(basket, table.sessions, daily, coverage, tuple(alone), tuple(rows), table.final_sessions)


def symbols_of(baskets: Iterable[Basket]) -> tuple[Symbol, ...]:
    """The symbols of the baskets, without repetition, in order."""
    return tuple(dict.fromkeys(symbol for basket in baskets for symbol in basket.symbols))


def calendars_needed(baskets: Sequence[Basket]) -> tuple[CalendarCode, ...]:
    """The calendars of the baskets and of the exchanges of their members."""
    return tuple(dict.fromkeys((*(basket.calendar for basket in baskets), *map(exchange_of, symbols_of(baskets)))))


@dataclass(frozen=True, slots=True)
class ExcludedBasket:
    """A basket without enough prices, and the symbols that the source lacks."""

    basket: Basket
    lacking: tuple[Symbol, ...]


@dataclass(frozen=True, slots=True)
class Market:
    """Price tables by calendar, the baskets with enough prices on them, and the excluded baskets."""

    tables: Mapping[CalendarCode, PriceTable]
    baskets: tuple[Basket, ...]
    left_out: tuple[ExcludedBasket, ...]

    @property
    def refused(self) -> tuple[RejectedRow, ...]:
        """The rejected rows of all tables, without repetition."""
        return tuple(dict.fromkeys(row for table in self.tables.values() for row in table.refused))


def assemble_market(
    baskets: Sequence[Basket], bars: Mapping[Symbol, Bars], calendars: CalendarProvider, until: int | None = None
) -> Market:
    """Price tables of the baskets' symbols on the baskets' calendars (`until` as in `build_table`).

    A basket is excluded if the weight of the symbols in `bars` is below its minimum coverage.
    """
    kept, left_out = [], []
    for basket in baskets:
        lacking = tuple(member.symbol for member in basket.members if member.symbol not in bars)
        present = sum(member.weight for member in basket.members if member.symbol not in lacking)
        if present / sum(member.weight for member in basket.members) >= basket.min_coverage - COVERAGE_SLACK:
            kept.append(basket)
        else:
            left_out.append(ExcludedBasket(basket, lacking))
    tables = {}
    for code in dict.fromkeys(basket.calendar for basket in kept):
        symbols = symbols_of(basket for basket in kept if basket.calendar == code)
        rows = [bars.get(symbol) or empty_bars(symbol) for symbol in symbols]
        tables[code] = build_table(rows, calendars.get(code), calendars, until=until)
    return Market(tables, tuple(kept), tuple(left_out))
