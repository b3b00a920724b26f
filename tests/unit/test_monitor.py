"""What is seen and told while a loop is stuck, or the database cannot be used?"""

from __future__ import annotations

import asyncio
import http.client
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.adapters.database.database import Database
from bot.adapters.http_status import StatusServer
from bot.adapters.timers import Heartbeat
from bot.app.monitor import HealthMonitor, OperatorNotifier, RunningLoops
from bot.app.service import changed_settings
from bot.app.worker import _until_stopped
from bot.delivery.attempts import SendOutcome, Sent
from bot.delivery.model import ChatKind, Delivery, Destination
from bot.dispatcher import Dispatcher, Receiver
from bot.errors import BotError, LeaseLost, StoreError
from bot.health import HealthSignal
from bot.lease import LeaderLease
from bot.messages.message import Message
from bot.prices.bars import Bars, Symbol
from bot.settings.load import load_settings
from tests.heart import Heart
from tests.unit.engine.small_world import DAYS, WARNED, rulebook, world
from tests.unit.engine.tape import SETTLE, Stage, Tape
from tests.virtual import VirtualClock, until

CONFIG = Path(__file__).parents[2] / "config"
SETTINGS = load_settings(CONFIG, {})
MANY = tuple(Destination("telegram", str(number), ChatKind.PRIVATE) for number in range(1, 1000))


class Chat:
    name = "telegram"

    async def send(self, delivery: Delivery, message: Message) -> SendOutcome:
        return Sent(1)


@dataclass
class Bot:
    """A watch on a database, seen from outside; `hang` holds up its source until it is cleared."""

    stage: Stage
    database: Database
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    free: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def __post_init__(self) -> None:
        self.free.set()
        clock, watch = self.stage.tape.clock, self.stage.engine
        watch.config = replace(watch.config, destinations=MANY)
        watch.source = self
        self.operators = OperatorNotifier(self.database, clock, "telegram", [9001])
        watch.notify = self.operators.notify
        dispatch = Dispatcher(self.database, [Receiver(Chat())], clock, sleep=clock.sleep)
        self.monitor = HealthMonitor(SETTINGS, clock, self.database, LeaderLease(self.database, clock))
        self.monitor.begin(RunningLoops(watch, dispatch))

    def bars(self, symbol: Symbol) -> Bars:
        self.free.wait()
        return self.stage.tape.bars(symbol)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.stage.engine.run(self.stop, self.bell))
        async with StatusServer("127.0.0.1", 0, self.monitor.report, str) as window:
            self.port = window.port
            try:
                yield
            finally:
                self.free.set()
                self.stop.set()
                await task
        await self.monitor.close()

    async def look(self) -> None:
        """Ring the bell, and wait for the look to end."""
        turns = self.stage.engine.counts["turns"]
        self.bell.set()
        await until(lambda: self.stage.engine.counts["turns"] > turns and self.stage.engine.idle)

    async def healthz(self) -> tuple[int, str]:
        def ask() -> tuple[int, str]:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            found = answer.status, answer.read().decode().strip()
            connection.close()
            return found

        return await asyncio.to_thread(ask)

    async def heard(self) -> list[str]:
        """What the operator was told of the bot itself, in order."""
        await self.monitor.check(self.operators.notify)
        found = await self.database.received("telegram", "9001", 99)
        lines = [one.message.lines[0] for one in reversed(found)]
        return [one.removeprefix("⚙️ not well ") for one in lines if "not well" in one]


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    tape = Tape(world(), VirtualClock(datetime(2025, 1, 1, tzinfo=UTC)))
    database = await Database.open(f"sqlite:///{tmp_path / 'bot.sqlite3'}", upgrade=True)
    stage = Stage(tape, rulebook(), database)  # type: ignore[arg-type]
    stage.at(tape.close(DAYS[WARNED - 1]) + SETTLE)
    yield Bot(stage, database)
    await database.close()


async def test_an_evaluator_that_dies_is_seen_within_a_minute_and_its_heart_stops(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    clock, watch = bot.stage.tape.clock, bot.stage.engine
    async with Heart() as heart, Heartbeat(heart.url) as heartbeat:
        watch.on_complete = heartbeat.beat
        async with bot.running():
            await until(lambda: heart.pings == 1)
            assert await bot.healthz() == (200, "works")
            bot.stage.at(bot.stage.tape.close(DAYS[WARNED]) + SETTLE - timedelta(minutes=5))
            await bot.look()
            await until(lambda: heart.pings == 2)
            clock.seconds += 300
            bot.free.clear()
            bot.bell.set()
            await until(lambda: not watch.idle)
            assert await bot.heard() == []
            clock.seconds += 58
            assert await bot.healthz() == (503, "evaluation: a look has not got on for 58 s")
            assert await bot.heard() == ["evaluation: a look has not got on for 58 s"]
            clock.seconds += 3600
            assert len(await bot.heard()) == 1
            assert heart.pings == 2
            bot.free.set()
            await until(lambda: heart.pings == 3)
            assert await bot.healthz() == (200, "works")
            assert (await bot.heard())[1:] == ["evaluation is over after 1:00:00"]


async def test_a_weekend_is_no_illness(bot: Bot) -> None:
    friday = next(day for day in DAYS[WARNED:] if day.weekday() == 4)
    bot.stage.at(bot.stage.tape.close(friday) + SETTLE)
    bot.monitor._settings = load_settings(CONFIG, {"BOT_SCHEDULE__POLL_MINUTES": "60"})
    async with bot.running():
        await until(lambda: bot.stage.engine.idle)
        for _ in range(60):
            bot.stage.tape.clock.seconds += 3600
            assert bot.monitor.health().ready
            await bot.look()
        assert bot.stage.engine.last_check is not None
        assert bot.stage.engine.last_check.facts()["due"] == "nothing"


@pytest.mark.parametrize("fault", ["full", "locked"])
async def test_a_database_that_cannot_be_used_is_red_until_it_can_and_nothing_is_lost(
    bot: Bot, fault: str, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "bot.sqlite3", isolation_level=None)
    words = {"full": "the disk is full", "locked": "another program holds it locked"}[fault]
    async with bot.running():
        await until(lambda: bot.stage.engine.idle)
        bot.stage.at(bot.stage.tape.close(DAYS[WARNED]) + SETTLE)
        async with bot.database._transaction() as connection:
            pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
            await connection.exec_driver_sql("PRAGMA busy_timeout=50")
            if fault == "full":
                await connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 4}")
        if fault == "locked":
            other.execute("BEGIN IMMEDIATE")
        await bot.look()
        status, said = await bot.healthz()
        assert (status, words in said) == (503, True)
        if fault == "locked":
            with pytest.raises(StoreError):
                await bot.heard()
            other.execute("ROLLBACK")
        else:
            assert await bot.database.undelivered() == []
            async with bot.database._transaction() as connection:
                await connection.exec_driver_sql("PRAGMA max_page_count=1000000")
        await bot.look()
        assert await bot.healthz() == (200, "works")
        waiting, oldest = await bot.database.waiting("telegram")
        assert waiting == 2 * len(MANY)
        assert oldest == bot.stage.tape.close(DAYS[WARNED]) + SETTLE
    other.close()


async def test_a_database_that_does_not_answer_is_not_waited_for(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.app.monitor.DATABASE_TIMEOUT", 0.01)
    async with bot.running():
        await until(lambda: bot.stage.engine.idle)
        async with bot.database._turn:
            found = await bot.monitor.report()
            assert found.health.problems == {HealthSignal.WORK: "the database has not answered for 0.01 s"}
            assert (await bot.monitor.report()).database.waiting is None
        await until(lambda: bot.monitor._query and bot.monitor._query.done())
        monkeypatch.undo()
        assert (await bot.monitor.report()).health.ready


async def test_what_was_wrong_before_a_restart_ends_with_the_first_complete_look(bot: Bot) -> None:
    bot.stage.tape.clock.seconds += 1300
    assert await bot.heard() == ["evaluation: a look has not got on for 22 min"]
    again = Bot(Stage(bot.stage.tape, rulebook(), bot.database), bot.database)  # type: ignore[arg-type]
    assert len(await again.heard()) == 1  # the first look is under way
    async with again.running():
        await until(lambda: again.stage.engine.idle)
        again.stage.tape.clock.seconds += 60
        assert (await again.heard())[1:] == ["evaluation is over after 0:01:00"]


async def test_one_that_stands_by_is_ready_and_has_no_more_to_tell(bot: Bot) -> None:
    bot.monitor.begin(None)
    found = await bot.monitor.report()
    assert found.health.ready
    assert (str(found.health), found.database.waiting, found.baskets) == ("stands by: another process works", None, ())


def test_what_takes_a_restart_is_said() -> None:
    environ = {"BOT_OPERATION__PORT": "8080", "BOT_STATISTICS__PULLBACK": "-6", "BOT_SCHEDULE__POLL_MINUTES": "10"}
    assert sorted(changed_settings(SETTINGS, load_settings(CONFIG, environ))) == [
        "operation.port: 0 → 8080 (after a restart)",
        "schedule.poll_minutes: 5 → 10 (after a restart)",
        "statistics.pullback: -5.0 → -6.0",
    ]


# The end of a loop


async def ends(error: BaseException | None = None) -> None:
    if error is not None:
        raise error


async def test_a_loop_that_is_killed_ends_the_process_with_an_error() -> None:
    for error in (asyncio.CancelledError(), None):
        stop, lost = asyncio.Event(), asyncio.Event()
        with pytest.raises(BotError, match="ended by itself") as ended:
            await _until_stopped([ends(error), stop.wait()], stop, lost)  # type: ignore[list-item]
        assert ended.value.exit_code == 70


async def test_a_loop_that_learns_of_the_lost_lease_first_lets_the_process_stand_by() -> None:
    stop, lost = asyncio.Event(), asyncio.Event()
    await _until_stopped([ends(LeaseLost("taken over")), stop.wait()], stop, lost)  # type: ignore[list-item]
    assert (stop.is_set(), lost.is_set()) == (False, True)
