"""The worker as a process whose event loop stops for ever at the first price that is read.

`python -m tests.e2e.blocked_worker CONFIG PRICES LIMIT`, where LIMIT is the watchdog's patience in seconds.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from functools import partial
from pathlib import Path

from bot.adapters import logs
from bot.adapters.price_files import CsvFolder
from bot.adapters.timers import Watchdog
from bot.app import worker
from bot.clock import SystemClock
from bot.prices.bars import Bars, Symbol
from bot.settings.load import load_settings


class Blocking(CsvFolder):
    """A folder of prices that stops the loop of whoever reads it."""

    loop: asyncio.AbstractEventLoop

    def bars(self, symbol: Symbol) -> Bars:
        self.loop.call_soon_threadsafe(stand_still)
        return super().bars(symbol)


def stand_still() -> None:
    threading.Event().wait()


async def main(config: str, prices: str, limit: str) -> None:
    worker.Watchdog = partial(Watchdog, float(limit))  # type: ignore[misc, assignment]
    source = Blocking(Path(prices))
    source.loop = asyncio.get_running_loop()
    await worker.run_worker(lambda: load_settings(Path(config), os.environ), SystemClock(), source)


if __name__ == "__main__":
    logs.configure_logging("INFO")
    asyncio.run(main(*sys.argv[1:]))
