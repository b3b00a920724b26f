"""The worker as `run` starts it, except that Yahoo is on this machine: a process of its own to be measured."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from bot.adapters import logs
from bot.adapters.price_files import PriceCache
from bot.adapters.yahoo import Yahoo
from bot.app.worker import run
from bot.cli.run import share_one_heap
from bot.clock import SystemClock
from bot.settings import load_settings
from tests.fake_yahoo import LocalSession

if __name__ == "__main__":
    settings = load_settings(Path("config"), os.environ)
    logs.set_up("INFO", secrets=[settings.telegram.token.get_secret_value()])
    folder = settings.storage.data_dir
    yahoo = Yahoo(folder / "yahoo", settings.source.deadline_seconds, session=LocalSession(int(sys.argv[1])))
    share_one_heap()
    asyncio.run(run(lambda: settings, SystemClock(), PriceCache(folder / "prices", yahoo)))
