"""How does the worker hang together: settings -> adapters -> two loops -> a graceful stop?"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from bot.adapters.calendars import ExchangeCalendars
from bot.adapters.database import Database
from bot.adapters.price_files import PriceCache
from bot.adapters.scheduler import Ticker
from bot.adapters.terminal import Terminal
from bot.baskets import calendars_needed
from bot.clock import Clock
from bot.delivery import Destination, Kind, Transport
from bot.dispatch import Dispatch
from bot.errors import StoreError
from bot.prices import Calendars, PriceSource
from bot.settings import Settings
from bot.watch import Timing, Watch, nothing_known

# A platform kills a process some 30 s after SIGTERM; the loops end well before.
GRACE_SECONDS = 25.0

log = logging.getLogger(__name__)


def database_url(settings: Settings) -> str:
    """The configured database, or a SQLite file in the data folder (which is made; StoreError if it cannot be)."""
    if url := settings.storage.database.get_secret_value():
        return url
    try:
        settings.storage.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remedy = "Name another one with [storage] data_dir or BOT_STORAGE__DATA_DIR."
        place = settings.storage.data_dir
        raise StoreError(f"{place}: the folder cannot be made ({error.strerror}). {remedy}") from error
    return f"sqlite:///{settings.storage.data_dir / 'bot.sqlite3'}"


def terminal_destinations(languages: Sequence[str]) -> tuple[Destination, ...]:
    """The terminal as a chat, once a language."""
    return tuple(Destination("terminal", f"terminal ({one})", Kind.TERMINAL, one) for one in languages)


@asynccontextmanager
async def transport_of(settings: Settings, clock: Clock) -> AsyncIterator[tuple[Transport, tuple[Destination, ...]]]:
    """Telegram with the configured chats, or without a token the terminal."""
    token = settings.telegram.token.get_secret_value()
    if not token:
        log.warning(
            "no Telegram token: alerts go to this terminal. Give one as BOT_TELEGRAM__TOKEN or in the file that "
            "BOT_TELEGRAM__TOKEN_FILE names"
        )
        yield Terminal(sys.stdout, clock), terminal_destinations(settings.delivery.languages)
        return
    from bot.adapters.telegram import Telegram  # noqa: PLC0415 - not needed without a token

    destinations = settings.destinations()
    if not destinations:
        log.warning("there is a token, but no chat: name a channel under [[telegram.channels]] in bot.toml")
    async with Telegram(
        token,
        base_url=settings.telegram.base_url,
        connect=settings.telegram.connect_timeout_seconds,
        read=settings.telegram.read_timeout_seconds,
    ) as telegram:
        yield telegram, destinations


async def run(settings: Settings, clock: Clock, source: PriceSource) -> None:
    """Run the bot until SIGTERM or SIGINT."""
    stop, bell = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    url = database_url(settings)
    database = await Database.open(url, upgrade=True)
    try:
        async with transport_of(settings, clock) as (transport, destinations):
            await database.revive(transport.name, [one.chat for one in destinations])
            calendars = calendars_of(settings, clock)
            watch = watch_of(settings, clock, source, calendars, database, destinations)
            dispatch = Dispatch(database, transport, clock)
            ticker = Ticker(timedelta(minutes=settings.schedule.poll_minutes), bell.set)
            ticker.start()
            log.info("watching %s baskets", len(watch.rulebook.baskets))
            try:
                await _until_stopped(watch, dispatch, stop, bell)
            finally:
                ticker.stop()
    finally:
        await database.close()
    log.info("stopped", extra=dict(watch.counts) | dict(dispatch.counts))


def calendars_of(settings: Settings, clock: Clock) -> ExchangeCalendars:
    """The sessions of every exchange that the baskets need, worked out at once."""
    calendars = ExchangeCalendars(settings.storage.data_dir / "calendars", clock, on_build=_say_building)
    calendars.prepare(calendars_needed(settings.baskets()))
    return calendars


def _say_building(codes: Sequence[str]) -> None:
    log.info("working out the sessions of %s, once", ", ".join(codes))


def watch_of(
    settings: Settings,
    clock: Clock,
    source: PriceSource,
    calendars: Calendars,
    database: Database,
    destinations: Sequence[Destination],
) -> Watch:
    """Loop 1 as configured. It writes every language that some destination reads."""
    languages = dict.fromkeys(one.language for one in destinations) or dict.fromkeys(settings.delivery.languages)
    return Watch(
        source=source,
        calendars=calendars,
        rulebook=settings.rulebook(),
        journal=database,
        destinations=destinations,
        languages=tuple(languages),
        clock=clock,
        known=source.cached if isinstance(source, PriceCache) else nothing_known,
        timing=replace(
            Timing(),
            settle=timedelta(minutes=settings.schedule.settle_minutes),
            expiry=timedelta(hours=settings.delivery.expiry_hours),
        ),
    )


async def _until_stopped(watch: Watch, dispatch: Dispatch, stop: asyncio.Event, bell: asyncio.Event) -> None:
    """Both loops until `stop`, or until one of them gives up; then they have GRACE_SECONDS to end."""
    loops = [asyncio.create_task(watch.run(stop, bell)), asyncio.create_task(dispatch.run(stop))]
    ended = asyncio.create_task(stop.wait())
    await asyncio.wait([*loops, ended], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    loops[0].cancel()  # what it had not committed, the next start does again
    done, late = await asyncio.wait(loops, timeout=GRACE_SECONDS)
    for one in late:
        one.cancel()
    await asyncio.gather(*late, ended, return_exceptions=True)
    for one in done:
        if not one.cancelled():
            one.result()
