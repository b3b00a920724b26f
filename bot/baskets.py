"""What do we watch?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NewType

import numpy as np

from bot.prices import (
    Bars,
    CalendarCode,
    Calendars,
    Dates,
    Flags,
    Floats,
    Places,
    PriceTable,
    Refusal,
    Returns,
    Symbol,
    exchange_of,
    load,
    no_bars,
)

BasketId = NewType("BasketId", str)
PriceKind = Literal["adjusted", "split-adjusted"]
Rows = int | slice
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
    """A basket's returns by session, T of them, and what its M members did by themselves.

    `daily_return` and `coverage` have shape (T,): fractions; NaN = no reading, coverage NaN = nobody was listed.
    Member m did `alone[m]`, and belongs from row `begin[m]` to before row `end[m]`. Rows from `final_sessions` on are
    provisional.
    """

    basket: Basket
    sessions: Dates
    daily_return: Floats
    coverage: Floats
    alone: tuple[Returns, ...]
    begin: Places
    end: Places
    final_sessions: int

    def member_returns(self, rows: Rows = slice(None)) -> Floats:
        """Of shape (rows, M), or (M,) of one row: NaN = missing or not a member."""
        return self._of_members([one.daily for one in self.alone], rows)

    def day_lows(self, rows: Rows = slice(None)) -> Floats:
        """The days' lows against the closes before, shaped like the returns: NaN = unknown or not a member."""
        return self._of_members([one.low for one in self.alone], rows)

    def listed(self, rows: Rows = slice(None)) -> Flags:
        """Whether a member is listed and belongs, shaped like the returns."""
        at = rows if isinstance(rows, int) else np.arange(len(self.sessions))[rows, None]
        listed: Flags = (self.begin <= at) & (at < self.end)
        return listed

    def rows(self, column: int) -> slice:
        """The rows on which one member belongs."""
        return slice(self.begin[column], self.end[column])

    def day_low(self, column: int) -> Floats:
        """The lows of one member, shape (T,), as in `day_lows`; of one that always belongs they take no memory."""
        rows, low = self.rows(column), self.alone[column].low
        if rows == slice(self.alone[column].begin, len(low)):
            return low
        whole = np.full(len(low), np.nan)
        whole[rows] = low[rows]
        return whole

    def shares(self, rows: slice = slice(None)) -> Floats:
        """Weights as shares of the members that have a return (0 = it has none), of shape (rows, M)."""
        present = ~np.isnan(self.member_returns(rows))
        weights = present * np.array([member.weight for member in self.basket.members])
        whole = np.add.accumulate(weights, axis=1)[:, -1:]  # one member after the other, as in `value`
        shares: Floats = weights / np.where(whole > 0, whole, 1.0)
        return shares

    def _of_members(self, alone: Sequence[Floats], rows: Rows) -> Floats:
        found = np.array([one[rows] for one in alone]).T
        always = all(member.since is None and member.until is None for member in self.basket.members)
        return found if always else np.where(self.listed(rows), found, np.nan)


def value(table: PriceTable, basket: Basket) -> BasketSeries:
    """The basket's daily return, the weighted mean of its members' returns (definitions: prices and baskets).

    A member belongs from the session after its first close. The members' symbols must stand in the table; one that
    has no price at all is never listed and costs no coverage.
    """
    place = {symbol: at for at, symbol in enumerate(table.symbols)}
    adjusted = basket.prices == "adjusted"
    alone = tuple(table.returns(place[member.symbol], adjusted=adjusted) for member in basket.members)
    begin = np.array([one.begin for one in alone])
    end = np.full(len(alone), len(table.sessions))
    for column, member in enumerate(basket.members):
        if member.since is not None:
            begin[column] = max(begin[column], np.searchsorted(table.sessions, np.datetime64(member.since, "D")))
        if member.until is not None:
            end[column] = np.searchsorted(table.sessions, np.datetime64(member.until, "D"), side="right")
    present_weight, listed_weight, weighted = (np.zeros(len(table.sessions)) for _ in range(3))
    # One member after the other, so that a session's sum does not depend on how many sessions the table has.
    for member, own, first, last in zip(basket.members, alone, begin.tolist(), end.tolist(), strict=True):
        rows = slice(first, last)
        returns = own.daily[rows]
        present = ~np.isnan(returns)
        present_weight[rows] += present * member.weight
        listed_weight[rows] += member.weight
        weighted[rows] += np.where(present, returns, 0.0) * member.weight
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
        begin=begin,
        end=end,
        final_sessions=table.final_sessions,
    )


def symbols_of(baskets: Iterable[Basket]) -> tuple[Symbol, ...]:
    """Everything that these baskets watch, each once."""
    return tuple(dict.fromkeys(symbol for basket in baskets for symbol in basket.symbols))


def calendars_needed(baskets: Sequence[Basket]) -> tuple[CalendarCode, ...]:
    """The calendars of the baskets and of their members' own exchanges."""
    own = map(exchange_of, symbols_of(baskets))
    return tuple(dict.fromkeys((*(basket.calendar for basket in baskets), *own)))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A basket that cannot be valued, and which of its symbols the source lacks."""

    basket: Basket
    lacking: tuple[Symbol, ...]


@dataclass(frozen=True, slots=True)
class Market:
    """Price tables by calendar, the baskets that can be valued on them, and those that cannot."""

    tables: Mapping[CalendarCode, PriceTable]
    baskets: tuple[Basket, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def refused(self) -> tuple[Refusal, ...]:
        """What was not believed, each place once."""
        return tuple(dict.fromkeys(one for table in self.tables.values() for one in table.refused))


def assemble(
    baskets: Sequence[Basket], bars: Mapping[Symbol, Bars], calendars: Calendars, until: int | None = None
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
            left_out.append(LeftOut(basket, lacking))
    tables = {}
    for code in dict.fromkeys(basket.calendar for basket in kept):
        symbols = symbols_of(basket for basket in kept if basket.calendar == code)
        rows = [bars.get(symbol) or no_bars(symbol) for symbol in symbols]
        tables[code] = load(rows, calendars.get(code), calendars, until=until)
    return Market(tables, tuple(kept), tuple(left_out))
