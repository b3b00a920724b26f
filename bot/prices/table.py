"""Price table: closes and returns of several symbols on the sessions of one calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bot.prices.bars import Bars, Dates, Floats, RejectedRow, Symbol
from bot.prices.calendars import Calendar, CalendarProvider, exchange_of

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SymbolReturns:
    """Returns of a symbol from row `begin` on, the row after the first close; shape (T,), fractions, NaN = unknown.

    `daily` are 0 on rows without a new session of its exchange (`shut`), `low` the days' lows against previous closes.
    """

    daily: Floats
    low: Floats
    shut: Flags
    begin: int


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Closes of several symbols on the sessions of one calendar; row t is final if t < `final_sessions`.

    `sessions` is a gapless slice of the calendar, shape (T,). `close`, `adjusted` and `low` have shape (T, S); NaN =
    missing. A symbol of another exchange has the prices of its latest session that closed at or before the row's close.
    `shut` marks rows without a new session of the symbol's exchange since the previous row.
    """

    calendar: Calendar
    sessions: Dates
    symbols: tuple[Symbol, ...]
    close: Floats
    adjusted: Floats
    low: Floats
    shut: Flags
    final_sessions: int
    refused: tuple[RejectedRow, ...] = ()

    def returns(self, column: int, *, adjusted: bool) -> SymbolReturns:
        """The returns of a symbol, by closes adjusted for dividends too or for splits alone."""
        closes, shut = (self.adjusted if adjusted else self.close)[:, column], self.shut[:, column]
        present = ~np.isnan(closes)
        begin = int(present.argmax()) + 1 if present.any() else len(closes)
        previous = closes[begin - 1 : -1]
        daily, low = (np.full(len(closes), np.nan) for _ in range(2))
        daily[begin:] = np.where(shut[begin:], 0.0, closes[begin:] / previous - 1)
        adjustment = closes[begin:] / self.close[begin:, column]
        low[begin:] = np.where(shut[begin:], np.nan, self.low[begin:, column] * adjustment / previous - 1)
        return SymbolReturns(daily, low, shut, begin)


def build_table(
    bars: Sequence[Bars], calendar: Calendar, calendars: CalendarProvider, *, until: int | None = None
) -> PriceTable:
    """The prices of several symbols on the sessions of `calendar`.

    The table runs from the session of the earliest row to that of the latest. `until` (seconds since 1970, UTC) is
    the time of evaluation: a session that opens later is left out, and a session is final if it closed at or before
    `until`. Without it every session is final. Rows on no session of the symbol's exchange are rejected.
    """
    exchanges = [calendars.get(exchange_of(prices.symbol)) for prices in bars]
    keeps = [np.isin(prices.dates, exchange.sessions) for prices, exchange in zip(bars, exchanges, strict=True)]
    ends = [
        exchange.closes[np.searchsorted(exchange.sessions, prices.dates[keep][[0, -1]])]
        for prices, exchange, keep in zip(bars, exchanges, keeps, strict=True)
        if keep.any()
    ]
    begin = int(np.searchsorted(calendar.closes, np.min(ends))) if ends else 0
    end = int(np.searchsorted(calendar.closes, np.max(ends))) + 1 if ends else 0
    if until is not None:
        end = min(end, int(np.searchsorted(calendar.opens, until, side="right")))
    end = min(max(begin, end), len(calendar.sessions))
    sessions, closes = calendar.sessions[begin:end], calendar.closes[begin:end]
    shape = (end - begin, len(bars))
    close, adjusted, low = (np.full(shape, np.nan, order="F") for _ in range(3))
    shut = np.zeros(shape, dtype=np.bool_, order="F")
    refused: list[RejectedRow] = []
    for column, (prices, exchange, keep) in enumerate(zip(bars, exchanges, keeps, strict=True)):
        refused += prices.refused
        why = f"no session of {exchange.code} on that date; the row is left out"
        refused += (RejectedRow(f"{prices.where} {day}", why) for day in prices.dates[~keep])
        latest = np.searchsorted(exchange.closes, closes, side="right") - 1
        if exchange.code == calendar.code:
            latest = np.arange(begin, end)
        shut[1:, column] = latest[1:] == latest[:-1]
        rows = np.searchsorted(exchange.sessions, prices.dates[keep])
        for target, values in ((close, prices.close), (adjusted, prices.adjusted), (low, prices.low)):
            whole = np.full(len(exchange.sessions), np.nan)
            whole[rows] = values[keep]
            target[:, column] = np.where(latest >= 0, whole[latest], np.nan)
    final = shape[0] if until is None else int(np.searchsorted(closes, until, side="right"))
    symbols = tuple(prices.symbol for prices in bars)
    return PriceTable(calendar, sessions, symbols, close, adjusted, low, shut, final, tuple(refused))
