"""The whole product against both stand-ins for Telegram: what a person does, from the first word to the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from bot.adapters.database.database import Database
from bot.adapters.telegram.client import TelegramClient
from bot.adapters.telegram.gateway import TelegramGateway
from bot.app.demo import InlineRenderer
from bot.chat.requests import MarketView
from bot.chat.router import ChatRouter
from bot.chat.service import ChatService
from bot.clock import SystemClock
from bot.delivery.rate_limits import RateLimits
from bot.dispatcher import Dispatcher, Receiver
from bot.engine.evaluation import EngineConfig
from bot.engine.loop import Engine
from bot.engine.schedule import EvaluationTiming
from bot.errors import NoData
from bot.health import StatusReport
from bot.pipeline import Rulebook
from tests.desks import drawn
from tests.fake_telegram.ledger import Accepted
from tests.fake_telegram.server import FakeTelegram
from tests.people import Message, Person, Rig
from tests.unit.engine.small_world import AGAIN, DAYS, TECH, WARNED, rulebook, world
from tests.unit.engine.tape import Tape
from tests.virtual import VirtualClock, until


class Steered(VirtualClock):
    """Wall time that is set, and monotonic time that runs many times faster than the machine's."""

    def monotonic(self) -> float:
        return SystemClock().monotonic() * 200


@dataclass
class Bot:
    """The three loops, and the clock and bell that move them."""

    watch: Engine
    clock: Steered
    bell: asyncio.Event
    tape: Tape
    database: Database

    @property
    def rulebook(self) -> Rulebook:
        return self.watch.config.rulebook

    async def status(self) -> StatusReport:
        raise NotImplementedError

    async def view(self) -> MarketView:
        if self.watch.stats is None:
            raise NoData("nothing yet")
        return MarketView(self.watch.stats, self.rulebook, lambda _basket: self.clock.now())

    async def reload(self) -> list[str]:
        return []

    async def at(self, moment: datetime) -> None:
        """The clock stands there, and the watch has looked."""
        self.clock.seconds = (moment - self.clock.start).total_seconds()
        turns = self.watch.counts["turns"]
        self.bell.set()
        await until(lambda: self.watch.counts["turns"] > turns and not self.bell.is_set())


@asynccontextmanager
async def running(rig: Rig, database: Database) -> AsyncIterator[Bot]:
    clock = Steered(datetime(2025, 1, 1, tzinfo=UTC))
    tape = Tape(world(), clock)
    clock.seconds = (tape.close(DAYS[AGAIN + 3]) + timedelta(hours=1) - clock.start).total_seconds()
    # The independent stand-in knows neither pictures nor files.
    charts = isinstance(rig, FakeTelegram)
    setup = EngineConfig(rulebook(), (), ("en", "zh"), EvaluationTiming(), "telegram", charts)
    stop, bell, limits = asyncio.Event(), asyncio.Event(), RateLimits()
    async with TelegramClient(rig.token, base_url=rig.base_url) as telegram:
        watch = Engine(tape, tape, setup, database, clock, renderer=InlineRenderer() if charts else None)
        telegram.pictures.load = database.picture
        bot = Bot(watch, clock, bell, tape, database)
        line = TelegramGateway(telegram, clock, ())
        router = ChatRouter("telegram", database, bot, clock, drawn, line.administers)
        loops = [
            watch.run(stop, bell),
            Dispatcher(database, [Receiver(telegram, limits)], clock).run(stop),
            ChatService(router, line, limits, database.move).run(stop),
        ]
        tasks = [asyncio.create_task(one) for one in loops]
        await until(lambda: watch.stats is not None)
        yield bot
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 30)


@pytest.fixture
async def database(tmp_path):
    opened = await Database.open(f"sqlite:///{tmp_path / 'bot.sqlite3'}", upgrade=True)
    yield opened
    await opened.close()


async def reads(person: Person, words: str) -> Message:
    """The first message with these words; other alerts may come before it."""
    while words not in (found := await person.chat.next_message()).text:
        pass
    return found


async def fall(bot: Bot, kim: Person) -> Message:
    """Tech falls for warning while the session is under way, and a bit further until its close; what Kim reads."""
    day = DAYS[WARNED]
    close = bot.tape.close(day)
    bot.tape.live |= {(symbol, day): 1.01 for symbol in TECH}
    await bot.at(close - timedelta(hours=3))
    await bot.at(close - timedelta(hours=2, minutes=55))
    return await reads(kim, "Tech")


async def test_from_the_first_word_to_the_last(rig: Rig, database: Database) -> None:
    async with running(rig, database) as bot:
        kim = rig.person(language="en")
        await kim.say("/start")
        await reads(kim, "I watch baskets of stocks")
        await kim.press("Tech")
        await reads(kim, "Subscribed to Tech")
        await kim.say("/level warning")
        await reads(kim, "“warning”")
        await kim.say("/language zh")
        await reads(kim, "中文")
        await kim.say("/language en")
        await reads(kim, "English")

        alert = await fall(bot, kim)
        assert "Tech is down 6." in alert.text
        assert alert.buttons == ["Details", "Chart", "Why", "Mute 1 day"]
        shown = alert.file if isinstance(alert, Accepted) else None
        await bot.at(bot.tape.close(DAYS[WARNED]) + timedelta(minutes=21))
        edited = await kim.chat.next_edit()
        assert edited.id == alert.id
        assert "Tech −7." in edited.text
        assert edited.buttons == alert.buttons
        if isinstance(edited, Accepted):
            assert shown is not None
            assert edited.file is not None
            assert edited.file.body != shown.body

        await kim.press("Details")
        await reads(kim, "📊 Tech −7.")
        await kim.press("Why")
        await reads(kim, "fall: alert")
        await kim.press("Mute 1 day")
        await reads(kim, "Nothing about Tech until")
        await kim.say("/settings")
        await reads(kim, "muted until")
        await kim.say("/unsubscribe tech")
        await reads(kim, "hears of no basket")
        await kim.say("/delete")
        await reads(kim, "Delete everything")
        await kim.press("Yes, delete")
        await reads(kim, "nothing is stored")
        assert await database.subscriber("telegram", "1001") is None
        assert await database.received("telegram", "1001", 10) == []
        await kim.say("/stop")
        await reads(kim, "Stopped")


async def test_in_chinese(rig: Rig, database: Database) -> None:
    async with running(rig, database) as bot:
        kim = rig.person(language="zh-hans")
        await kim.say("/start tech")
        await reads(kim, "已关注Tech")
        alert = await fall(bot, kim)
        assert "Tech" in alert.text
        assert alert.buttons == ["详情", "图表", "原因", "静音 1 天"]
        await kim.press("静音 1 天")
        await reads(kim, "前不再提醒Tech")


async def test_a_picture_arrives_or_words_say_that_it_does_not(rig: Rig, database: Database) -> None:
    """The independent stand-in knows neither pictures nor files."""
    async with running(rig, database):
        kim = rig.person()
        await kim.say("/chart tech")
        await reads(kim, "Tech −" if isinstance(rig, FakeTelegram) else "does not work just now")
        await kim.say("/help")
        await reads(kim, "/start")


async def test_a_stranger_who_asks_nonsense_is_helped(rig: Rig, database: Database) -> None:
    async with running(rig, database):
        kim = rig.person()
        await kim.say("hello <b>")
        await reads(kim, "/help")
        await kim.say("/subscribe tehc")
        await reads(kim, "no basket “tehc”")
        await kim.press("Tech")
        await reads(kim, "Subscribed to Tech")
