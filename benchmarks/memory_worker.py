"""The worker as `run` starts it, but at another time and with a Yahoo on this machine: a process to be measured."""

from __future__ import annotations

if __name__ == "__main__":  # the process that draws charts imports this module, too, and needs nothing of it
    import asyncio
    import os
    import sys
    from datetime import datetime
    from pathlib import Path

    from bot.adapters import logs
    from bot.adapters.price_files import PriceCache
    from bot.adapters.yahoo import Yahoo
    from bot.app.worker import run
    from bot.cli.run import share_one_heap
    from bot.settings import load_settings
    from tests.e2e.yahoo_worker import Elsewhen
    from tests.fake_yahoo import LocalSession

    settings = load_settings(Path("config"), os.environ)
    logs.set_up("INFO", secrets=[settings.telegram.token.get_secret_value()])
    folder = settings.storage.data_dir
    yahoo = Yahoo(folder / "yahoo", settings.source.deadline_seconds, session=LocalSession(int(sys.argv[1])))
    share_one_heap()
    clock = Elsewhen(datetime.fromisoformat(sys.argv[2]))
    asyncio.run(run(lambda: settings, clock, PriceCache(folder / "prices", yahoo)))
