"""Recent log returns, peer medians and spreads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bot.prices.bars import Bars, Dates, Floats, Symbol
from bot.prices.calendars import Calendar, CalendarProvider, exchange_of
from bot.prices.table import Places

Price = Literal["close", "adjusted"]
# Fewer do not say how a circle moved.
MIN_PEERS = 4


@dataclass(frozen=True, slots=True)
class RecentReturns:
    """Log moves from one session to the next, arrays of shape (days, symbols); NaN = no move is known.

    `days` are the local dates of all exchanges together. `rows` are the places of the sessions in the symbol's bars,
    -1 where there is none. `dip` is how far the low lies below the close and the one before, whichever is the lower.
    """

    days: Dates
    symbols: tuple[Symbol, ...]
    rows: Places
    close: Floats
    adjusted: Floats
    dip: Floats


def recent_returns(bars: Mapping[Symbol, Bars], calendars: CalendarProvider, recent: int) -> RecentReturns:
    """The moves of the `recent` latest sessions that each symbol has."""
    found = {symbol: _own(one, calendars.get(exchange_of(symbol)), recent) for symbol, one in bars.items()}
    known = [one.dates[rows] for one, (rows, _) in zip(bars.values(), found.values(), strict=True)]
    days = np.unique(np.concatenate([*known, np.empty(0, dtype="M8[D]")]))
    shape = (len(days), len(bars))
    rows = np.full(shape, -1, dtype=np.intp)
    close, adjusted, dip = (np.full(shape, np.nan) for _ in range(3))
    for column, (symbol, (own, before)) in enumerate(found.items()):
        one = bars[symbol]
        at = np.searchsorted(days, one.dates[own])
        rows[at, column] = own
        lower = np.where(before >= 0, np.fmin(one.close[own], one.close[before]), one.close[own])
        dip[at, column] = np.log(one.low[own]) - np.log(lower)
        for target, price in ((close, one.close), (adjusted, one.adjusted)):
            target[at, column] = np.where(before >= 0, np.log(price[own]) - np.log(price[before]), np.nan)
    return RecentReturns(days, tuple(bars), rows, close, adjusted, dip)


def _own(bars: Bars, calendar: Calendar, recent: int) -> tuple[Places, Places]:
    """The rows of the latest sessions, and for each the row of the session before it (-1 = there is none).

    Of twice as many rows it takes those that are of sessions: strangers are few.
    """
    begin = max(len(bars.dates) - 2 * (recent + 1), 0)
    dates = bars.dates[begin:]
    place = np.searchsorted(calendar.sessions, dates)
    inside = place < len(calendar.sessions)
    inside[inside] = calendar.sessions[place[inside]] == dates[inside]
    rows = np.flatnonzero(inside)
    before = np.full(len(rows), -1, dtype=np.intp)
    consecutive = np.flatnonzero(np.diff(place[rows]) == 1)
    before[consecutive + 1] = rows[consecutive] + begin
    return rows[-recent:] + begin, before[-recent:]


def peer_median_and_spread(
    found: Floats, symbols: Sequence[Symbol], circles: Sequence[Collection[Symbol]]
) -> tuple[Floats, Floats]:
    """The median of every symbol's circle, itself included, and the median distance from it; arrays like `found`.

    A symbol's circle is everyone in a basket with it; where fewer than FEWEST of them moved, all symbols; where even
    those are fewer, the others alone; and where nobody else moved, the market stood still: 0.
    """
    centre, spread = np.zeros(found.shape), np.zeros(found.shape)
    column = {symbol: at for at, symbol in enumerate(symbols)}
    everybody = frozenset(range(len(symbols)))
    known: dict[frozenset[int], tuple[Floats, Floats, Places]] = {}
    for at, symbol in enumerate(symbols):
        near = frozenset(column[one] for circle in circles if symbol in circle for one in circle if one in column)
        todo = np.ones(len(found), dtype=np.bool_)
        for group in (near, everybody):
            if group not in known:
                known[group] = _of_group(found[:, sorted(group)])
            middle, distance, count = known[group]
            here = todo & (count >= MIN_PEERS)
            centre[here, at], spread[here, at] = middle[here], distance[here]
            todo &= ~here
        centre[todo, at] = np.nan_to_num(_median(found[todo][:, sorted(everybody - {at})]))
    return centre, spread


def _of_group(moved: Floats) -> tuple[Floats, Floats, Places]:
    """The median of every row, the median distance from it, and how many there are."""
    middle = _median(moved)
    return middle, _median(np.abs(moved - middle[:, None])), (~np.isnan(moved)).sum(axis=1)


def _median(values: Floats) -> Floats:
    """The median of every row without its NaNs, NaN where nothing is left; np.nanmedian takes ten times as long."""
    if values.shape[1] == 0:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1)
    count = (~np.isnan(values)).sum(axis=1)
    every = np.arange(len(values))
    middle: Floats = (ordered[every, np.maximum(count - 1, 0) // 2] + ordered[every, count // 2]) / 2
    return middle
