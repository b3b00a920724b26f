"""A process that holds the lease, finds events and sends, as `run` does, but without a market: to be killed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from bot.adapters import logs
from bot.alerts.rules import Severity
from bot.app import worker
from bot.clock import SystemClock
from bot.delivery.model import ChatKind, Destination, Notification, route
from bot.dispatcher import Dispatcher, Receiver
from bot.lease import LeaderLease
from tests.campaigns.mines import Mine, MinedDatabase, MinedTelegram
from tests.specimens import event

TOKEN = f"{10**9}:{'canary' * 6}"


@dataclass(frozen=True, slots=True)
class News:
    """An event that the worker finds anew at every start, for `chats` (those below 0 are groups)."""

    key: str
    severity: Severity
    created: datetime
    chats: tuple[str, ...]
    lives: timedelta = timedelta(hours=6)
    picture: bytes = b""

    @property
    def event(self) -> Notification:
        return event(self.key, self.severity, created=self.created, lives=self.lives, picture=self.picture)

    @property
    def destinations(self) -> tuple[Destination, ...]:
        kinds = {one: ChatKind.GROUP if one.startswith("-") else ChatKind.PRIVATE for one in self.chats}
        return tuple(Destination("telegram", one, kind) for one, kind in kinds.items())


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to do. `said` is the file that gets every byte it writes; the lease's seconds as in `Tenancy`.

    `pace` is how many times faster than the machine's its clock goes.
    """

    url: str
    base_url: str
    said: str
    news: tuple[News, ...] = ()
    beat: float = 5.0
    glance: float = 1.0
    patience: float = 15.0
    pace: float = 1.0
    level: str = "INFO"
    mine: Mine = field(default_factory=Mine)


class PacedClock:
    """A clock that goes `pace` times as fast as the machine's, from the same moment on for all processes."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._system = SystemClock()
        self._zero = self._system.now() - timedelta(seconds=self._system.monotonic())

    def now(self) -> datetime:
        if self._pace == 1:
            return self._system.now()
        return self._zero + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self._pace * self._system.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._pace)


def main(order: Order) -> None:
    """The whole life of the process."""
    file = os.open(order.said, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.environ["SSL_CERT_DIR"] = str(Path(order.said).parent)  # nobody here speaks TLS; to read certificates takes long
    logs.configure_logging(order.level, secrets=[TOKEN])
    asyncio.run(_run(order))


async def _run(order: Order) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    if conductor := multiprocessing.parent_process():  # a trial that is broken off leaves nobody behind
        loop.add_reader(conductor.sentinel, os._exit, 1)
    clock = PacedClock(order.pace)
    database = await MinedDatabase.open(order.url)
    database.lay(order.mine)
    try:
        tenancy = LeaderLease(
            database, clock, clock.sleep, renew_every=order.beat, poll_every=order.glance, ttl=order.patience
        )
        while not stop.is_set():
            async with tenancy.held(stop) as lost:
                if lost is not None:
                    await _work(order, database, clock, stop, lost)
    finally:
        await database.close()


async def _work(
    order: Order, database: MinedDatabase, clock: PacedClock, stop: asyncio.Event, lost: asyncio.Event
) -> None:
    for one in order.news:
        await database.commit({}, [one.event], route(one.event, one.destinations))
    async with MinedTelegram(TOKEN, base_url=order.base_url) as telegram:
        telegram.mine = order.mine
        telegram.pictures.load = database.picture
        dispatch = Dispatcher(database, [Receiver(telegram)], clock, sleep=clock.sleep)
        await worker._until_stopped([_nothing_to_watch(), dispatch.run(stop)], stop, lost)


async def _nothing_to_watch() -> None:
    await asyncio.Event().wait()
