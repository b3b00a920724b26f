"""What do price files on the disk say: a folder of CSV files as a source, and the same format as a cache?"""

from bot.adapters.price_files.cache import PriceCache
from bot.adapters.price_files.folder import CsvFolder

__all__ = ["CsvFolder", "PriceCache"]
