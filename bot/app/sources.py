"""Price, headline and calendar sources by configuration; backfill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bot.adapters.calendars import CachedCalendars
from bot.adapters.price_files import CsvFolder, PriceCache
from bot.baskets import Basket, calendars_needed, symbols_of
from bot.clock import Clock, SystemClock
from bot.errors import ConfigError, ConfigProblem, NoData, SourceBackingOff, SourceUnreachable
from bot.prices.bars import Bars, PriceSource, Symbol
from bot.prices.calendars import CalendarCode, CalendarProvider, closure_problem, exchange_of
from bot.settings.load import Settings

if TYPE_CHECKING:
    from bot.adapters.yahoo.source import YahooPrices
    from bot.engine.enrichment import HeadlineSource


def price_source(settings: Settings, prices: Path | None = None) -> PriceSource:
    """A folder of price files, or Yahoo behind the cache in the data folder.

    Raises NoData if there is no such folder.
    """
    if prices is not None:
        if not prices.is_dir():
            raise NoData(f"{prices}: there is no such folder. Name a folder of SYMBOL.csv files with --prices.")
        return CsvFolder(prices)
    return cached_yahoo(settings)


def cached_yahoo(settings: Settings) -> PriceCache:
    """Yahoo behind a circuit breaker, behind the cache in the data folder."""
    from bot.adapters.yahoo.source import CircuitBreaker

    return PriceCache(settings.storage.data_dir / "prices", CircuitBreaker(yahoo_prices(settings), SystemClock()))


def yahoo_prices(settings: Settings) -> YahooPrices:
    from bot.adapters.yahoo.source import YahooPrices

    return YahooPrices(settings.storage.data_dir / "yahoo", settings.source.deadline_seconds)


def headline_sources(settings: Settings, prices: PriceSource) -> tuple[HeadlineSource, ...]:
    """The configured feeds, and Yahoo where it gives the prices too."""
    from bot.adapters.feeds import NewsFeed

    feeds = map(NewsFeed, settings.news.feeds)
    if settings.news.yahoo and isinstance(prices, PriceCache):
        from bot.adapters.yahoo.source import YahooNews

        return (YahooNews(), *feeds)
    return tuple(feeds)


def open_calendars(
    settings: Settings,
    clock: Clock,
    on_build: Callable[[Sequence[CalendarCode]], None],
    baskets: Sequence[Basket] | None = None,
) -> CachedCalendars:
    """The calendars that `baskets` (None = all) need, worked out at once; raises as `declared` does."""
    cached = CachedCalendars(settings.storage.data_dir / "calendars", clock, on_build)
    return with_closures_from(cached, settings, clock, settings.baskets() if baskets is None else baskets)


def with_closures_from(
    cached: CachedCalendars, settings: Settings, clock: Clock, baskets: Sequence[Basket]
) -> CachedCalendars:
    """`known` with the closures of the settings. Raises ConfigError if one that is still to come cannot be right.

    One that is over is not looked at: the library may have learnt of it since.
    """
    needed, today = calendars_needed(baskets), clock.now().date()
    calendars = cached.closed(())
    calendars.prepare(needed)
    closures = settings.closures()
    problems = tuple(
        ConfigProblem(
            settings.origin(("closures", number)), f"closures[#{number + 1}]", why, "Correct it, or take it out."
        )
        for number, closure in enumerate(closures)
        if closure.calendar in needed
        and closure.day >= today
        and (why := closure_problem(calendars.get(closure.calendar), closure))
    )
    if problems:
        raise ConfigError(problems)
    return calendars.closed(closures)


@dataclass(frozen=True, slots=True)
class BackfillResult:
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


def backfill(
    baskets: tuple[Basket, ...], cache: PriceCache, calendars: CalendarProvider, *, again: bool
) -> Iterator[BackfillResult]:
    """Fetch what is not there of the symbols of all baskets; with `again` all of it. Ends when the source says so.

    It is the fetching that a watch does at its first look: what one has fetched, the other does not ask for.
    """
    for symbol in symbols_of(baskets):
        kept = None if again else cache.cached(symbol)
        try:
            bars = kept or (cache.refetch(symbol) if again else cache.bars(symbol))
            # What is kept, without the newest row; all of it where nothing can be kept.
            yield _stock(kept or cache.cached(symbol) or bars, calendars, there=kept is not None)
        except SourceBackingOff as error:
            yield BackfillResult(symbol, lacking=str(error), ends=True)
            return
        except (NoData, SourceUnreachable) as error:
            yield BackfillResult(symbol, lacking=str(error))


def _stock(bars: Bars, calendars: CalendarProvider, *, there: bool) -> BackfillResult:
    days = bars.dates[~(np.isnan(bars.close) & np.isnan(bars.adjusted))]
    sessions = calendars.get(exchange_of(bars.symbol)).sessions
    due = sessions[(sessions >= days[0]) & (sessions <= days[-1])]
    holes = int(np.count_nonzero(~np.isin(due, days)))
    return BackfillResult(bars.symbol, days[0].item(), days[-1].item(), len(days), holes, there=there)
