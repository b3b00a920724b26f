from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from bot.adapters.database.database import Database
from bot.clock import SystemClock
from bot.prices.calendars import Calendar
from tests.canary import TOKEN
from tests.e2e import processes
from tests.e2e.surroundings import BASKETS, BOSS, CHANNEL, SETTINGS, TOPICS, Surroundings
from tests.fake_telegram.server import FakeTelegram
from tests.fake_yahoo import Day, FakeYahoo, Listing
from tests.virtual import VirtualClock


@pytest.fixture
def today(new_york: Calendar) -> int:
    """The place of the latest session that is final."""
    now = SystemClock().now() - timedelta(minutes=20)
    return int(np.searchsorted(new_york.closes, now.timestamp(), side="right")) - 1


@pytest.fixture
def listed(new_york: Calendar, today: int) -> Iterator[FakeYahoo]:
    server = FakeYahoo()
    days = new_york.sessions[today - 30 : today + 1].tolist()
    for symbol in ("AA", "BB"):
        server.listings[symbol] = Listing([Day(day, 100.0 + n) for n, day in enumerate(days)])
    yield server
    server.close()


@pytest.fixture
async def here(tmp_path: Path, warm_data: Path, listed: FakeYahoo) -> AsyncIterator[Surroundings]:
    """Everything is well."""
    async with FakeTelegram() as telegram:
        made = Surroundings(tmp_path, telegram, listed)
        made.config.mkdir()
        made.data.mkdir()
        (made.data / "calendars").symlink_to(warm_data / "calendars")
        (made.config / "bot.toml").write_text(SETTINGS)
        (made.config / "baskets.toml").write_text(BASKETS)
        (made.config / "events.toml").write_text("")
        telegram.chat(CHANNEL, "channel", "Falls")
        telegram.chat(TOPICS, "supergroup", "Talk", topics={12})
        telegram.person(BOSS, "Boss").chat.refuses = None
        await (await Database.open(made.database, upgrade=True)).close()
        yield made


@pytest.fixture
def config(tmp_path: Path, warm_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration and an empty data folder with the calendar in it; nothing else counts in the environment."""
    for name in [name for name in os.environ if name.startswith("BOT_")]:
        monkeypatch.delenv(name)
    folder, data = tmp_path / "config", tmp_path / "data"
    folder.mkdir()
    data.mkdir()
    (data / "calendars").symlink_to(warm_data / "calendars")
    (folder / "bot.toml").write_text(processes.CONFIG)
    (folder / "baskets.toml").write_text(processes.BASKETS)
    (folder / "events.toml").write_text("")
    monkeypatch.setenv("BOT_STORAGE__DATA_DIR", str(data))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def fake(clock: VirtualClock) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(clock=clock.monotonic) as server:
        yield server


@pytest.fixture
async def telegram(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as server:
        monkeypatch.setenv("BOT_TELEGRAM__TOKEN", TOKEN)
        monkeypatch.setenv("BOT_TELEGRAM__BASE_URL", server.base_url)
        yield server
