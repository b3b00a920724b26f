"""The demo on recorded prices and a scripted clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
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
from bot.prices.bars import Bars, PriceSource, Symbol
from bot.prices.calendars import CalendarCode
from bot.settings.load import Settings

CALENDAR = CalendarCode("XNYS")


@dataclass(slots=True)
class ScriptedClock:
    """A clock that stands still until it is set; whoever sleeps on it moves it."""

    time: datetime = datetime(1990, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass(slots=True)
class MemoizedSource:
    """A source whose answers are kept, so that every session does not read the files anew."""

    source: PriceSource
    bars_by_symbol: dict[Symbol, Bars] = field(default_factory=dict)

    def bars(self, symbol: Symbol) -> Bars:
        if symbol not in self.bars_by_symbol:
            self.bars_by_symbol[symbol] = self.source.bars(symbol)
        return self.bars_by_symbol[symbol]


class InlineRenderer:
    """Charts are drawn here and now: a recording has the time."""

    def warm_up(self) -> None:
        """It is always there."""

    async def render(self, facts: ChartData, language: str) -> bytes:
        return render_chart(facts, language)


@dataclass(slots=True)
class DemoRun:
    """The live loops on recorded prices and a scripted clock; everything else is as in `run`."""

    engine: Engine
    dispatcher: Dispatcher
    clock: ScriptedClock
    wall: ChartFolder

    async def warm_up(self, first: date) -> None:
        """Let the bot learn the past up to the session before `first`, when that is no news any more."""
        self.clock.time = self._closes(date.min, first - timedelta(days=1))[-1][1] + self.engine.config.timing.expiry
        await self.engine.check_prices()

    def sessions(self, first: date, last: date) -> list[date]:
        """The sessions from `first` to `last`; raises NoData if there are none."""
        days = [day for day, _ in self._closes(first, last)]
        if not days:
            raise NoData(f"The exchange had no session from {first} to {last}. Choose other dates.")
        return days

    async def step(self, day: date) -> None:
        """One session: look once it is final, and post what is due."""
        self.clock.time = self._closes(day, day)[0][1] + self.engine.config.timing.settle
        await self.engine.check_prices()
        await self.dispatcher.drain()

    def _closes(self, first: date, last: date) -> list[tuple[date, datetime]]:
        calendar = self.engine.calendars.get(CALENDAR)
        pairs = zip(calendar.sessions.tolist(), calendar.closes.tolist(), strict=True)
        return [(day, datetime.fromtimestamp(close, UTC)) for day, close in pairs if first <= day <= last]


@asynccontextmanager
async def open_demo(
    settings: Settings, prices: Path, language: str, out: TextIO, folder: Path, charts: Path
) -> AsyncIterator[DemoRun]:
    """The two loops wired for a recording, with a database of their own in `folder`; pictures go into `charts`."""
    clock = ScriptedClock()
    database = await Database.open(f"sqlite:///{folder / 'demo.sqlite3'}", upgrade=True)
    try:
        destinations = terminal_destinations([language])
        calendars = CachedCalendars(settings.storage.data_dir / "calendars", SystemClock())
        config, source = engine_config(settings, destinations), MemoizedSource(CsvFolder(prices))
        engine = Engine(source, calendars, config, database, clock, renderer=InlineRenderer())
        wall = ChartFolder(charts, database.picture)
        dispatcher = Dispatcher(database, [Receiver(TerminalTransport(out, clock, wall))], clock, sleep=clock.sleep)
        yield DemoRun(engine, dispatcher, clock, wall)
    finally:
        await database.close()
