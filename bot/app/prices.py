"""Which sources of prices and headlines does the configuration mean?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bot.adapters.price_files import CsvFolder, PriceCache
from bot.adapters.yahoo import Breaker, Yahoo, YahooNews
from bot.clock import SystemClock
from bot.errors import NoData
from bot.prices import PriceSource
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.watch import News


def source_of(settings: Settings, prices: Path | None = None) -> PriceSource:
    """A folder of price files, or Yahoo behind the cache of plain files in the data folder.

    Raises NoData if there is no such folder.
    """
    if prices is not None:
        if not prices.is_dir():
            raise NoData(f"{prices}: there is no such folder. Name a folder of SYMBOL.csv files with --prices.")
        return CsvFolder(prices)
    return cache_of(settings)


def cache_of(settings: Settings) -> PriceCache:
    """Yahoo, which is left alone when it fails, behind the cache in the data folder."""
    return PriceCache(settings.storage.data_dir / "prices", Breaker(yahoo_of(settings), SystemClock()))


def yahoo_of(settings: Settings) -> Yahoo:
    return Yahoo(settings.storage.data_dir / "yahoo", settings.source.deadline_seconds)


def news_of(settings: Settings, prices: PriceSource) -> tuple[News, ...]:
    """The configured feeds, and Yahoo where it gives the prices too."""
    from bot.adapters.feeds import Feed  # noqa: PLC0415 - commands that look at prices need none

    feeds = map(Feed, settings.news.feeds)
    return (YahooNews(), *feeds) if settings.news.yahoo and isinstance(prices, PriceCache) else tuple(feeds)
