"""How much memory does `run` take with the shipped baskets, 30 years of history, and the real yfinance?

From a first look at which all baskets fall, through an open session and its end, to a corrected close: the peak of each
part is the kernel's own. Charts are drawn in a process beside it.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np

from benchmarks.timing import Line
from bot.prices.bars import Symbol
from bot.prices.calendars import CalendarCode, exchange_of
from bot.settings.load import load_settings
from tests.fake_telegram.people import Person
from tests.fake_telegram.server import FakeTelegram
from tests.fake_yahoo import Day, FakeYahoo, Listing, fake_yahoo

BOUND_MB = 220
YEARS = 30
FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
FINAL = time(21, 25, tzinfo=UTC)  # in New York
OPEN = datetime(2026, 11, 23, 15, tzinfo=UTC)
DOUBTED = {"MU": 0.6, "NVDA": 1.6}  # a fall and a rise at once: four boards
ORDERS = ("/status", "/worst memory", "/chart memory", "/whatif memory -10")


def run() -> Iterator[Line]:
    """Serve made-up histories, have the worker look at them, and ask the kernel about it."""
    with fake_yahoo() as (yahoo, _), tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_day(yahoo, Path(folder)))


async def _day(yahoo: FakeYahoo, folder: Path) -> list[Line]:
    baskets = load_settings(Path("config"), {}).baskets()
    symbols = dict.fromkeys(symbol for basket in baskets for symbol in basket.symbols)
    listings = yahoo.listings
    listings |= {symbol: _listing(seed, symbol) for seed, symbol in enumerate(symbols)}
    lines: list[Line] = []
    async with FakeTelegram() as telegram, _worker(yahoo, telegram, folder) as worker:
        person = telegram.person()

        def told(what: str) -> None:
            run_with = f"run with {len(symbols)} symbols x {YEARS} years"
            lines.append(Line(f"{run_with}: {what}", worker.peak(), "MB", BOUND_MB))

        await worker.look(datetime.combine(FRIDAY, FINAL))
        told("first look, all baskets fall, with charts")
        beside = max(map(_peak, worker.children()))
        await worker.converse(person, "/start")
        for listing in listings.values():
            listing.days.append(_moved(listing.days[-1], 1.001, MONDAY))
        await worker.look(OPEN, listings)
        told("second look")
        for minutes in range(5, 55, 5):
            for symbol, listing in listings.items():
                doubted = DOUBTED.get(symbol) if 15 <= minutes < 30 else None
                listing.days[-1] = _moved(listing.days[-2], doubted or 1 - minutes / 400, MONDAY)
            await worker.look(OPEN + timedelta(minutes=minutes), listings)
            await worker.converse(person, ORDERS[minutes // 5 % len(ORDERS)])
        told("ten looks at an open session, commands between them")
        await worker.look(datetime.combine(MONDAY, FINAL), listings)
        told("its end")
        listings["MU"].days[-5].times(1.01, ("close", "adjusted"))
        await worker.look(datetime.combine(MONDAY, FINAL) + timedelta(hours=18), listings)
        told("a corrected close")
        lines.append(Line("a look at an open session, median", float(np.median(worker.seconds[2:11])), "s"))
    return [*lines, Line("the process that draws, which ends after three idle minutes", beside, "MB")]


@dataclass
class Worker:
    """The process; `seconds` are those of its looks."""

    process: asyncio.subprocess.Process
    seconds: list[float]

    async def look(self, moment: datetime, listings: dict[str, Listing] | None = None) -> None:
        """Let it look, at that moment; of `listings` the newest price is then from there."""
        for listing in (listings or {}).values():
            listing.asked = moment
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        order = f"{moment.isoformat()}\n".encode()
        self.process.stdin.write(order)
        while b"look complete" not in (line := await self.process.stderr.readline()):
            assert line, "the worker ended early"
            if b"came to nothing" in line:  # the clock has jumped: it is believed when two looks agree
                self.process.stdin.write(order)
        found = re.search(rb"seconds\S*=\S*?([\d.]+)", line)
        assert found is not None
        self.seconds.append(float(found[1]))

    async def converse(self, person: Person, order: str) -> None:
        await person.say(order)
        await person.chat.next_message()

    def peak(self) -> float:
        """Since it was asked last, in MB."""
        peak = _peak(self.process.pid)
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="utf-8")
        return peak

    def children(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return [int(one) for task in tasks for one in (task / "children").read_text(encoding="utf-8").split()]


@asynccontextmanager
async def _worker(yahoo: FakeYahoo, telegram: FakeTelegram, folder: Path) -> AsyncIterator[Worker]:
    environ = dict(os.environ) | {
        "BOT_STORAGE__DATA_DIR": str(folder),
        "BOT_TELEGRAM__TOKEN": telegram.token,
        "BOT_TELEGRAM__BASE_URL": telegram.base_url,
        "NO_COLOR": "1",
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.memory_worker", str(yahoo.port)), env=environ, stdin=pipe, stderr=pipe
    )
    try:
        yield Worker(process, [])
    finally:
        process.terminate()
        await process.wait()


def _peak(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _listing(seed: int, symbol: Symbol) -> Listing:
    rng = np.random.default_rng(seed)
    days = [FRIDAY - timedelta(days=back) for back in range(int(YEARS * 365.25), -1, -1)]
    days = [day for day in days if day.weekday() < 5]
    moves = rng.normal(0.0002, 0.015, len(days))
    moves[-1] = -0.12
    closes = (50 * np.exp(np.cumsum(moves))).round(6).tolist()
    rows = [Day(day, close, None, close * 1.01, close * 0.99) for day, close in zip(days, closes, strict=True)]
    if exchange_of(symbol) == CalendarCode("XKRX"):
        return Listing(rows, zone="Asia/Seoul", opens=time(9))
    return Listing(rows)


def _moved(before: Day, factor: float, day: date) -> Day:
    assert before.close is not None
    close = before.close * factor
    return Day(day, close, None, max(close, before.close), min(close, before.close))
