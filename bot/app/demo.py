"""The demo on recorded prices and a scripted clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TextIO

from bot.adapters.calendars import CachedCalendars
from bot.adapters.database.database import Database
from bot.adapters.price_files import CsvFolder
from bot.adapters.terminal import ChartFolder, TerminalTransport
from bot.app.service import engine_config, terminal_destinations
from bot.chart.data import ChartData
from bot.chart.draw import render_chart
from bot.clock import SystemClock
from bot.dispatcher import Dispatcher, Receiver
from bot.engine.loop import Engine
from bot.errors import NoData
from bot.prices.bars import PriceSource
from bot.prices.calendars import CalendarCode
from bot.settings.load import Settings

CALENDAR = CalendarCode("XNYS")


@dataclass(slots=True)
class ScriptedClock:
    """A clock that stands still; it is set, and a sleep moves it."""

    time: datetime = datetime(1990, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class MemoizedSource:
    """A price source that reads each symbol once."""

    def __init__(self, source: PriceSource) -> None:
        self.bars = cache(source.bars)


class InlineRenderer:
    """Charts rendered in this process: a recording has the time."""

    def warm_up(self) -> None:
        """Nothing to start."""

    async def render(self, facts: ChartData, language: str) -> bytes:
        return render_chart(facts, language)


@dataclass(frozen=True, slots=True)
class DemoRun:
    """The live loops on recorded prices and a scripted clock; everything else is as in `run`.

    `closes` are the closes of all sessions of the exchange, in order.
    """

    engine: Engine
    dispatcher: Dispatcher
    clock: ScriptedClock
    charts: ChartFolder
    closes: Mapping[date, datetime]

    async def warm_up(self, first: date) -> None:
        """Evaluate the past up to the session before `first`, at a time when its alerts have expired."""
        last_close = max(close for day, close in self.closes.items() if day < first)
        self.clock.time = last_close + self.engine.config.timing.expiry
        await self.engine.check_prices()

    def sessions(self, first: date, last: date) -> list[date]:
        """The sessions from `first` to `last`; raises NoData if there are none."""
        days = [day for day in self.closes if first <= day <= last]
        if not days:
            raise NoData(f"The exchange had no session from {first} to {last}. Choose other dates.")
        return days

    async def step(self, day: date) -> None:
        """Evaluate one session once it is final, and post its alerts."""
        self.clock.time = self.closes[day] + self.engine.config.timing.settle
        await self.engine.check_prices()
        await self.dispatcher.drain()


@asynccontextmanager
async def open_demo(
    settings: Settings, prices: Path, language: str, out: TextIO, folder: Path, charts: Path
) -> AsyncIterator[DemoRun]:
    """The two loops wired for a recording, with a new database in `folder`; charts are written to `charts`."""
    clock = ScriptedClock()
    database = await Database.open(f"sqlite:///{folder / 'demo.sqlite3'}", upgrade=True)
    try:
        config = engine_config(settings, terminal_destinations([language]))
        calendars = CachedCalendars(settings.storage.data_dir / "calendars", SystemClock())
        calendar = calendars.get(CALENDAR)
        times = (datetime.fromtimestamp(close, UTC) for close in calendar.closes.tolist())
        closes = dict(zip(calendar.sessions.tolist(), times, strict=True))
        source = MemoizedSource(CsvFolder(prices))
        engine = Engine(source, calendars, config, database, clock, renderer=InlineRenderer())
        chart_folder = ChartFolder(charts, database.picture)
        receivers = [Receiver(TerminalTransport(out, clock, chart_folder))]
        dispatcher = Dispatcher(database, receivers, clock, sleep=clock.sleep)
        yield DemoRun(engine, dispatcher, clock, chart_folder, closes)
    finally:
        await database.close()
