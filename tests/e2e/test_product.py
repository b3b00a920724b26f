"""The whole product against both stand-ins for Telegram: what a person does, from the first word to the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from bot.adapters.database import Database
from bot.adapters.telegram import Telegram, TelegramLine
from bot.chart import ChartFacts, draw
from bot.clock import SystemClock
from bot.conversation import Condition, Desk, View
from bot.converse import Converse
from bot.delivery import Limits
from bot.dispatch import Dispatch
from bot.errors import NoData
from bot.pipeline import Rulebook
from bot.watch import Setup, Timing, Watch
from tests.people import Rig
from tests.unit.watch.small_world import AGAIN, DAYS, WARNED, rulebook, world
from tests.unit.watch.tape import Tape
from tests.virtual import VirtualClock, until


class Steered(VirtualClock):
    """Wall time that is set, and monotonic time that runs many times faster than the machine's."""

    def monotonic(self) -> float:
        return SystemClock().monotonic() * 200


@dataclass
class Bot:
    """The three loops, and the clock and bell that move them."""

    watch: Watch
    clock: Steered
    bell: asyncio.Event
    tape: Tape
    database: Database

    @property
    def rulebook(self) -> Rulebook:
        return self.watch.setup.rulebook

    def condition(self) -> Condition:
        return Condition(self.watch.looked, self.watch.trouble, self.watch.counts)

    async def view(self) -> View:
        if self.watch.board is None:
            raise NoData("nothing yet")
        return View(self.watch.board, self.rulebook, lambda _basket: self.clock.now())

    async def reload(self) -> list[str]:
        return []

    async def at(self, moment: datetime) -> None:
        """The clock stands there, and the watch has looked."""
        self.clock.seconds = (moment - self.clock.start).total_seconds()
        turns = self.watch.counts["turns"]
        self.bell.set()
        await until(lambda: self.watch.counts["turns"] > turns and not self.bell.is_set())


async def drawn(facts: ChartFacts, language: str) -> bytes:
    return await asyncio.to_thread(draw, facts, language)


@asynccontextmanager
async def running(rig: Rig, database: Database) -> AsyncIterator[Bot]:
    clock = Steered(datetime(2025, 1, 1, tzinfo=UTC))
    tape = Tape(world(), clock)
    clock.seconds = (tape.close(DAYS[AGAIN + 3]) + timedelta(hours=1) - clock.start).total_seconds()
    setup = Setup(rulebook(), (), ("en", "zh"), Timing(), "telegram")
    stop, bell, limits = asyncio.Event(), asyncio.Event(), Limits()
    async with Telegram(rig.token, base_url=rig.base_url) as telegram:
        watch = Watch(tape, tape, setup, database, clock)
        bot = Bot(watch, clock, bell, tape, database)
        line = TelegramLine(telegram, clock, ())
        desk = Desk("telegram", database, bot, clock, line.administers, drawn)
        loops = [
            watch.run(stop, bell),
            Dispatch(database, telegram, clock, limits).run(stop),
            Converse(desk, line, limits, database.move).run(stop),
        ]
        tasks = [asyncio.create_task(one) for one in loops]
        try:
            await until(lambda: watch.board is not None)
            yield bot
        finally:
            stop.set()
            await asyncio.wait_for(asyncio.gather(*tasks), 30)


@pytest.fixture
async def database(tmp_path):
    opened = await Database.open(f"sqlite:///{tmp_path / 'bot.sqlite3'}", upgrade=True)
    yield opened
    await opened.close()


async def test_from_the_first_word_to_the_last(rig: Rig, database: Database) -> None:
    async with running(rig, database) as bot:
        kim = rig.person(language="en")
        await kim.say("/start")
        welcome = await kim.chat.next_message()
        assert "I watch baskets of stocks" in welcome.text
        await kim.press("Tech")
        assert "Subscribed to Tech" in (await kim.chat.next_message()).text
        await kim.say("/level warning")
        assert "warning" in (await kim.chat.next_message()).text
        await kim.say("/language zh")
        assert "简体中文" in (await kim.chat.next_message()).text
        await kim.say("/language en")
        await kim.chat.next_message()
        day = DAYS[WARNED]
        close = bot.tape.close(day)
        await bot.at(close - timedelta(hours=3))
        await bot.at(close - timedelta(hours=2, minutes=55))
        alert = await kim.chat.next_message()
        assert "Tech is down 7.3 % in two sessions as of" in alert.text
        await kim.chat.next_message()
        await bot.at(close + timedelta(minutes=21))
        edited = await kim.chat.next_edit()
        assert edited.id == alert.id
        assert "🟠 Tech −7.3 % in two sessions" in edited.text
        assert "\nclosed 3 Jul 2025" in edited.text
        await kim.press("Mute 1 day")
        assert "Nothing about Tech until" in (await kim.chat.next_message()).text
        await kim.say("/delete")
        await kim.chat.next_message()
        await kim.press("Yes, delete")
        assert "nothing is stored" in (await kim.chat.next_message()).text
        assert await database.subscriber("telegram", "1001") is None
