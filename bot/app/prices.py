"""Which source of prices does the configuration mean?"""

from __future__ import annotations

from pathlib import Path

from bot.adapters.price_files import CsvFolder, PriceCache
from bot.adapters.yahoo import Breaker, Yahoo
from bot.clock import SystemClock
from bot.errors import NoData
from bot.prices import PriceSource
from bot.settings import Settings


def source_of(settings: Settings, prices: Path | None = None) -> PriceSource:
    """A folder of price files, or Yahoo behind the cache of plain files in the data folder.

    Raises NoData if there is no such folder.
    """
    if prices is not None:
        if not prices.is_dir():
            raise NoData(f"{prices}: there is no such folder. Name a folder of SYMBOL.csv files with --prices.")
        return CsvFolder(prices)
    folder = settings.storage.data_dir
    yahoo = Yahoo(folder / "yahoo", settings.source.deadline_seconds)
    return PriceCache(folder / "prices", Breaker(yahoo, SystemClock()))
