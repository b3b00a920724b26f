"""Does the source tell prices, how old are they, and are the exchanges' sessions known?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from bot.adapters.calendars import ExchangeCalendars
from bot.app.doctor.finding import Finding, Mark, failed
from bot.baskets import Basket, calendars_needed, symbols_of
from bot.errors import BotError
from bot.prices import STALE_AFTER, Bars, Calendar, CalendarCode, Closure, Seconds, Symbol, exchange_of

SOON = timedelta(days=30)  # a calendar that ends before is as good as none
ENDS = "Upgrade the bot, and with it exchange_calendars: later sessions would not be seen."
AGAIN = "Install the bot's requirements again; tzdata is one of them."
Question = Callable[[Symbol], Bars]


async def check_source(
    baskets: tuple[Basket, ...], ask: Question, calendars: ExchangeCalendars, settle: timedelta, now: datetime
) -> AsyncIterator[Finding]:
    """One question for each exchange in use, about the first symbol that trades there."""
    first: dict[CalendarCode, Symbol] = {}
    for symbol in symbols_of(baskets):
        first.setdefault(exchange_of(symbol), symbol)
    for code, symbol in first.items():
        subject = f"source {code}"
        try:
            bars = await asyncio.to_thread(ask, symbol)
            yield _fresh(subject, bars, calendars.get(code), settle, now)
        except BotError as error:
            yield failed(subject, error)


def _fresh(subject: str, bars: Bars, calendar: Calendar, settle: timedelta, now: datetime) -> Finding:
    """How old the newest price is, held against the sessions that are over and the one that is not."""
    last: date = bars.dates[-1].item()
    over = int(np.searchsorted(calendar.closes, (now - settle).timestamp(), side="right"))
    newest = bars.as_of.astimezone(ZoneInfo(calendar.zone)) if bars.as_of else None
    told = f"of {newest:%d %b %Y %H:%M %Z}, {_age(now - newest)} old" if newest else f"of {last:%d %b %Y}"
    seen = f"{bars.where} has {bars.symbol}: newest price {told}"
    if over and last < (due := calendar.sessions[over - 1].item()):
        seen = f"{seen}; nothing of the session of {due:%d %b}, which is over"
        return Finding(subject, Mark.WARN, seen, "It may come late: look again, and whether the symbol still trades.")
    is_open = over < len(calendar.sessions) and calendar.opens[over] + STALE_AFTER.seconds < now.timestamp()
    if is_open and newest and now < _at(calendar.closes, over) and now - newest > STALE_AFTER:
        return Finding(subject, Mark.WARN, f"{seen}, while the exchange is open", "Alerts wait until fresh ones come.")
    final = over and last <= calendar.sessions[over - 1].item()
    return Finding(subject, Mark.OK, f"{seen}; its session is {'final' if final else 'not over'}")


def check_calendars(baskets: tuple[Basket, ...], calendars: ExchangeCalendars, now: datetime) -> Iterator[Finding]:
    """Each calendar that the baskets need: how far it goes, the next session, and what was declared."""
    for code in calendars_needed(baskets):
        subject = f"calendar {code}"
        try:
            yield _sessions(subject, calendars.get(code), calendars.closures, now)
        except BotError as error:
            yield failed(subject, error)
        except ZoneInfoNotFoundError as error:
            yield Finding(subject, Mark.FAIL, f"{error.args[0]}", AGAIN, BotError.exit_code)


def _sessions(subject: str, calendar: Calendar, closures: Sequence[Closure], now: datetime) -> Finding:
    last = calendar.sessions[-1].item()
    if last < (now + SOON).date():
        return Finding(subject, Mark.WARN, f"ends on {last:%d %b %Y}", ENDS)
    zone, at = ZoneInfo(calendar.zone), int(np.searchsorted(calendar.closes, now.timestamp(), side="right"))
    opens, closes = (_at(times, at).astimezone(zone) for times in (calendar.opens, calendar.closes))
    when = f"{opens:%a %d %b %Y, %H:%M} to {closes:%H:%M %Z} ({calendar.zone})"
    declared = [
        f"{one.day:%d %b %Y} {f'closes {one.closes:%H:%M}' if one.closes else 'shut'}"
        for one in closures
        if one.calendar == calendar.code and one.day >= now.date()
    ]
    said = f"; declared: {', '.join(declared)}" if declared else ""
    return Finding(subject, Mark.OK, f"next session {when}; known to {last:%d %b %Y}{said}")


def _at(moments: Seconds, place: int) -> datetime:
    return datetime.fromtimestamp(int(moments[place]), UTC)


def _age(ago: timedelta) -> str:
    minutes = int(ago.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 72 * 60 else f"{minutes // 1440} d"
