"""Wiring and lifetime of the worker process: settings, adapters, loops, graceful stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from bot.adapters.calendars import CachedCalendars
from bot.adapters.chart_process import ChartProcess
from bot.adapters.database.connection import ephemeral_reason
from bot.adapters.database.database import Database
from bot.adapters.http_status import StatusServer
from bot.adapters.logs import redact
from bot.adapters.price_files import PriceCache
from bot.adapters.terminal import TerminalTransport
from bot.adapters.timers import Heartbeat, PollTimer, Watchdog
from bot.app.monitor import HealthMonitor, OperatorNotifier, RunningLoops
from bot.app.service import RunningBot, engine_config, terminal_destinations
from bot.app.sources import headline_sources, open_calendars
from bot.chat.router import ChatRouter
from bot.chat.service import ChatService
from bot.clock import Clock, SteadyClock, since_boot
from bot.delivery.rate_limits import RateLimits
from bot.dispatcher import Dispatcher, Receiver
from bot.engine.enrichment import ChartRenderer, HeadlineService
from bot.engine.evaluation import EngineConfig
from bot.engine.fetching import no_history
from bot.engine.loop import Engine
from bot.errors import BotError, LeaseLost, StoreError
from bot.lease import LeaderLease
from bot.prices.bars import PriceSource
from bot.prices.quality_filter import QualityFilter
from bot.settings.load import Settings

if TYPE_CHECKING:
    from bot.adapters.telegram.client import TelegramClient

# A platform kills a process some 30 s after SIGTERM; the loops end well before.
GRACE_SECONDS = 25.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resources:
    """What is opened once and lasts until the end."""

    load: Callable[[], Settings]
    settings: Settings
    clock: Clock
    source: PriceSource
    database: Database
    calendars: CachedCalendars
    monitor: HealthMonitor
    beat: Callable[[], None] | None


async def run_worker(load: Callable[[], Settings], clock: Clock, source: PriceSource) -> None:
    """Run the bot until SIGTERM or SIGINT; while another process does the work, stand by."""
    settings = load()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    database = await Database.open(database_url(settings), upgrade=True)
    tenancy = LeaderLease(database, clock)
    monitor = HealthMonitor(settings, clock, database, tenancy)
    try:
        calendars = open_calendars(settings, clock, _say_building)
        async with Watchdog(), AsyncExitStack() as stack:
            beat = await _show(settings, monitor, stack)
            resources = Resources(load, settings, clock, source, database, calendars, monitor, beat)
            while not stop.is_set():
                async with tenancy.held(stop) as lost:
                    if lost is not None:
                        await _work(resources, stop, lost)
                monitor.begin(None)
    finally:
        await monitor.close()
        await database.close()
    log.info("stopped")


async def _show(settings: Settings, monitor: HealthMonitor, stack: AsyncExitStack) -> Callable[[], None] | None:
    """Open the pages for those who look from outside, if a port is given; what pings the address, if one is given."""
    where, address = settings.operation, settings.operation.heartbeat.get_secret_value()
    if where.port:
        clean = partial(redact, secrets=settings.secrets())
        await stack.enter_async_context(StatusServer(where.host, where.port, monitor.report, clean))
        log.info("the status page is on port %s of %s", where.port, where.host)
    if not address:
        return None
    return (await stack.enter_async_context(Heartbeat(address))).beat


async def _work(resources: Resources, stop: asyncio.Event, lost: asyncio.Event) -> None:
    """Run the three loops until `stop`, or until the lease is `lost`."""
    settings, database, clock = resources.settings, resources.database, resources.clock
    steady = SteadyClock(clock, since_boot)
    bell, limits, operators = asyncio.Event(), RateLimits(), set(settings.telegram.operators)
    async with open_telegram(settings, database.picture) as telegram, ChartProcess() as charts:
        if telegram is not None:
            config = engine_config(settings, subscribers_of=telegram.name)
            receivers = [Receiver(telegram, limits)]
        else:
            config = engine_config(settings, terminal_destinations(settings.delivery.languages))
            receivers = [Receiver(TerminalTransport(sys.stdout, clock))]
        dispatcher = Dispatcher(database, receivers, clock, steady=steady)
        for name in dispatcher.transports:
            await database.revive(name, [chat.chat for chat in config.destinations if chat.transport == name])
        if config.subscribers_of is not None:
            await database.widen(config.subscribers_of, [basket.id for basket in config.rulebook.baskets])
        notifier = OperatorNotifier(database, steady, dispatcher.transports[0], operators if telegram else ())
        engine = build_engine(resources, config, steady, notifier, charts if telegram else None)
        news = partial(headline_sources, prices=resources.source)
        bot = RunningBot(
            engine, database, resources.monitor, resources.calendars, settings, resources.load, news, operators
        )
        chat = None if telegram is None else _chat_service(telegram, bot, limits, charts)
        resources.monitor.begin(RunningLoops(engine, dispatcher, chat))
        loops = [engine.run(stop, bell), dispatcher.run(stop), resources.monitor.run(stop, notifier.notify)]
        if chat is not None:
            loops.append(chat.run(stop))
        timer = PollTimer(timedelta(minutes=settings.schedule.poll_minutes), bell.set)
        timer.start()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, lambda: asyncio.ensure_future(bot.reload_and_log()))
        log.info("watching %s baskets", len(config.rulebook.baskets))
        try:
            await _until_stopped(loops, stop, lost)
        finally:
            timer.stop()
            loop.remove_signal_handler(signal.SIGHUP)
    log.info("the loops ended", extra=dict(engine.counts) | dict(dispatcher.counts))


def build_engine(
    resources: Resources,
    config: EngineConfig,
    clock: SteadyClock,
    notifier: OperatorNotifier,
    renderer: ChartRenderer | None,
) -> Engine:
    """Loop 1. A vendor's prices are filtered; a folder of price files is accepted as it is."""
    source, settings = resources.source, resources.settings
    vendor = isinstance(source, PriceCache)
    return Engine(
        source,
        resources.calendars,
        config,
        resources.database,
        clock,
        load_history=source.cached if isinstance(source, PriceCache) else no_history,
        quality_filter=QualityFilter() if vendor else None,
        headlines=HeadlineService(headline_sources(settings, source), settings.names),
        notify=notifier.notify,
        renderer=renderer,
        clock_jump=clock.look,
        on_complete=resources.beat or (lambda: None),
    )


def _chat_service(telegram: TelegramClient, bot: RunningBot, limits: RateLimits, charts: ChartProcess) -> ChatService:
    """Loop 3."""
    from bot.adapters.telegram.gateway import TelegramGateway

    clock, operators = bot.engine.clock, bot.operators
    gateway = TelegramGateway(telegram, clock, operators)
    router = ChatRouter(telegram.name, bot.database, bot, clock, charts.render, gateway.administers, operators)
    return ChatService(router, gateway, limits, bot.database.move)


@asynccontextmanager
async def open_telegram(
    settings: Settings, stored_chart: Callable[[str], Awaitable[bytes | None]] | None = None
) -> AsyncIterator[TelegramClient | None]:
    """Telegram, if there is a token; `stored_chart` returns the PNG with a name (None = there are no charts)."""
    token = settings.telegram.token.get_secret_value()
    if not token:
        log.warning(
            "no Telegram token: alerts go to this terminal. Give one as BOT_TELEGRAM__TOKEN or in the file that "
            "BOT_TELEGRAM__TOKEN_FILE names"
        )
        yield None
        return
    from bot.adapters.telegram.client import TelegramClient

    async with TelegramClient(
        token,
        base_url=settings.telegram.base_url,
        connect=settings.telegram.connect_timeout_seconds,
        read=settings.telegram.read_timeout_seconds,
        stored_chart=stored_chart,
    ) as telegram:
        yield telegram


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
    if why := ephemeral_reason(settings.storage.data_dir):
        log.warning(
            "the database in %s will not last: %s. Subscriptions and what was posted are forgotten then. Give the bot "
            "a volume, or a PostgreSQL by DATABASE_URL",
            settings.storage.data_dir,
            why,
        )
    return f"sqlite:///{settings.storage.data_dir / 'bot.sqlite3'}"


def _say_building(codes: Sequence[str]) -> None:
    log.info("working out the sessions of %s, once", ", ".join(codes))


async def _until_stopped(loops: Sequence[Coroutine[Any, Any, None]], stop: asyncio.Event, lost: asyncio.Event) -> None:
    """All loops until `stop` or `lost`, or until one of them gives up; then they have GRACE_SECONDS to end.

    The first loop is the engine: what it had not committed, the next start does again.
    """
    tasks = [asyncio.create_task(task) for task in loops]
    signs: list[asyncio.Task[Any]] = [asyncio.create_task(task.wait()) for task in (stop, lost)]
    await asyncio.wait([*tasks, *signs], return_when=asyncio.FIRST_COMPLETED)
    if any(isinstance(_error_of(task), LeaseLost) for task in tasks):
        lost.set()
    dead = [task for task in tasks if task.done()] if not (stop.is_set() or lost.is_set()) else []
    if not lost.is_set():
        stop.set()
    for task in tasks if lost.is_set() else tasks[:1]:
        task.cancel()
    done, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
    for task in [*late, *signs]:
        task.cancel()
    await asyncio.gather(*late, *signs, return_exceptions=True)
    for task in done:
        if (error := _error_of(task)) is not None and not isinstance(error, LeaseLost):
            raise error
    if dead:
        raise BotError("a loop has ended by itself: the process ends, and is to be started anew. Look at the log")


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    """What a loop has ended with, if it has."""
    return task.exception() if task.done() and not task.cancelled() else None
