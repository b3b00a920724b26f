"""What does the price cache hold of each symbol, once the whole past was fetched?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from bot.adapters.price_files import PriceCache
from bot.baskets import Basket, symbols_of
from bot.errors import NoData, SourceResting, SourceUnreachable
from bot.prices import Bars, Calendars, Symbol, exchange_of


@dataclass(frozen=True, slots=True)
class Stock:
    """What is there of one symbol.

    `first` and `last` are its first and last session (None = there is nothing), `holes` the sessions of its exchange
    between them without a price. `lacking` says why nothing came ("" = it came, or was `there` before). `ends` = the
    source wants to be left alone.
    """

    symbol: Symbol
    first: date | None = None
    last: date | None = None
    sessions: int = 0
    holes: int = 0
    there: bool = False
    lacking: str = ""
    ends: bool = False


def backfill(baskets: tuple[Basket, ...], cache: PriceCache, calendars: Calendars, *, again: bool) -> Iterator[Stock]:
    """Fetch what is not there of the symbols of all baskets; with `again` all of it. Ends when the source says so.

    It is the fetching that a watch does at its first look: what one has fetched, the other does not ask for.
    """
    for symbol in symbols_of(baskets):
        kept = None if again else cache.cached(symbol)
        try:
            bars = kept or (cache.anew(symbol) if again else cache.bars(symbol))
            # What is kept, without the newest row; all of it where nothing can be kept.
            yield _stock(kept or cache.cached(symbol) or bars, calendars, there=kept is not None)
        except SourceResting as error:
            yield Stock(symbol, lacking=str(error), ends=True)
            return
        except (NoData, SourceUnreachable) as error:
            yield Stock(symbol, lacking=str(error))


def _stock(bars: Bars, calendars: Calendars, *, there: bool) -> Stock:
    days = bars.dates[~(np.isnan(bars.close) & np.isnan(bars.adjusted))]
    sessions = calendars.get(exchange_of(bars.symbol)).sessions
    due = sessions[(sessions >= days[0]) & (sessions <= days[-1])]
    holes = int(np.count_nonzero(~np.isin(due, days)))
    return Stock(bars.symbol, days[0].item(), days[-1].item(), len(days), holes, there=there)
