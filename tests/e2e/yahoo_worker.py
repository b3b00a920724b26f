"""The worker as a process that lives at another time, with a Yahoo on this machine.

`python -m tests.e2e.yahoo_worker CONFIG PORT NOW`, where NOW is when the process begins, with a zone.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import datetime
from pathlib import Path

from bot.adapters import logs
from bot.adapters.price_files import PriceCache
from bot.adapters.yahoo.source import YahooPrices
from bot.app.worker import run_worker
from bot.clock import SystemClock
from bot.engine import enrichment
from bot.settings.load import load_settings
from tests.fake_yahoo import LocalSession


class Elsewhen(SystemClock):
    """The machine's clock, set to another time."""

    def __init__(self, start: datetime) -> None:
        self._ahead = start - super().now()

    def now(self) -> datetime:
        return super().now() + self._ahead


def main(config: str, port: str, start: str) -> None:
    settings = load_settings(Path(config), os.environ)
    logs.configure_logging("INFO")
    enrichment.CHART_TIMEOUT_SECONDS = 60.0  # a busy machine is no reason for a test to fail
    folder = settings.storage.data_dir
    yahoo = YahooPrices(folder / "yahoo", settings.source.deadline_seconds, LocalSession(int(port)))
    clock = Elsewhen(datetime.fromisoformat(start))
    asyncio.run(run_worker(lambda: settings, clock, PriceCache(folder / "prices", yahoo)))


if __name__ == "__main__":
    main(*sys.argv[1:])
