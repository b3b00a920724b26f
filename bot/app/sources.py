"""Price, headline and calendar sources by configuration; backfill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from bot.adapters.calendars import CachedCalendars
from bot.adapters.price_files import CsvFolder, PriceCache
from bot.baskets import Basket, calendars_needed, symbols_of
from bot.clock import Clock, SystemClock
from bot.engine.enrichment import HeadlineSource
from bot.errors import ConfigError, ConfigProblem, NoData, SourceBackingOff, SourceUnreachable
from bot.prices.bars import PriceSource, Symbol
from bot.prices.calendars import CalendarCode, CalendarProvider, closure_problem, exchange_of
from bot.settings.load import Settings


def price_source(settings: Settings, prices: Path | None = None) -> PriceSource:
    """A folder of price files, or Yahoo behind the cache in the data folder. Raises NoData without such a folder."""
    if prices is None:
        return cached_yahoo(settings)
    if not prices.is_dir():
        raise NoData(f"{prices}: there is no such folder. Name a folder of SYMBOL.csv files with --prices.")
    return CsvFolder(prices)


def cached_yahoo(settings: Settings) -> PriceCache:
    """Yahoo behind a circuit breaker, behind the cache in the data folder."""
    from bot.adapters.yahoo.source import CircuitBreaker, YahooPrices

    folder = settings.storage.data_dir
    yahoo = YahooPrices(folder / "yahoo", settings.source.deadline_seconds)
    return PriceCache(folder / "prices", CircuitBreaker(yahoo, SystemClock()))


def headline_sources(settings: Settings, prices: PriceSource) -> tuple[HeadlineSource, ...]:
    """The configured feeds, and Yahoo if the prices are from there."""
    from bot.adapters.feeds import NewsFeed

    feeds = map(NewsFeed, settings.news.feeds)
    if not (settings.news.yahoo and isinstance(prices, PriceCache)):
        return tuple(feeds)
    from bot.adapters.yahoo.source import YahooNews

    return (YahooNews(), *feeds)


def open_calendars(
    settings: Settings,
    clock: Clock,
    on_build: Callable[[Sequence[CalendarCode]], None],
    baskets: Sequence[Basket] | None = None,
) -> CachedCalendars:
    """The calendars that `baskets` (None = all) need, with the closures of the settings. Raises BotError."""
    stored = CachedCalendars(settings.storage.data_dir / "calendars", clock, on_build)
    return with_closures_from(stored, settings, clock, settings.baskets() if baskets is None else baskets)


def with_closures_from(
    calendars: CachedCalendars, settings: Settings, clock: Clock, baskets: Sequence[Basket]
) -> CachedCalendars:
    """`calendars` with the closures of the settings. Raises ConfigError for a future closure that cannot be right.

    Past closures are not checked: a later version of the library may contain them.
    """
    needed, today, closures = calendars_needed(baskets), clock.now().date(), settings.closures()
    calendars = calendars.closed(())
    calendars.prepare(needed)
    problems = []
    for index, closure in enumerate(closures):
        if closure.calendar in needed and closure.day >= today:
            problem = closure_problem(calendars.get(closure.calendar), closure)
            if problem:
                file, key = settings.origin(("closures", index)), f"closures[#{index + 1}]"
                problems.append(ConfigProblem(file, key, problem, "Correct it, or take it out."))
    if problems:
        raise ConfigError(tuple(problems))
    return calendars.closed(closures)


@dataclass(frozen=True, slots=True)
class BackfillResult:
    """The stored history of one symbol.

    `first` and `last` are its first and last session (None = no history), `holes` the sessions of its exchange
    between them without a price. `lacking` says why nothing was fetched ("" = it was, or was `there` before).
    `ends` = the source asks for a pause.
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
    """Fetch the missing histories of the symbols of all baskets, with `again` all of them, into the cache of `run`.

    Ends when the source asks for a pause.
    """
    for symbol in symbols_of(baskets):
        stored = None if again else cache.cached(symbol)
        try:
            fetched = stored or (cache.refetch(symbol) if again else cache.bars(symbol))
            # The stored rows, which lack the newest one; where nothing can be stored, the fetched ones.
            bars = stored or cache.cached(symbol) or fetched
            days = bars.dates[~(np.isnan(bars.close) & np.isnan(bars.adjusted))]
            sessions = calendars.get(exchange_of(symbol)).sessions
            due = sessions[(sessions >= days[0]) & (sessions <= days[-1])]
            holes = int(np.count_nonzero(~np.isin(due, days)))
            yield BackfillResult(symbol, days[0].item(), days[-1].item(), len(days), holes, there=stored is not None)
        except SourceBackingOff as error:
            yield BackfillResult(symbol, lacking=str(error), ends=True)
            return
        except (NoData, SourceUnreachable) as error:
            yield BackfillResult(symbol, lacking=str(error))
