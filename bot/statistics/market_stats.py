"""Lazily computed, cached statistics of all baskets, members and spreads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from math import isnan
from typing import TypeVar, cast

from bot.baskets import BasketId, BasketSeries, Member, value_basket
from bot.prices.bars import Symbol
from bot.prices.calendars import CalendarCode, session_index
from bot.prices.table import PriceTable
from bot.statistics.measure import VerdictColumns, measure_basket, measure_spread
from bot.statistics.verdict import DrawdownThresholds, Verdict

T = TypeVar("T")


@dataclass(slots=True)
class MarketStats:
    """Baskets, their members and their spreads, valued and measured on the price table of each calendar."""

    series: Mapping[BasketId, BasketSeries]
    thresholds: DrawdownThresholds
    tables: Mapping[CalendarCode, PriceTable]
    _results: dict[tuple[str, ...], object] = field(default_factory=dict)

    def sessions(self, *, final: bool = True) -> list[date]:
        """The sessions of all baskets' calendars, ascending; with `final` only the final ones."""
        by_calendar = {series.basket.calendar: series for series in self.series.values()}.values()
        every = (series.sessions[: series.final_sessions if final else None] for series in by_calendar)
        return sorted({day for sessions in every for day in sessions.tolist()})

    def position(self, basket: BasketId, session: date) -> int | None:
        """The position of `session` in the basket's series; None = no session there, or outside the data."""
        return session_index(self.series[basket].sessions, session)

    def next_session(self, basket: BasketId, position: int) -> date | None:
        """The session after that at `position`, in the data or not; None = the calendar ends there."""
        table = self.tables[self.series[basket].basket.calendar]
        later = table.calendar.sessions[table.calendar.sessions > table.sessions[position]]
        return cast("date", later.item(0)) if len(later) else None

    def close(self, calendar: CalendarCode, symbol: Symbol, position: int) -> float | None:
        """The close of a symbol, adjusted for splits; None = missing."""
        table = self.tables[calendar]
        close = table.close.item(position, table.symbols.index(symbol))
        return None if isnan(close) else close

    def of_basket(self, basket: BasketId, window: int) -> VerdictColumns:
        """The verdicts of a basket's `window`-session moves."""
        return self.once(
            ("basket", basket, str(window)), lambda: measure_basket(self.series[basket], window, self.thresholds)
        )

    def of_member(self, basket: BasketId, symbol: Symbol, window: int) -> VerdictColumns:
        """The verdicts of a single member, on the basket's calendar and kind of price."""
        definition = self.series[basket].basket
        key = "member", definition.calendar, definition.prices, symbol, str(window)
        return self.once(key, lambda: self.measure_member(basket, symbol, window))

    def measure_member(self, basket: BasketId, symbol: Symbol, window: int) -> VerdictColumns:
        """The verdicts as of_member, not cached."""
        alone = replace(self.series[basket].basket, id=BasketId(symbol), members=(Member(symbol),))
        return measure_basket(value_basket(self.tables[alone.calendar], alone), window, self.thresholds)

    def of_spread(self, basket: BasketId, against: BasketId, window: int) -> VerdictColumns:
        """The verdicts of `basket` minus `against`; positions are those of `basket` if the calendars agree."""
        return self.once(
            ("spread", basket, against, str(window)),
            lambda: measure_spread(self.series[basket], self.series[against], window, self.thresholds),
        )

    def spread_at(self, basket: BasketId, against: BasketId, window: int, session: date) -> Verdict | None:
        """The verdict of the spread on one session; None without a move, or if it is no common session."""
        columns = self.of_spread(basket, against, window)
        index = session_index(columns.sessions, session)
        return None if index is None else columns.at(index)

    def forget(self) -> None:
        """Empty the cache, most of the memory; results are computed again on demand."""
        self._results = {}

    def once(self, key: tuple[str, ...], work: Callable[[], T]) -> T:
        """The result of `work`, cached under `key` until `forget`."""
        if key not in self._results:
            self._results[key] = work()
        return cast(T, self._results[key])
