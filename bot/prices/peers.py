"""Recent log returns of symbols, and the medians and spreads of their peers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bot.prices.bars import Bars, Dates, Floats, Symbol
from bot.prices.calendars import CalendarProvider, exchange_of
from bot.prices.table import Places

Price = Literal["close", "adjusted"]
MIN_PEERS = 4


@dataclass(frozen=True, slots=True)
class RecentReturns:
    """Log returns from session to session, arrays of shape (days, symbols); NaN = unknown.

    `days` are the local dates of all exchanges together. `rows` are the rows of the sessions in the symbol's bars, -1
    without a session. `dip` is the log distance of the low from the lower of the close and the close before.
    """

    days: Dates
    symbols: tuple[Symbol, ...]
    rows: Places
    close: Floats
    adjusted: Floats
    dip: Floats


def recent_returns(bars: Mapping[Symbol, Bars], calendars: CalendarProvider, recent: int) -> RecentReturns:
    """The returns of the `recent` latest sessions of every symbol."""
    latest = []
    for symbol, prices in bars.items():
        sessions = calendars.get(exchange_of(symbol)).sessions
        # Of twice as many rows, for rows without a session are few.
        begin = max(len(prices.dates) - 2 * (recent + 1), 0)
        rows = begin + np.flatnonzero(np.isin(prices.dates[begin:], sessions))
        consecutive = np.diff(np.searchsorted(sessions, prices.dates[rows]), prepend=-2) == 1
        latest.append((prices, rows[-recent:], np.where(consecutive, np.append(-1, rows)[:-1], -1)[-recent:]))
    days = np.unique(np.concatenate([np.empty(0, dtype="M8[D]"), *(prices.dates[rows] for prices, rows, _ in latest)]))
    shape = (len(days), len(bars))
    rows_of = np.full(shape, -1, dtype=np.intp)
    close, adjusted, dip = (np.full(shape, np.nan) for _ in range(3))
    for column, (prices, rows, previous) in enumerate(latest):
        at = np.searchsorted(days, prices.dates[rows])
        rows_of[at, column] = rows
        lower = np.where(previous >= 0, np.fmin(prices.close[rows], prices.close[previous]), prices.close[rows])
        dip[at, column] = np.log(prices.low[rows]) - np.log(lower)
        for target, price in ((close, prices.close), (adjusted, prices.adjusted)):
            target[at, column] = np.where(previous >= 0, np.log(price[rows]) - np.log(price[previous]), np.nan)
    return RecentReturns(days, tuple(bars), rows_of, close, adjusted, dip)


def peer_median_and_spread(
    returns: Floats, symbols: Sequence[Symbol], circles: Sequence[Collection[Symbol]]
) -> tuple[Floats, Floats]:
    """The median of every symbol's peers, itself included, and the median distance from it; arrays like `returns`.

    The peers are all symbols in a basket with the symbol; with fewer than MIN_PEERS returns, all symbols; with fewer
    still, the other symbols alone with a spread of 0; and without any, the median is 0.
    """
    centre, spread = np.zeros(returns.shape), np.zeros(returns.shape)
    columns = {symbol: column for column, symbol in enumerate(symbols)}
    everybody = frozenset(range(len(symbols)))
    for column, symbol in enumerate(symbols):
        peers = {columns[peer] for circle in circles if symbol in circle for peer in circle if peer in columns}
        todo = np.ones(len(returns), dtype=np.bool_)
        for group in (peers, everybody):
            members = returns[:, sorted(group)]
            middle = _median(members)
            rows = todo & ((~np.isnan(members)).sum(axis=1) >= MIN_PEERS)
            centre[rows, column] = middle[rows]
            spread[rows, column] = _median(np.abs(members - middle[:, None]))[rows]
            todo &= ~rows
        centre[todo, column] = np.nan_to_num(_median(returns[todo][:, sorted(everybody - {column})]))
    return centre, spread


def _median(values: Floats) -> Floats:
    """The median of every row without its NaNs, NaN for a row without values (np.nanmedian is ten times as slow)."""
    if values.shape[1] == 0:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1)
    count = (~np.isnan(values)).sum(axis=1)
    rows = np.arange(len(values))
    middle: Floats = (ordered[rows, np.maximum(count - 1, 0) // 2] + ordered[rows, count // 2]) / 2
    return middle
