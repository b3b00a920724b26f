"""What did the market do, and do we believe it?"""

from bot.prices.bars import Bars, Dates, Floats, PriceSource, Refusal, Symbol, no_bars
from bot.prices.calendars import Calendar, CalendarCode, Calendars, exchange_of
from bot.prices.screen import RawRows, screen
from bot.prices.table import Flags, PriceTable, load

__all__ = [
    "Bars",
    "Calendar",
    "CalendarCode",
    "Calendars",
    "Dates",
    "Flags",
    "Floats",
    "PriceSource",
    "PriceTable",
    "RawRows",
    "Refusal",
    "Symbol",
    "exchange_of",
    "load",
    "no_bars",
    "screen",
]
