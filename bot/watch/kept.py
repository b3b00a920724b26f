"""What was had of the symbols that nobody need be asked about now, without keeping all of it in memory?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from bot.prices.bars import Bars, Symbol

ROWS = 64  # more than the gate looks at, and than any correction reaches back
COLUMNS = ("close", "adjusted", "high", "low")


def nothing_known(_symbol: Symbol) -> None:
    """Of a source that keeps nothing."""


@dataclass(slots=True)
class Kept:
    """The newest rows of each symbol, and when they were had; all of its rows, where the older ones are not known
    elsewhere.
    """

    _newest: dict[Symbol, tuple[datetime, Bars]] = field(default_factory=dict)

    @property
    def since(self) -> Mapping[Symbol, datetime]:
        """When each symbol was had last."""
        return {symbol: then for symbol, (then, _) in self._newest.items()}

    async def still(self, symbols: Collection[Symbol], known: Callable[[Symbol], Bars | None]) -> dict[Symbol, Bars]:
        """The whole histories of `symbols`, with the older rows as they are `known`; of all others nothing is kept on.

        Where the two do not fit, there is none: it is to be asked for.
        """
        self._newest = {symbol: one for symbol, one in self._newest.items() if symbol in symbols}
        found = {}
        for symbol, (_, last) in self._newest.items():
            older = last if known is nothing_known else await asyncio.to_thread(known, symbol)
            if older is not None and (whole := _rejoined(older, last)) is not None:
                found[symbol] = whole
        return found

    def keep(self, bars: Mapping[Symbol, Bars], now: datetime, known: Callable[[Symbol], Bars | None]) -> None:
        """What the source gave now."""
        rows = 0 if known is nothing_known else ROWS
        self._newest |= {symbol: (now, _last(one, rows)) for symbol, one in bars.items()}


def _last(bars: Bars, rows: int) -> Bars:
    """The last `rows` of `bars` (0 = all)."""
    if not rows:
        return bars
    columns = {name: getattr(bars, name)[-rows:].copy() for name in ("dates", *COLUMNS)}
    volume = None if bars.volume is None else bars.volume[-rows:].copy()
    return replace(bars, **columns, volume=volume)


def _rejoined(older: Bars, last: Bars) -> Bars | None:
    """`last` with the rows of `older` before it; None unless all that `older` has after those reads as in `last`."""
    if older is last:
        return last
    begin = int(np.searchsorted(older.dates, last.dates[:1]).sum())
    common = len(older.dates) - begin
    for name in ("dates", *COLUMNS):
        ours, theirs = getattr(older, name)[begin:], getattr(last, name)[:common]
        if not common or not np.array_equal(ours, theirs, equal_nan=True):
            return None
    dates = np.concatenate([older.dates[:begin], last.dates])
    close, adjusted, high, low = (
        np.concatenate([getattr(older, name)[:begin], getattr(last, name)]) for name in COLUMNS
    )
    volume = None if last.volume is None else np.concatenate([np.full(begin, np.nan), last.volume])
    return replace(last, dates=dates, close=close, adjusted=adjusted, high=high, low=low, volume=volume)
