"""What did the market do, and do we believe it?"""

from bot.prices.bars import Action, Bars, Dates, Floats, PriceSource, Refusal, Revision, Symbol, no_bars
from bot.prices.calendars import Calendar, CalendarCode, Calendars, exchange_of
from bot.prices.doubts import RECENT_SESSIONS, Doubt, Kind, doubts, without
from bot.prices.revisions import revisions, undone
from bot.prices.screen import RawRows, screen
from bot.prices.settling import Sighting, confirmed, mended, stayed
from bot.prices.table import Flags, PriceTable, load

__all__ = [
    "RECENT_SESSIONS",
    "Action",
    "Bars",
    "Calendar",
    "CalendarCode",
    "Calendars",
    "Dates",
    "Doubt",
    "Flags",
    "Floats",
    "Kind",
    "PriceSource",
    "PriceTable",
    "RawRows",
    "Refusal",
    "Revision",
    "Sighting",
    "Symbol",
    "confirmed",
    "doubts",
    "exchange_of",
    "load",
    "mended",
    "no_bars",
    "revisions",
    "screen",
    "stayed",
    "undone",
    "without",
]
