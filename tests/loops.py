"""Loops 2 and 3 on the strict stand-in, with the real library between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bot.adapters.database.database import Database
from bot.adapters.telegram.client import TelegramClient
from bot.adapters.telegram.gateway import TelegramGateway
from bot.chat.router import ChatRouter
from bot.chat.service import ChatService
from bot.delivery.model import Destination
from bot.delivery.rate_limits import RateLimits
from bot.dispatcher import Dispatcher, Receiver
from tests.canary import TOKEN
from tests.desks import NOW, Clerk, drawn
from tests.fake_telegram.server import FakeTelegram
from tests.stored import put
from tests.virtual import VirtualClock, until


class BriskClock(VirtualClock):
    """Goes on whenever somebody sleeps, and leaves the machine a moment for everything else."""

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0.001)


class HandClock(VirtualClock):
    """Goes only when the test moves it; who sleeps looks at it again and again."""

    async def sleep(self, seconds: float) -> None:
        wake = self.seconds + seconds
        await asyncio.sleep(0)
        while self.seconds < wake:  # noqa: ASYNC110  it is moved on by hand
            await asyncio.sleep(0.001)


@dataclass
class Talk:
    """The bot at work."""

    fake: FakeTelegram
    clock: VirtualClock
    database: Database
    telegram: TelegramClient
    limits: RateLimits
    chat: ChatService
    dispatch: Dispatcher
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def settled(self, heard: int = 0) -> None:
        """Everything that was put before the bot is attended to, at least so many, and every reply is said."""
        await until(lambda: self.chat.counts["heard"] >= heard and self._idle())

    def _idle(self) -> bool:
        done = not self.fake.updates.pending or self.fake.updates.pending[-1]["update_id"] <= self.chat._after
        return done and not self.chat._pending and not self.chat._in_flight

    async def pass_time(self, seconds: float, step: float = 0.1) -> None:
        """A clock moved by hand goes on, slowly enough for whatever happens meanwhile."""
        for _ in range(round(seconds / step)):
            self.clock.seconds += step
            await asyncio.sleep(0.004)

    async def pass_until(self, condition: Callable[[], object], step: float = 0.1) -> None:
        """The same until it holds; an error after a thousand steps."""
        for _ in range(1000):
            if condition():
                return
            await self.pass_time(step, step)
        raise TimeoutError("it did not happen")

    def force(self, kind: str, payload: dict[str, Any], number: int = 0) -> None:
        """An update that the bot did not ask for, or with a number of its own."""
        updates = self.fake.updates
        updates._queue.append({"update_id": number or updates._next, kind: payload})
        updates._next = max(updates._next, number) + 1
        self.fake.bell.ring()


@asynccontextmanager
async def talking(
    fake: FakeTelegram,
    database: Database,
    clock: VirtualClock,
    operators: Collection[int] = (),
    *,
    clerk: Clerk | None = None,
    sends: bool = False,
) -> AsyncIterator[Talk]:
    """The bot answers, and with `sends` tells what waits, until the end of the block."""
    limits = RateLimits()
    async with TelegramClient(TOKEN, base_url=fake.base_url, connect=10, read=10) as telegram:
        line = TelegramGateway(telegram, clock, operators)
        router = ChatRouter("telegram", database, clerk or Clerk(), clock, drawn, line.administers, operators)
        chat = ChatService(router, line, limits, database.move, sleep=clock.sleep)
        dispatch = Dispatcher(database, [Receiver(telegram, limits)], clock, sleep=clock.sleep, jitter=lambda: 0.0)
        talk = Talk(fake, clock, database, telegram, limits, chat, dispatch)
        loops = [chat.run(talk.stop), *([dispatch.run(talk.stop)] if sends else [])]
        tasks = [asyncio.create_task(one) for one in loops]
        try:
            yield talk
        finally:
            talk.stop.set()
            ending = asyncio.gather(*tasks)
            while not ending.done():
                clock.seconds += 0.5
                await asyncio.sleep(0.002)
            await ending


def message(chat: dict[str, Any], text: str, **more: Any) -> dict[str, Any]:
    """A message as an update has it."""
    return {"message_id": 77, "date": int(NOW.timestamp()), "chat": chat, "text": text, **more}


async def alert(talk: Talk, key: str = "fall", *destinations: Destination, baskets: Sequence[str] = ("tech",)) -> None:
    """An event about these baskets, for these chats and for whoever subscribed."""
    await put(
        talk.database,
        *destinations,
        key=key,
        baskets=baskets,
        subscribers_of="telegram",
        created=talk.clock.now(),
    )
