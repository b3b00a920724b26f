"""A database, the strict stand-in for Telegram, and processes that bring what is in the one to the other."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from bot.adapters.database.database import Database, migrate_database
from bot.adapters.database.tables import notifications, outbox
from bot.alerts.rules import Severity
from bot.delivery.model import DeliveryState, route
from bot.messages.catalogue import load_catalogue
from tests.campaigns import worker
from tests.campaigns.invariants import Copy, Evidence, Row
from tests.campaigns.mines import Mine
from tests.campaigns.worker import TOKEN, News, Order, PacedClock
from tests.fake_telegram.server import FakeTelegram

# A process that is forked from one which has imported everything is there in a few hundredths of a second.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.campaigns.warm"])
REPEATED = load_catalogue("en").say("repeated")
LATE = load_catalogue("en").say("late", when="").partition(":")[0]
# What a kill leaves is taken over after 15 s in the product; a trial with a thousand kills does not wait so long.
_migrating = asyncio.Lock()  # alembic knows one migration at a time in a process
SHORT_LEASE = {"beat": 0.1, "glance": 0.03, "patience": 0.2}


class Rig:
    """Use `async with`. `about` goes into the orders to all workers."""

    def __init__(self, folder: Path, url: str = "", *, latency: float = 0.0, pace: float = 1.0, **about: Any) -> None:
        self.url = url or f"sqlite:///{folder}/bot.sqlite3"
        self.path = Path(self.url.removeprefix("sqlite:///")) if self.url.startswith("sqlite") else None
        self.said = folder / "said.txt"
        self.clock = PacedClock(pace)
        self.fake = FakeTelegram(clock=self.clock.monotonic, now=self.clock.now, latency=latency)
        self.news: list[News] = []
        self.stopped: dict[str, int] = {}
        self._about = {"pace": pace} | about
        self._processes: list[BaseProcess] = []

    async def __aenter__(self) -> Self:
        async with _migrating:
            await migrate_database(self.url)
        self.database = await Database.open(self.url)
        await self.fake.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in [one for one in self._processes if one.is_alive()]:
            one.kill()
            await ended(one)
        for one in self._processes:
            one.close()
        await self.fake.__aexit__()
        await self.database.close()

    def find(self, key: str, severity: Severity, chats: Sequence[str], **about: Any) -> News:
        """There is something new, which the next worker will find."""
        one = News(key, severity, self.clock.now(), tuple(chats), **about)
        self.news.append(one)
        return one

    async def tell(self, key: str, severity: Severity, chats: Sequence[str], **about: Any) -> News:
        """Something new, committed here and now."""
        one = self.find(key, severity, chats, **about)
        await self.database.commit({}, [one.event], route(one.event, one.destinations))
        return one

    def start(self, mine: Mine | None = None, news: Sequence[News] | None = None) -> BaseProcess:
        order = Order(self.url, self.fake.base_url, str(self.said), tuple(self.news if news is None else news))
        process = FORKS.Process(target=worker.main, args=(replace(order, mine=mine or Mine(), **self._about),))
        process.start()
        self._processes.append(process)
        return process

    async def accepts(self, more: int, seconds: float = 60.0) -> None:
        """Until so many more messages have been taken."""
        enough = len(self.fake.accepted) + more
        await self.fake.bell.until(lambda: True if len(self.fake.accepted) >= enough else None, seconds)

    async def waiting(self) -> int:
        """How many deliveries are not over."""
        open_ = outbox.c.not_before.is_not(None) | (outbox.c.state == DeliveryState.SENDING.value)
        async with self.database._transaction() as connection:
            found: int = await connection.scalar(sa.select(sa.func.count()).where(open_).select_from(outbox))
        return found

    async def drained(self, seconds: float = 120.0, look: float = 0.2) -> None:
        async def done() -> bool:
            return not await self.waiting()

        await until(done, seconds, look)

    async def evidence(self) -> Evidence:
        columns = (
            *(
                notifications.c.key,
                notifications.c.id,
                notifications.c.created,
                outbox.c.chat,
                outbox.c.severe,
                outbox.c.state,
            ),
            *(outbox.c.expires, outbox.c.not_before, outbox.c.unconfirmed, outbox.c.reason),
        )
        async with self.database._transaction() as connection:
            found = await connection.execute(
                sa.select(*columns).join(notifications, notifications.c.id == outbox.c.event)
            )
            rows = tuple(
                Row(
                    one.key, one.chat, one.id, one.severe, DeliveryState(one.state), one.created, one.expires,
                    one.not_before is not None, one.unconfirmed, one.reason,
                )
                for one in found
            )  # fmt: skip
            keys = tuple(await connection.scalars(sa.select(notifications.c.key)))
        return Evidence(
            copies=tuple(map(_copy, self.fake.accepted)),
            rows=rows,
            keys=keys,
            wanted=frozenset((one.key, chat) for one in self.news for chat in one.chats),
            stopped=self.stopped,
            too_fast=self.fake.violations,
            written=self.said.read_bytes() if self.said.exists() else b"",
            secrets=(TOKEN.encode(), TOKEN.partition(":")[2].encode()),
        )


def _copy(one: Any) -> Copy:
    first, *rest = one.text.split("\n")
    said = "\n".join(rest)
    date, pictured = datetime.fromtimestamp(one.date, UTC), one.file is not None
    return Copy(first, one.chat, date, REPEATED in said, LATE in said, pictured)


async def until(look: Callable[[], Awaitable[bool]], seconds: float, every: float) -> None:
    """Look every so many seconds; TimeoutError after so many."""
    async with asyncio.timeout(seconds):
        while True:
            if await look():
                return
            await asyncio.sleep(every)


async def ended(process: BaseProcess, seconds: float = 60.0) -> int | None:
    """The exit code, once there is one."""

    async def is_over() -> bool:
        return process.exitcode is not None

    await until(is_over, seconds, 0.005)
    return process.exitcode


async def stop(process: BaseProcess, seconds: float = 60.0) -> int | None:
    assert process.pid is not None
    process.terminate()
    return await ended(process, seconds)


KILLED = -signal.SIGKILL
