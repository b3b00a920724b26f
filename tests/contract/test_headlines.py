"""From a feed to the message of a chat: the real feed reader, both stores, and the real python-telegram-bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.adapters.database.database import Database
from bot.adapters.feeds import NewsFeed
from bot.adapters.telegram.client import TelegramClient
from bot.delivery.model import DeliveryState
from bot.dispatcher import Dispatcher, Receiver
from bot.engine.evaluation import EngineConfig
from bot.engine.loop import Engine
from bot.engine.schedule import EvaluationTiming
from tests.canary import TOKEN
from tests.fake_telegram.server import FakeTelegram
from tests.served import served
from tests.unit.engine.small_world import DAYS, TECH, WARNED, rulebook, world
from tests.unit.engine.tape import CHAT, Tape
from tests.virtual import VirtualClock, until

DAY = DAYS[WARNED]
ITEM = "<item><title>AA &amp;amp; BB fall</title><link>https://wire.example.com/a?b=1&amp;c=2</link><pubDate>{}</pubDate></item>"


@dataclass
class Bot:
    """Loops 1 and 2, a step at a time, and a newspaper that answers when it is let."""

    tape: Tape
    engine: Engine
    dispatch: Dispatcher
    telegram: FakeTelegram
    let: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self, after_close: timedelta) -> None:
        clock = self.tape.clock
        clock.seconds = (self.tape.close(DAY) + after_close - clock.start).total_seconds()
        await self.engine.check_prices()

    async def headlines(self) -> None:
        self.let.set()
        await until(lambda: not self.engine.headlines._searches)

    async def print(self, _: Any) -> web.Response:
        await self.let.wait()
        at = self.tape.close(DAY) - timedelta(hours=5)
        item = ITEM.format(f"{at:%a, %d %b %Y %H:%M:%S} GMT")
        return web.Response(text=f'<rss version="2.0"><channel><title>The Wire</title>{item}</channel></rss>')


@pytest.fixture
async def bot(store: Database, unhurried: FakeTelegram) -> AsyncIterator[Bot]:
    """On the evening before the fall."""
    clock = VirtualClock(datetime(2025, 1, 1, tzinfo=UTC))
    tape = Tape(world(), clock)
    async with TelegramClient(TOKEN, base_url=unhurried.base_url) as telegram:
        book = replace(rulebook(), rules=rulebook().rules[:1])
        engine = Engine(tape, tape, EngineConfig(book, (CHAT,), ("en",), EvaluationTiming()), store, clock)
        dispatch = Dispatcher(store, [Receiver(telegram)], clock, sleep=clock.sleep)
        made = Bot(tape, engine, dispatch, unhurried)
        clock.seconds = (tape.close(DAYS[WARNED - 1]) + timedelta(hours=1) - clock.start).total_seconds()
        await engine.check_prices()
        await dispatch.drain()
        unhurried.accepted.clear()
        async with served("/", made.print) as address:
            engine.headlines.sources = [NewsFeed(address + "/")]
            yield made
            await engine.headlines.close()


async def test_the_message_goes_without_and_is_edited(bot: Bot, store: Database) -> None:
    await bot.look(timedelta(minutes=20))
    await bot.dispatch.drain()
    chat = bot.telegram.find(CHAT.chat)
    alert = chat.sent[-1]
    before = alert.text
    assert "“" not in before
    assert not chat.edits
    await bot.headlines()
    await bot.dispatch.drain()
    (edited,) = chat.edits
    assert edited.id == alert.id
    *rest, line, foot = edited.text.split("\n")
    assert "\n".join((*rest, foot)) == before
    assert line == f"Headlines: “AA & BB fall” (The Wire, {bot.tape.close(DAY) - timedelta(hours=5):%-d %b %H:%M} UTC)"
    assert '<a href="https://wire.example.com/a?b=1&amp;c=2">“AA &amp; BB fall”</a>' in edited.source[0]
    assert len(chat.sent) == len(bot.telegram.texts(CHAT.chat))
    assert await store.undelivered() == []


async def test_what_was_not_sent_yet_is_sent_with_them_and_once(bot: Bot, store: Database) -> None:
    chat = bot.telegram.find(CHAT.chat)
    sent = len(chat.sent)
    await bot.look(timedelta(minutes=20))
    await bot.headlines()
    await bot.dispatch.drain()
    (alert,) = chat.sent[sent:]
    assert "AA & BB fall" in alert.text
    assert not chat.edits
    assert await store.counts("telegram") == {DeliveryState.SENT: sent + 1}


async def test_headlines_that_come_after_the_confirmation_change_nothing(bot: Bot) -> None:
    """The newspaper is asked at noon and answers in the evening; that of the evening answers at once."""
    for minutes in (-180, -175):
        await bot.look(timedelta(minutes=minutes))
    await bot.dispatch.drain()
    chat = bot.telegram.find(CHAT.chat)
    at_noon = chat.sent[-1]
    assert "is down" in at_noon.text
    bot.tape.live |= {(symbol, DAY): 1.0 for symbol in TECH}
    await bot.look(timedelta(minutes=20))
    await bot.headlines()
    await bot.dispatch.drain()
    assert [one.id for one in chat.edits] == [at_noon.id]
    assert "closed" in chat.edits[-1].text
    assert "AA & BB fall" in chat.edits[-1].text
