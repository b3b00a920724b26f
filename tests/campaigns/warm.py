"""Everything that a process imports and works out at its first message, so that those forked from this one have it."""

from __future__ import annotations

import asyncio

import psycopg  # noqa: F401  imported with the first connection

from bot.adapters.database.database import Database
from bot.clock import SystemClock
from bot.delivery.attempts import NotSent
from bot.delivery.model import route
from bot.dispatcher import Dispatcher, Receiver
from tests.campaigns.mines import MinedTelegram
from tests.campaigns.worker import TOKEN
from tests.specimens import CHANNEL, event


async def _send_once() -> None:
    """To nobody: the port is closed."""
    database = await Database.open("sqlite://", upgrade=True)
    happened = event(created=SystemClock().now())
    await database.commit({}, [happened], route(happened, [CHANNEL]))
    async with MinedTelegram(TOKEN, base_url="http://127.0.0.1:9/bot") as telegram:
        dispatch = Dispatcher(database, [Receiver(telegram)], SystemClock())
        await dispatch.drain()
    await database.close()
    assert dispatch.counts == {NotSent.__name__: 1}


asyncio.run(_send_once())
