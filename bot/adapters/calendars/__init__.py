"""When are the exchanges open, without the seconds and megabytes that asking the library costs?"""

from bot.adapters.calendars.built import ExchangeCalendars

__all__ = ["ExchangeCalendars"]
