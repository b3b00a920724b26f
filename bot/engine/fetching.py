"""Prices of one check: what the source returned, and recent rows kept between checks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from bot.errors import NoData, SourceUnreachable
from bot.prices.bars import Bars, PriceSource, Symbol

# More symbols unavailable at once are an outage of the source, whatever it says of each.
OUTAGE_SHARE = 0.2
ROWS = 64  # more than the quality filter looks at, and than any correction reaches back
COLUMNS = ("close", "adjusted", "high", "low")

Failures = Mapping[Symbol, NoData | SourceUnreachable]

log = logging.getLogger(__name__)


async def fetch_prices(
    source: PriceSource, symbols: Iterable[Symbol]
) -> AsyncIterator[tuple[Symbol, Bars | NoData | SourceUnreachable]]:
    """Fetch one symbol after the other, off the event loop; yield its bars, or why there are none."""
    for symbol in symbols:
        result: Bars | NoData | SourceUnreachable
        try:
            result = await asyncio.to_thread(source.bars, symbol)
        except NoData as error:
            log.warning("no prices of %s: %s", symbol, error)
            result = error
        except SourceUnreachable as error:
            log.warning("no new prices of %s: %s", symbol, error)
            result = error
        yield symbol, result


def is_outage(failures: Failures, watched: int) -> bool:
    """True if too many of the `watched` symbols failed at once."""
    return len(failures) > max(1, OUTAGE_SHARE * watched)


def outage_detail(failures: Failures, watched: int) -> str:
    """How many symbols are unavailable, and why the first one is."""
    return f"{len(failures)} of {watched} symbols cannot be had: {next(iter(failures.values()))}"


def no_history(_symbol: Symbol) -> None:
    """The history of a source that stores none."""


@dataclass(slots=True)
class RecentRows:
    """The newest rows of each symbol with the time of the fetch; `load_history` returns the stored history.

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
            if older is not None and (joined := _joined(older, recent)) is not None:
                histories[symbol] = joined
        return histories

    def keep(self, bars: Mapping[Symbol, Bars], now: datetime) -> None:
        """Keep what was fetched `now`."""
        rows = 0 if self.load_history is no_history else ROWS
        self._newest |= {symbol: (now, _last(history, rows)) for symbol, history in bars.items()}


def _last(bars: Bars, rows: int) -> Bars:
    """The last `rows` of `bars` (0 = all)."""
    if not rows:
        return bars
    columns = {name: getattr(bars, name)[-rows:].copy() for name in ("dates", *COLUMNS)}
    volume = None if bars.volume is None else bars.volume[-rows:].copy()
    return replace(bars, **columns, volume=volume)


def _joined(older: Bars, recent: Bars) -> Bars | None:
    """`recent` after the earlier rows of `older`; None unless the rows that both have agree."""
    if older is recent:
        return recent
    begin = int(np.searchsorted(older.dates, recent.dates[:1]).sum())
    common = len(older.dates) - begin
    for name in ("dates", *COLUMNS):
        ours, theirs = getattr(older, name)[begin:], getattr(recent, name)[:common]
        if not common or not np.array_equal(ours, theirs, equal_nan=True):
            return None
    dates = np.concatenate([older.dates[:begin], recent.dates])
    close, adjusted, high, low = (
        np.concatenate([getattr(older, name)[:begin], getattr(recent, name)]) for name in COLUMNS
    )
    volume = None if recent.volume is None else np.concatenate([np.full(begin, np.nan), recent.volume])
    return replace(recent, dates=dates, close=close, adjusted=adjusted, high=high, low=low, volume=volume)
