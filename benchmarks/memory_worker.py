"""The worker as `run` starts it, but with a Yahoo on this machine, and at a time that it reads from standard input.

Each line there is a time, and rings for a look.
"""

from __future__ import annotations

if __name__ == "__main__":  # the process that draws charts imports this module, too, and needs nothing of it
    import asyncio
    import os
    import sys
    from collections.abc import Callable
    from datetime import datetime, timedelta
    from pathlib import Path

    from bot.adapters import logs
    from bot.adapters.price_files import PriceCache
    from bot.adapters.yahoo.source import YahooPrices
    from bot.app import worker
    from bot.cli.run import share_one_heap
    from bot.settings.load import load_settings
    from tests.e2e.yahoo_worker import Elsewhen
    from tests.fake_yahoo import LocalSession

    clock = Elsewhen(datetime.fromisoformat(sys.stdin.readline().strip()))

    class Rung:
        """A ticker that rings when it is told to."""

        def __init__(self, _every: timedelta, ring: Callable[[], None]) -> None:
            self._ring = ring

        def start(self) -> None:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._read)

        def stop(self) -> None:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())

        def _read(self) -> None:
            if line := sys.stdin.readline():
                clock.__init__(datetime.fromisoformat(line.strip()))  # type: ignore[misc]
                self._ring()

    settings = load_settings(Path("config"), os.environ)
    logs.configure_logging("INFO", secrets=[settings.telegram.token.get_secret_value()])
    share_one_heap()
    folder = settings.storage.data_dir
    yahoo = YahooPrices(folder / "yahoo", settings.source.deadline_seconds, session=LocalSession(int(sys.argv[1])))
    worker.PollTimer = Rung  # type: ignore[misc, assignment]
    asyncio.run(worker.run_worker(lambda: settings, clock, PriceCache(folder / "prices", yahoo)))
