"""A process of the bot, and what it reads: three symbols, and a configuration with one rule and one channel."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path

import numpy as np

from bot.clock import SystemClock
from bot.prices.calendars import Calendar
from tests.world import calm

CHANNEL = "-1001234567890"
HISTORY = 400
SYMBOLS = ("AA", "BB", "CC")
CONFIG = f"""\
[source]
deadline_seconds = 3.0

[delivery]
expiry_hours = 168.0

[[telegram.channels]]
chat = "{CHANNEL}"

[[rules]]
name = "fall"
baskets = ["*"]
[rules.levels]
notice = {{ move = -3.0 }}
severe = {{ worst_in = "1 year" }}
"""
BASKETS = """\
[baskets.three]
name = { en = "Three & co", zh = "三家" }
members = ["AA", "BB", "CC"]
"""


def history(calendar: Calendar, last: int) -> list[date]:
    """The HISTORY + 1 sessions up to place `last`."""
    days: list[date] = calendar.sessions[last - HISTORY : last + 1].tolist()
    return days


def closes(falls: bool) -> list[float]:
    """HISTORY + 1 closes; on the last day the market falls by an eighth, if it does."""
    returns = np.array([0.0, *calm(HISTORY)])
    if falls:
        returns[-1] = -0.125
    closed: list[float] = (100 * np.cumprod(1 + returns)).tolist()
    return closed


def folder_of(prices: Path, days: list[date], closed: list[float]) -> Path:
    prices.mkdir()
    for symbol in SYMBOLS:
        rows = [f"{day},{close!r}" for day, close in zip(days, closed, strict=True)]
        (prices / f"{symbol}.csv").write_text("\n".join(["date,close", *rows, ""]))
    return prices


class Process:
    """A process of the bot, whose standard error is read as it comes."""

    def __init__(self, running: asyncio.subprocess.Process) -> None:
        self.running = running
        self.err = self.out = ""
        self._readers = [asyncio.create_task(self._read("out")), asyncio.create_task(self._read("err"))]

    async def _read(self, name: str) -> None:
        stream = self.running.stdout if name == "out" else self.running.stderr
        assert stream is not None
        while line := await stream.readline():
            setattr(self, name, getattr(self, name) + line.decode())

    async def until(self, condition: Callable[[], object]) -> None:
        for _ in range(6000):
            if condition():
                return
            if self.running.returncode is not None:
                break
            await asyncio.sleep(0.01)
        raise AssertionError(f"it did not happen\n{self.err}")

    async def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """The exit code after a signal, and the seconds that it took."""
        clock = SystemClock()
        began = clock.monotonic()
        self.running.send_signal(how)
        code = await asyncio.wait_for(self.running.wait(), 60)
        await asyncio.gather(*self._readers)
        assert "Traceback" not in self.err, self.err
        assert "canary" not in self.err + self.out
        return code, clock.monotonic() - began


@contextlib.asynccontextmanager
async def process(*words: object) -> AsyncIterator[Process]:
    environ = os.environ | {"PYTHONWARNINGS": "ignore"}
    running = await asyncio.create_subprocess_exec(
        sys.executable, *map(str, words), env=environ,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Process(running)
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
