"""What keeps the bot from working here, and what is to be done about it?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path

from bot.adapters.calendars import ExchangeCalendars
from bot.app.calendars import declared
from bot.app.doctor.chats import check_telegram
from bot.app.doctor.finding import Finding, Mark, failed
from bot.app.doctor.machine import check_clock, check_database, check_disk
from bot.app.doctor.market import check_calendars, check_source
from bot.app.prices import source_of, yahoo_of
from bot.app.worker import telegram_of
from bot.clock import Clock
from bot.errors import BotError, ConfigError, Problem
from bot.prices import Bars, CalendarCode, Symbol
from bot.settings import Settings, warnings

RECENT = timedelta(days=14)  # the longest holidays of an exchange are shorter
SOUND = "is sound; `python -m bot check` shows every value"

__all__ = ["Finding", "Mark", "check_disk", "examine"]


async def examine(
    load: Callable[[], Settings],
    prices: Path | None,
    clock: Clock,
    on_build: Callable[[Sequence[CalendarCode]], None],
) -> AsyncIterator[Finding]:
    """Everything that the bot needs, one after the other, whatever fails; without settings there is nothing to ask.

    `prices` is a folder in the place of Yahoo.
    """
    try:
        settings = load()
    except ConfigError as error:
        for one in error.problems:
            yield _problem(one, Mark.FAIL)
        return
    known = ExchangeCalendars(settings.storage.data_dir / "calendars", clock, on_build)
    calendars, problems = await asyncio.to_thread(_calendars, known, settings, clock)
    for found in problems or [Finding("configuration", Mark.OK, SOUND)]:
        yield found
    baskets, now, yahoo = settings.baskets(), clock.now(), yahoo_of(settings)

    def ask(symbol: Symbol) -> Bars:
        return source_of(settings, prices).bars(symbol) if prices else yahoo.bars_since(symbol, now.date() - RECENT)

    async with telegram_of(settings) as telegram:
        async for found in check_telegram(settings, telegram):
            yield found
    async for found in check_source(baskets, ask, calendars, timedelta(minutes=settings.schedule.settle_minutes), now):
        yield found
    yahoo.close()
    for found in check_calendars(baskets, calendars, now):
        yield found
    yield check_clock({"Telegram": telegram.ahead if telegram else None, "Yahoo": yahoo.ahead}, now)
    for found in await check_database(settings, "telegram" if telegram else "terminal"):
        yield found
    yield check_disk(settings.storage.data_dir)


def _calendars(known: ExchangeCalendars, settings: Settings, clock: Clock) -> tuple[ExchangeCalendars, list[Finding]]:
    """The calendars with what was declared, or without it where that is wrong; and all that is wrong."""
    doubtful = [_problem(one, Mark.WARN) for one in warnings(settings)]
    try:
        return declared(known, settings, clock, settings.baskets()), doubtful
    except ConfigError as error:
        return known, [_problem(one, Mark.FAIL) for one in error.problems] + doubtful
    except BotError as error:
        return known, [failed("calendars", error), *doubtful]


def _problem(problem: Problem, mark: Mark) -> Finding:
    seen = f"{problem.file}: {problem.key}: {problem.message}"
    return Finding("configuration", mark, seen, problem.remedy, ConfigError.exit_code if mark is Mark.FAIL else 0)
