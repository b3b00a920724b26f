"""Lazily computed, cached statistics of all baskets, members and spreads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import isnan
from typing import TypeVar, cast

import numpy as np

from bot.baskets import Basket, BasketId, BasketSeries, Member, value_basket
from bot.prices.bars import Symbol
from bot.prices.calendars import CalendarCode
from bot.prices.table import PriceTable
from bot.statistics.measure import VerdictColumns, measure_basket, measure_spread
from bot.statistics.verdict import DrawdownThresholds, Verdict

T = TypeVar("T")


@dataclass(slots=True)
class MarketStats:
    """Baskets, their members and their spreads, valued and measured over one price table a calendar."""

    series: Mapping[BasketId, BasketSeries]
    lines: DrawdownThresholds
    _tables: Mapping[CalendarCode, PriceTable]
    _places: dict[CalendarCode, dict[date, int]] = field(default_factory=dict)
    _verdicts: dict[tuple[str, ...], VerdictColumns] = field(default_factory=dict)
    _notes: dict[tuple[str, ...], object] = field(default_factory=dict)

    @classmethod
    def of(
        cls, tables: Mapping[CalendarCode, PriceTable], baskets: Sequence[Basket], lines: DrawdownThresholds
    ) -> MarketStats:
        """Value every basket; its calendar's table must hold its members' symbols."""
        return cls({basket.id: value_basket(tables[basket.calendar], basket) for basket in baskets}, lines, tables)

    def sessions(self, *, final: bool = True) -> list[date]:
        """Every session of any basket's calendar, in order; with `final` only those that are final."""
        days = {
            day
            for code, table in self._tables.items()
            if any(one.basket.calendar == code for one in self.series.values())
            for day in table.sessions[: table.final_sessions if final else None].tolist()
        }
        return sorted(days)

    def position(self, basket: BasketId, session: date) -> int | None:
        """Where `session` stands in the basket's series; None = it is no session there, or outside the data."""
        code = self.series[basket].basket.calendar
        if code not in self._places:
            self._places[code] = {day: at for at, day in enumerate(self._tables[code].sessions.tolist())}
        return self._places[code].get(session)

    def next_session(self, basket: BasketId, position: int) -> date | None:
        """The session after the one at `position`, in the data or not; None = the calendar ends there."""
        table = self._tables[self.series[basket].basket.calendar]
        ahead = table.calendar.sessions[table.calendar.sessions > table.sessions[position]]
        return cast("date", ahead.item(0)) if len(ahead) else None

    def close(self, calendar: CalendarCode, symbol: Symbol, position: int) -> float | None:
        """The close of a symbol, adjusted for splits; None = missing."""
        table = self._tables[calendar]
        close = table.close.item(position, table.symbols.index(symbol))
        return None if isnan(close) else close

    def of_basket(self, basket: BasketId, window: int) -> VerdictColumns:
        """The verdicts of a basket's `window`-session moves."""
        return self._measured(
            ("basket", basket, str(window)), lambda: measure_basket(self.series[basket], window, self.lines)
        )

    def of_member(self, basket: BasketId, symbol: Symbol, window: int) -> VerdictColumns:
        """The verdicts of one member by itself, on the basket's calendar and kind of price."""
        whole = self.series[basket].basket
        key = "member", whole.calendar, whole.prices, symbol, str(window)
        return self._measured(key, lambda: self.measure_member(basket, symbol, window))

    def measure_member(self, basket: BasketId, symbol: Symbol, window: int) -> VerdictColumns:
        """As of_member, for whoever keeps them himself."""
        whole = self.series[basket].basket
        alone = replace(whole, id=BasketId(symbol), members=(Member(symbol),))
        return measure_basket(value_basket(self._tables[whole.calendar], alone), window, self.lines)

    def of_spread(self, one: BasketId, other: BasketId, window: int) -> VerdictColumns:
        """The verdicts of the spread `one` minus `other`; positions are those of `one` if the calendars agree."""
        return self._measured(
            ("spread", one, other, str(window)),
            lambda: measure_spread(self.series[one], self.series[other], window, self.lines),
        )

    def spread_at(self, one: BasketId, other: BasketId, window: int, session: date) -> Verdict | None:
        """The spread on one session, wherever it stands among the common sessions."""
        columns = self.of_spread(one, other, window)
        at = int(np.searchsorted(columns.sessions, np.datetime64(session, "D")))
        found = columns.at(at) if at < len(columns.sessions) else None
        return found if found is not None and found.session == session else None

    def forget(self) -> None:
        """Free what was measured, most of the memory: it is measured again if somebody asks."""
        self._verdicts, self._notes = {}, {}

    def _measured(self, key: tuple[str, ...], work: Callable[[], VerdictColumns]) -> VerdictColumns:
        if (found := self._verdicts.get(key)) is None:
            found = self._verdicts[key] = work()
        return found

    def once(self, key: tuple[str, ...], work: Callable[[], T]) -> T:
        """The result of `work`, kept under `key` as long as the figures are the same."""
        if key not in self._notes:
            self._notes[key] = work()
        return cast(T, self._notes[key])
