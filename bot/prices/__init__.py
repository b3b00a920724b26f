"""What did the market do, and do we believe it?"""

from bot.prices.bars import Action, Bars, Dates, Floats, PriceSource, Refusal, Revision, Symbol, Upstream, no_bars
from bot.prices.calendars import Calendar, CalendarCode, Calendars, Seconds, exchange_of
from bot.prices.closures import Closure, amended, misfit, place
from bot.prices.doubts import RECENT_SESSIONS, STALE_AFTER, Doubt, Kind, doubts, without
from bot.prices.revisions import Closes, footing, latest, revisions, undone
from bot.prices.screen import RawRows, screen
from bot.prices.settling import Sighting, falls, mended, stayed
from bot.prices.table import Flags, PriceTable, Returns, load

__all__ = [
    "RECENT_SESSIONS",
    "STALE_AFTER",
    "Action",
    "Bars",
    "Calendar",
    "CalendarCode",
    "Calendars",
    "Closes",
    "Closure",
    "Dates",
    "Doubt",
    "Flags",
    "Floats",
    "Kind",
    "PriceSource",
    "PriceTable",
    "RawRows",
    "Refusal",
    "Returns",
    "Revision",
    "Seconds",
    "Sighting",
    "Symbol",
    "Upstream",
    "amended",
    "doubts",
    "exchange_of",
    "falls",
    "footing",
    "latest",
    "load",
    "mended",
    "misfit",
    "no_bars",
    "place",
    "revisions",
    "screen",
    "stayed",
    "undone",
    "without",
]
