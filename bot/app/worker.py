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
    """Everything that is opened once and lasts until the end of the process."""

    load: Callable[[], Settings]
    settings: Settings
    clock: Clock
    source: PriceSource
    database: Database
    calendars: CachedCalendars
    monitor: HealthMonitor
    on_complete: Callable[[], None]


async def run_worker(load: Callable[[], Settings], clock: Clock, source: PriceSource) -> None:
    """Run the bot until SIGTERM or SIGINT; while another process holds the lease, stand by."""
    settings = load()
    operation, heartbeat = settings.operation, settings.operation.heartbeat.get_secret_value()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = await Database.open(database_url(settings), upgrade=True)
    lease = LeaderLease(database, clock)
    monitor = HealthMonitor(settings, clock, database, lease)
    try:
        calendars = open_calendars(
            settings, clock, lambda codes: log.info("working out the sessions of %s, once", ", ".join(codes))
        )
        async with Watchdog(), AsyncExitStack() as stack:
            if operation.port:
                clean = partial(redact, secrets=settings.secrets())
                server = StatusServer(operation.host, operation.port, monitor.report, clean)
                await stack.enter_async_context(server)
                log.info("the status page is on port %s of %s", operation.port, operation.host)
            on_complete = (await stack.enter_async_context(Heartbeat(heartbeat))).beat if heartbeat else lambda: None
            resources = Resources(load, settings, clock, source, database, calendars, monitor, on_complete)
            while not stop.is_set():
                async with lease.held(stop) as lost:
                    if lost is not None:
                        await run_loops(resources, stop, lost)
                monitor.begin(None)
    finally:
        await monitor.close()
        await database.close()
    log.info("stopped")


async def run_loops(resources: Resources, stop: asyncio.Event, lost: asyncio.Event) -> None:
    """Run the three loops until `stop`, or until the lease is `lost`."""
    settings, database, monitor = resources.settings, resources.database, resources.monitor
    steady = SteadyClock(resources.clock, since_boot)
    bell, limits, operators = asyncio.Event(), RateLimits(), set(settings.telegram.operators)
    async with open_telegram(settings, database.picture) as telegram, ChartProcess() as charts:
        destinations = None if telegram else terminal_destinations(settings.delivery.languages)
        config = engine_config(settings, destinations, subscribers_of=telegram.name if telegram else None)
        transport = telegram or TerminalTransport(sys.stdout, resources.clock)
        dispatcher = Dispatcher(database, [Receiver(transport, limits)], resources.clock, steady=steady)
        chats = [destination.chat for destination in config.destinations if destination.transport == transport.name]
        await database.revive(transport.name, chats)
        if config.subscribers_of is not None:
            await database.widen(config.subscribers_of, [basket.id for basket in config.rulebook.baskets])
        notifier = OperatorNotifier(database, steady, transport.name, operators if telegram else ())
        engine = build_engine(resources, config, steady, notifier, charts if telegram else None)
        open_news = partial(headline_sources, prices=resources.source)
        bot = RunningBot(engine, database, monitor, resources.calendars, settings, resources.load, open_news, operators)
        chat = chat_service(telegram, bot, limits, charts) if telegram else None
        monitor.begin(RunningLoops(engine, dispatcher, chat))
        loops = [engine.run(stop, bell), dispatcher.run(stop), monitor.run(stop, notifier.notify)]
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
    """Loop 1. The prices of a vendor are filtered; a folder of price files is accepted as it is."""
    source, settings = resources.source, resources.settings
    cache = source if isinstance(source, PriceCache) else None
    return Engine(
        source,
        resources.calendars,
        config,
        resources.database,
        clock,
        load_history=cache.cached if cache else no_history,
        quality_filter=QualityFilter() if cache else None,
        headlines=HeadlineService(headline_sources(settings, source), settings.names),
        notify=notifier.notify,
        renderer=renderer,
        clock_jump=clock.check_jump,
        on_complete=resources.on_complete,
    )


def chat_service(telegram: TelegramClient, bot: RunningBot, limits: RateLimits, charts: ChartProcess) -> ChatService:
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
    """Telegram, if there is a token; `stored_chart` loads the PNG with a name (None = there are no charts)."""
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
    """The configured database, or a SQLite file in the data folder, which is created. Raises StoreError."""
    if url := settings.storage.database.get_secret_value():
        return url
    folder = settings.storage.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remedy = "Name another one with [storage] data_dir or BOT_STORAGE__DATA_DIR."
        raise StoreError(f"{folder}: the folder cannot be made ({error.strerror}). {remedy}") from error
    if reason := ephemeral_reason(folder):
        log.warning(
            "the database in %s will not last: %s. Subscriptions and what was posted are forgotten then. Give the bot "
            "a volume, or a PostgreSQL by DATABASE_URL",
            folder,
            reason,
        )
    return f"sqlite:///{folder / 'bot.sqlite3'}"


async def _until_stopped(loops: Sequence[Coroutine[Any, Any, None]], stop: asyncio.Event, lost: asyncio.Event) -> None:
    """Run all loops until `stop` or `lost`, or until one ends; then they have GRACE_SECONDS to end.

    The first loop is the engine: it is cancelled, and the next start repeats what it had not committed.
    """
    tasks = [asyncio.create_task(loop) for loop in loops]
    signals: list[asyncio.Task[Any]] = [asyncio.create_task(event.wait()) for event in (stop, lost)]
    await asyncio.wait([*tasks, *signals], return_when=asyncio.FIRST_COMPLETED)
    ended = [task for task in tasks if task.done()]
    if any(isinstance(error, LeaseLost) for error in await asyncio.gather(*ended, return_exceptions=True)):
        lost.set()
    ended_early = ended and not (stop.is_set() or lost.is_set())
    if not lost.is_set():
        stop.set()
    for task in tasks if lost.is_set() else tasks[:1]:
        task.cancel()
    done, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
    for waiting in [*late, *signals]:
        waiting.cancel()
    await asyncio.gather(*late, *signals, return_exceptions=True)
    for error in await asyncio.gather(*done, return_exceptions=True):
        if isinstance(error, Exception) and not isinstance(error, LeaseLost):
            raise error
    if ended_early:
        raise BotError("a loop has ended by itself: the process ends, and is to be started anew. Look at the log")
