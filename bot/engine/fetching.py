"""Prices of one check: what the source returned, and recent rows kept between checks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from bot.errors import NoData, SourceUnreachable
from bot.prices.bars import Bars, PriceSource, Symbol

# More symbols unavailable at once are an outage of the source, whatever it says of each.
OUTAGE_SHARE = 0.2
ROWS = 64  # more than the quality filter looks at, and than any correction reaches back
COLUMNS = ("dates", "close", "adjusted", "high", "low")

Failure = NoData | SourceUnreachable
Failures = Mapping[Symbol, Failure]

log = logging.getLogger(__name__)


async def fetch_bars(source: PriceSource, symbol: Symbol) -> Bars | Failure:
    """The bars of the symbol, fetched in a thread, or why there are none."""
    try:
        return await asyncio.to_thread(source.bars, symbol)
    except NoData as error:
        log.warning("no prices of %s: %s", symbol, error)
        return error
    except SourceUnreachable as error:
        log.warning("no new prices of %s: %s", symbol, error)
        return error


def is_outage(failures: Failures, watched: int) -> bool:
    """True if too many of the `watched` symbols failed at once."""
    return len(failures) > max(1, OUTAGE_SHARE * watched)


def outage_detail(failures: Failures, watched: int) -> str:
    """How many symbols are unavailable, and why the first one is."""
    return f"{len(failures)} of {watched} symbols cannot be had: {next(iter(failures.values()))}"


def no_history(_symbol: Symbol) -> None:
    """The history of a source that stores none."""


# The whole histories of the nine shipped baskets, kept between checks, would take 10 MB more (`make bench`).
@dataclass(slots=True)
class RecentRows:
    """The newest ROWS rows of each symbol with the time of the fetch; `load_history` returns the stored history.

    Where the source stores none, all rows are kept.
    """

    load_history: Callable[[Symbol], Bars | None] = no_history
    _newest: dict[Symbol, tuple[datetime, Bars]] = field(default_factory=dict)

    @property
    def fetched_at(self) -> Mapping[Symbol, datetime]:
        return {symbol: fetched for symbol, (fetched, _) in self._newest.items()}

    async def histories(self, symbols: Collection[Symbol]) -> dict[Symbol, Bars]:
        """The whole histories of `symbols`, the older rows as they are stored; all other symbols are dropped.

        Where the two do not fit, there is none: it must be fetched.
        """
        self._newest = {symbol: kept for symbol, kept in self._newest.items() if symbol in symbols}
        histories = {}
        for symbol, (_, recent) in self._newest.items():
            stored = self.load_history is not no_history
            older = await asyncio.to_thread(self.load_history, symbol) if stored else recent
            if older is not None and (bars := joined(older, recent)) is not None:
                histories[symbol] = bars
        return histories

    def keep(self, bars: Mapping[Symbol, Bars], now: datetime) -> None:
        """Keep what was fetched `now`."""
        rows = slice(None if self.load_history is no_history else -ROWS, None)
        for symbol, history in bars.items():
            columns: dict[str, Any] = {name: getattr(history, name)[rows].copy() for name in COLUMNS}
            volume = None if history.volume is None else history.volume[rows].copy()
            self._newest[symbol] = (now, replace(history, **columns, volume=volume))


def joined(older: Bars, recent: Bars) -> Bars | None:
    """`recent` after the earlier rows of `older`; None unless the rows that both have agree."""
    begin = int(np.searchsorted(older.dates, recent.dates[:1]).sum())
    overlap = len(older.dates) - begin
    pairs = {name: (getattr(older, name), getattr(recent, name)) for name in COLUMNS}
    agree = (np.array_equal(old[begin:], new[:overlap], equal_nan=True) for old, new in pairs.values())
    if not overlap or not all(agree):
        return None
    columns: dict[str, Any] = {name: np.concatenate([old[:begin], new]) for name, (old, new) in pairs.items()}
    volume = None if recent.volume is None else np.concatenate([np.full(begin, np.nan), recent.volume])
    return replace(recent, **columns, volume=volume)
