"""What did the market do, on the sessions of one exchange?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bot.prices.bars import Bars, Dates, Floats, RejectedRow, Symbol
from bot.prices.calendars import Calendar, CalendarProvider, exchange_of

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SymbolReturns:
    """What one symbol did by itself, columns of shape (T,): fractions, NaN = not known.

    `daily` are the returns, 0 where `shut` says that its exchange brought no new session, and `low` the days' lows
    against the closes before. Both are known from row `begin` on at the earliest: the one after the first close.
    """

    daily: Floats
    low: Floats
    shut: Flags
    begin: int


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Closes of several symbols on the sessions of one calendar; row t is final if t < `final_sessions`.

    `sessions` is a gapless slice of the calendar, shape (T,). `close`, `adjusted` and `low` have shape (T, S); NaN =
    missing. A symbol from another exchange stands with its own latest session that closed at or before the row's
    close. `shut` marks rows on which the symbol's exchange brought no new session since the row before.
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
    _returns: dict[tuple[int, bool], SymbolReturns] = field(default_factory=dict, init=False, repr=False, compare=False)

    def returns(self, column: int, *, adjusted: bool) -> SymbolReturns:
        """What a symbol did, by closes adjusted for dividends or for splits alone; worked out once."""
        if (column, adjusted) not in self._returns:
            self._returns[column, adjusted] = _returns(self, column, self.adjusted if adjusted else self.close)
        return self._returns[column, adjusted]


def _returns(table: PriceTable, column: int, closes: Floats) -> SymbolReturns:
    daily, low = (np.full(len(closes), np.nan) for _ in range(2))
    own, shut = closes[:, column], table.shut[:, column]
    known = ~np.isnan(own)
    begin = int(known.argmax()) + 1 if known.any() else len(closes)
    before = own[begin - 1 : -1]
    daily[begin:] = np.where(shut[begin:], 0.0, own[begin:] / before - 1)
    paid = own[begin:] / table.close[begin:, column]
    low[begin:] = np.where(shut[begin:], np.nan, table.low[begin:, column] * paid / before - 1)
    return SymbolReturns(daily, low, shut, begin)


def build_table(
    bars: Sequence[Bars], calendar: Calendar, calendars: CalendarProvider, *, until: int | None = None
) -> PriceTable:
    """Lay the rows of several symbols on the sessions of `calendar`.

    The table runs from the session of the earliest row to that of the latest. `until` (seconds since 1970, UTC) is
    the moment of judgement: a session that opens later is left out, and a session is final if it closed at or before
    `until`. Without it the rows themselves are the end of time, and every session is final. Rows that fall on no
    session of the symbol's exchange are refused and counted.
    """
    placed = [_on_own_sessions(one, calendars.get(exchange_of(one.symbol))) for one in bars]
    own = [calendars.get(exchange_of(one.symbol)) for one in bars]
    first = min((cal.closes[rows[0]] for cal, (rows, *_) in zip(own, placed, strict=True) if len(rows)), default=0)
    last = max((cal.closes[rows[-1]] for cal, (rows, *_) in zip(own, placed, strict=True) if len(rows)), default=-1)
    begin = int(np.searchsorted(calendar.closes, first, side="left"))
    end = int(np.searchsorted(calendar.closes, last, side="left")) + 1
    if last < 0:
        end = begin
    if until is not None:
        end = min(end, int(np.searchsorted(calendar.opens, until, side="right")))
    end = min(max(begin, end), len(calendar.sessions))
    closes = calendar.closes[begin:end]
    shape = (end - begin, len(bars))
    # Each symbol's figures lie together: they are read one symbol after the other, of some of many.
    close, adjusted, low = (np.full(shape, np.nan, order="F") for _ in range(3))
    shut = np.zeros(shape, dtype=np.bool_, order="F")
    refused: list[RejectedRow] = []
    for column, (one, cal, (rows, keep, strangers)) in enumerate(zip(bars, own, placed, strict=True)):
        refused += one.refused
        refused += strangers
        own_row = np.searchsorted(cal.closes, closes, side="right") - 1
        if cal.code == calendar.code:
            own_row = np.arange(begin, end)
        shut[1:, column] = own_row[1:] == own_row[:-1]
        for target, values in ((close, one.close), (adjusted, one.adjusted), (low, one.low)):
            whole = np.full(len(cal.sessions), np.nan)
            whole[rows] = values[keep]
            target[:, column] = np.where(own_row >= 0, whole[own_row], np.nan)
    final = shape[0] if until is None else int(np.searchsorted(closes, until, side="right"))
    return PriceTable(
        calendar=calendar,
        sessions=calendar.sessions[begin:end],
        symbols=tuple(one.symbol for one in bars),
        close=close,
        adjusted=adjusted,
        low=low,
        shut=shut,
        final_sessions=final,
        refused=tuple(refused),
    )


def _on_own_sessions(one: Bars, calendar: Calendar) -> tuple[npt.NDArray[np.intp], Flags, list[RejectedRow]]:
    """Which session of its own exchange each row is of; rows of no session are refused."""
    place = np.searchsorted(calendar.sessions, one.dates)
    inside = place < len(calendar.sessions)
    keep = np.zeros(len(one.dates), dtype=np.bool_)
    keep[inside] = calendar.sessions[place[inside]] == one.dates[inside]
    strangers = [
        RejectedRow(f"{one.where} {day}", f"no session of {calendar.code} on that date; the row is left out")
        for day in one.dates[~keep]
    ]
    return place[keep], keep, strangers
