"""A sound configuration, and a Telegram and a Yahoo on this machine, for processes of the command line."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import NamedTuple

from bot.app.doctor import Finding, run_checks
from bot.clock import SystemClock
from bot.settings.load import load_settings
from tests.canary import TOKEN
from tests.fake_telegram.server import FakeTelegram
from tests.fake_yahoo import FakeYahoo
from tests.log_state import log_state
from tests.moment import environment

CHANNEL, TOPICS, BOSS = "-1001234567890", "-1009876543210", 4321
BASKETS = '[baskets.two]\nname = { en = "Two" }\nmembers = ["AA", "BB"]\n'
SETTINGS = f"""\
[source]
deadline_seconds = 3.0

[telegram]
operators = [{BOSS}]

[[telegram.channels]]
chat = "{CHANNEL}"

[[telegram.channels]]
chat = "{TOPICS}"
topic = 12

[[rules]]
name = "fall"
baskets = ["*"]
enters = "bear"
"""


class Left(NamedTuple):
    """How a process has ended."""

    code: int
    out: str
    err: str


class Surroundings:
    """A sound configuration, and what it needs on this machine."""

    def __init__(self, folder: Path, telegram: FakeTelegram, yahoo: FakeYahoo) -> None:
        self.config, self.data = folder / "config", folder / "data"
        self.telegram, self.yahoo = telegram, yahoo
        self.environ = environment(
            PYTHONWARNINGS="ignore",
            NO_PROXY="127.0.0.1",
            BOT_STORAGE__DATA_DIR=str(self.data),
            BOT_TELEGRAM__TOKEN=TOKEN,
            BOT_TELEGRAM__BASE_URL=telegram.base_url,
        )

    @property
    def database(self) -> str:
        return f"sqlite:///{self.data}/bot.sqlite3"

    async def found(self, **environ: str) -> dict[str, Finding]:
        """The findings by their subject, looked for in this process, with a folder of prices in the place of Yahoo."""
        (prices := self.config.parent / "prices").mkdir(exist_ok=True)
        for symbol, listing in self.yahoo.listings.items():
            rows = [f"{day.date},{day.close}" for day in listing.days]
            (prices / f"{symbol}.csv").write_text("\n".join(["date,close", *rows]))
        environ = self.environ | environ
        with log_state():
            told = run_checks(lambda: load_settings(self.config, environ), prices, SystemClock(), lambda _: None)
            return {one.subject: one async for one in told}

    async def typed(self, *words: str) -> Left:
        command = ("-m", "tests.fake_yahoo", str(self.yahoo.port), *words, "--config", str(self.config))
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, env=self.environ, cwd=self.config,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 180)
        left = Left(process.returncode or 0, out.decode(), err.decode())
        assert "Traceback" not in left.out + left.err, left.err
        assert "canary" not in left.out + left.err
        return left
