"""One process's life on the virtual clock: the real watch and the real database, until the end or a kill."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.adapters.calendars import CachedCalendars
from bot.adapters.database.database import Database
from bot.alerts.episodes import Subject, SubjectState
from bot.clock import SystemClock
from bot.delivery.attempts import SendOutcome, Sent
from bot.delivery.model import ChatKind, Delivery, Destination
from bot.dispatcher import Dispatcher, Receiver
from bot.engine.evaluation import EngineConfig
from bot.engine.loop import Engine
from bot.engine.schedule import EvaluationTiming
from bot.messages.message import Message
from bot.prices.bars import Bars, Symbol
from bot.prices.calendars import CalendarCode
from bot.prices.quality_filter import QualityFilter
from tests.simulation.market import BEFORE, Feed, rulebook
from tests.virtual import VirtualClock

CHAT = Destination("terminal", "somebody", ChatKind.TERMINAL)
TIMING = EvaluationTiming()
# What the database itself notes of every answer that is stored, in the same transaction: no kill can part the two.
NOTICED = """
CREATE TABLE asked (
    id INTEGER PRIMARY KEY, rule TEXT, basket TEXT, judged TEXT, told TEXT, at TEXT DEFAULT (datetime('now'))
);
CREATE TRIGGER noticed AFTER INSERT ON subject_states WHEN NEW.member = '' BEGIN
    INSERT INTO asked (rule, basket, judged, told)
    VALUES (NEW.rule, NEW.basket, NEW.last_session, NEW.provisional_session);
END;
"""


@dataclass(frozen=True, slots=True)
class Order:
    """Where a world is kept, what it is, and from when to when it is lived through, in steps of `step`.

    The clock stands in `folder`, so that the next process goes on where this one is killed.
    """

    folder: Path
    calendars: Path
    codes: tuple[str, ...]
    begin: datetime
    end: datetime
    step: timedelta
    seed: int = 0
    provisional: bool = True

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    @property
    def file(self) -> Path:
        return self.folder / "bot.sqlite3"

    @property
    def now(self) -> datetime:
        """How far the clock has come."""
        return datetime.fromtimestamp(int((self.folder / "now").read_bytes()), UTC)

    def set_clock(self, now: datetime) -> None:
        with (self.folder / "now").open("r+b" if now > self.begin else "wb", buffering=0) as file:
            file.write(b"%010d" % now.timestamp())

    async def create(self) -> None:
        """The database, with its own notes of what is judged."""
        self.set_clock(self.begin)
        (self.folder / "read.tsv").touch()
        database = await Database.open(self.url, upgrade=True)
        await database.close()
        with closing(sqlite3.connect(self.file)) as connection:
            connection.executescript(NOTICED)

    def finals(self) -> list[tuple[str, date]]:
        """Every answer about a final session that was stored, (basket, session), in order.

        What is told of a session that is not over repeats the last one that was judged, and is none.
        """
        with closing(sqlite3.connect(self.file)) as connection:
            rows = connection.execute("SELECT basket, judged, told FROM asked WHERE judged NOT NULL ORDER BY id")
            found = [(name, date.fromisoformat(day), told) for name, day, told in rows]
        return [(name, day) for name, day, told in found if told is None or date.fromisoformat(told) <= day]


class PowerFailure(Exception):
    """The process is gone."""


@dataclass
class Fuse:
    """Burns one pass shorter at each of `POINTS`, and at 0 the power fails; None = it never does."""

    left: int | None = None
    passed: int = 0
    where: list[str] = field(default_factory=list)

    def burn(self, point: str) -> None:
        self.passed += 1
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.left = None
                self.where.append(point)
                raise PowerFailure


class FusedDatabase(Database):
    """Loses its power before, in and after what it does."""

    fuse = Fuse()

    def lay(self, fuse: Fuse) -> None:
        self.fuse = fuse
        sa.event.listen(self._engine.sync_engine, "after_cursor_execute", self._executed)

    def _executed(self, connection: Any, cursor: Any, statement: str, *_: object) -> None:
        if statement.startswith(("INSERT", "DELETE")):
            self.fuse.burn(f"in a transaction, after {' '.join(statement.split()[:3])}")

    async def subject_states(self) -> dict[Subject, SubjectState]:
        known = await super().subject_states()
        self.fuse.burn("states read")
        return known

    async def commit(self, *what: Any) -> int:
        self.fuse.burn("before a commit")
        known = await super().commit(*what)
        self.fuse.burn("after a commit")
        return known


class FusedFeed(Feed):
    fuse = Fuse()

    def bars(self, symbol: Symbol) -> Bars:
        self.fuse.burn("prices asked for")
        return super().bars(symbol)


@dataclass
class Reader:
    """A chat that keeps what it is sent, one line a message: when it was due and came, and what it read."""

    clock: VirtualClock
    file: Path
    name: str = "terminal"

    async def send(self, delivery: Delivery, message: Message) -> SendOutcome:
        words = " | ".join(message.lines[:2])
        row = f"{delivery.created.timestamp():.0f}\t{self.clock.now().timestamp():.0f}\t{delivery.event}\t{words}\n"
        with self.file.open("ab", buffering=0) as file:
            file.write(row.encode())
        return Sent()


async def live(order: Order, fuse: Fuse | None = None, ticked: Callable[[Engine], None] = lambda _watch: None) -> None:
    """From where the clock stands to the end: a turn every `step`, and what it finds is sent."""
    fuse = fuse or Fuse()
    clock = VirtualClock(order.now)
    calendars = CachedCalendars(order.calendars, SystemClock())
    feed = FusedFeed(calendars, clock, order.begin.date() - BEFORE, order.seed)
    feed.fuse = fuse
    database = await FusedDatabase.open(order.url)
    database.lay(fuse)
    try:
        setup = EngineConfig(rulebook(*order.codes), (CHAT,), ("en",), EvaluationTiming(provisional=order.provisional))
        watch = Engine(feed, calendars, setup, database, clock, quality_filter=QualityFilter())
        dispatch = Dispatcher(database, [Receiver(Reader(clock, order.folder / "read.tsv"))], clock, sleep=clock.sleep)
        await dispatch.drain()
        step = order.step.total_seconds()
        while clock.now() < order.end:
            told = watch.counts["events"]
            await watch.check_prices()
            if watch.counts["events"] > told:
                await dispatch.drain()
            ticked(watch)
            clock.seconds = (clock.seconds // step + 1) * step
            order.set_clock(clock.now())
    finally:
        await database.close()


def main(order: Order) -> None:
    """The whole life of a process."""
    logging.disable(logging.CRITICAL)
    asyncio.run(live(order))


def calendars_at(folder: Path, codes: tuple[str, ...]) -> None:
    """Work the calendars out once."""
    CachedCalendars(folder, SystemClock()).prepare([CalendarCode(code) for code in codes])
