"""What do we watch?"""

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
# Shares of a basket are sums of floats: four of five must count as 0.8.
COVERAGE_SLACK = 1e-12


@dataclass(frozen=True, slots=True)
class Member:
    """One symbol of a basket; `since` and `until` are the first and the last session it belongs (None = open)."""

    symbol: Symbol
    weight: float = 1.0
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Basket:
    """A named group of symbols, judged on the sessions of one calendar.

    `names` holds (language, name) pairs. Weights count relative to each other and are restored every session; with
    equal weights every member has weight 1.
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
    """A basket's returns by session, T of them, and what its M members did by themselves while they belonged.

    `daily_return` and `coverage` have shape (T,): fractions; NaN = no reading, coverage NaN = nobody was listed.
    Member m did `alone[m]`, and is listed and belongs on `rows[m]`; outside of them all of it is NaN. Rows from
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
        """Of shape (rows, M), or (M,) of one row: NaN = missing or not a member."""
        return np.array([one.daily[rows] for one in self.alone]).T

    def day_lows(self, rows: int | slice = slice(None)) -> Floats:
        """The days' lows against the closes before, shaped like the returns: NaN = unknown or not a member."""
        return np.array([one.low[rows] for one in self.alone]).T

    def listed(self, position: int) -> list[bool]:
        """Whether each member is listed and belongs on one session."""
        return [rows.start <= position < rows.stop for rows in self.rows]

    def shares(self, rows: slice = slice(None)) -> Floats:
        """Weights as shares of the members that have a return (0 = it has none), of shape (rows, M)."""
        present = ~np.isnan(self.member_returns(rows))
        weights = present * np.array([member.weight for member in self.basket.members])
        whole = np.add.accumulate(weights, axis=1)[:, -1:]  # one member after the other, as in `value`
        shares: Floats = weights / np.where(whole > 0, whole, 1.0)
        return shares


def value_basket(table: PriceTable, basket: Basket) -> BasketSeries:
    """The basket's daily return, the weighted mean of its members' returns (definitions: prices and baskets).

    A member belongs from the session after its first close. The members' symbols must stand in the table; one that
    has no price at all is never listed and costs no coverage.
    """
    place = {symbol: at for at, symbol in enumerate(table.symbols)}
    adjusted = basket.prices == "adjusted"
    own = [table.returns(place[member.symbol], adjusted=adjusted) for member in basket.members]
    rows = tuple(_rows(table, member, one) for member, one in zip(basket.members, own, strict=True))
    alone = tuple(_within(one, belongs) for one, belongs in zip(own, rows, strict=True))
    present_weight, listed_weight, weighted = (np.zeros(len(table.sessions)) for _ in range(3))
    # One member after the other, so that a session's sum does not depend on how many sessions the table has.
    for member, one, belongs in zip(basket.members, alone, rows, strict=True):
        returns = one.daily[belongs]
        present = ~np.isnan(returns)
        present_weight[belongs] += present * member.weight
        listed_weight[belongs] += member.weight
        weighted[belongs] += np.where(present, returns, 0.0) * member.weight
    with np.errstate(divide="ignore", invalid="ignore"):
        coverage = present_weight / listed_weight
        daily = weighted / present_weight
    readable = coverage >= basket.min_coverage - COVERAGE_SLACK
    return BasketSeries(
        basket=basket,
        sessions=table.sessions,
        daily_return=np.where(readable & (present_weight > 0), daily, np.nan),
        coverage=coverage,
        alone=alone,
        rows=rows,
        final_sessions=table.final_sessions,
    )


def _rows(table: PriceTable, member: Member, alone: SymbolReturns) -> slice:
    """The rows on which a member is listed and belongs: after the first close, from `since` to `until`."""
    begin, end = alone.begin, len(table.sessions)
    if member.since is not None:
        begin = max(begin, int(np.searchsorted(table.sessions, np.datetime64(member.since, "D"))))
    if member.until is not None:
        end = int(np.searchsorted(table.sessions, np.datetime64(member.until, "D"), side="right"))
    return slice(begin, max(begin, end))


def _within(alone: SymbolReturns, rows: slice) -> SymbolReturns:
    """What a symbol did on those rows; nothing is copied where they are all that it was listed on."""
    if rows == slice(alone.begin, len(alone.daily)):
        return alone
    daily, low = (np.full(len(alone.daily), np.nan) for _ in range(2))
    daily[rows], low[rows] = alone.daily[rows], alone.low[rows]
    return replace(alone, daily=daily, low=low)


def symbols_of(baskets: Iterable[Basket]) -> tuple[Symbol, ...]:
    """Everything that these baskets watch, each once."""
    return tuple(dict.fromkeys(symbol for basket in baskets for symbol in basket.symbols))


def calendars_needed(baskets: Sequence[Basket]) -> tuple[CalendarCode, ...]:
    """The calendars of the baskets and of their members' own exchanges."""
    own = map(exchange_of, symbols_of(baskets))
    return tuple(dict.fromkeys((*(basket.calendar for basket in baskets), *own)))


@dataclass(frozen=True, slots=True)
class ExcludedBasket:
    """A basket that cannot be valued, and which of its symbols the source lacks."""

    basket: Basket
    lacking: tuple[Symbol, ...]


@dataclass(frozen=True, slots=True)
class Market:
    """Price tables by calendar, the baskets that can be valued on them, and those that cannot."""

    tables: Mapping[CalendarCode, PriceTable]
    baskets: tuple[Basket, ...]
    left_out: tuple[ExcludedBasket, ...]

    @property
    def refused(self) -> tuple[RejectedRow, ...]:
        """What was not believed, each place once."""
        return tuple(dict.fromkeys(one for table in self.tables.values() for one in table.refused))


def assemble_market(
    baskets: Sequence[Basket], bars: Mapping[Symbol, Bars], calendars: CalendarProvider, until: int | None = None
) -> Market:
    """Lay what the source has of every basket's symbols on the baskets' calendars (`until` as in `load`).

    A basket is left out if the symbols that are there make up less than its least coverage.
    """
    kept, left_out = [], []
    for basket in baskets:
        lacking = tuple(member.symbol for member in basket.members if member.symbol not in bars)
        there = sum(member.weight for member in basket.members if member.symbol not in lacking)
        share = there / sum(member.weight for member in basket.members)
        if share >= basket.min_coverage - COVERAGE_SLACK:
            kept.append(basket)
        else:
            left_out.append(ExcludedBasket(basket, lacking))
    tables = {}
    for code in dict.fromkeys(basket.calendar for basket in kept):
        symbols = symbols_of(basket for basket in kept if basket.calendar == code)
        rows = [bars.get(symbol) or empty_bars(symbol) for symbol in symbols]
        tables[code] = build_table(rows, calendars.get(code), calendars, until=until)
    return Market(tables, tuple(kept), tuple(left_out))
