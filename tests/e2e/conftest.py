from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from bot.clock import SystemClock
from bot.prices import Calendar
from tests.canary import TOKEN
from tests.e2e.processes import BASKETS, CONFIG
from tests.fake_telegram import FakeTelegram


@pytest.fixture
def config(tmp_path: Path, warm_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration and an empty data folder with the calendar in it; nothing else counts in the environment."""
    for name in [name for name in os.environ if name.startswith("BOT_")]:
        monkeypatch.delenv(name)
    folder, data = tmp_path / "config", tmp_path / "data"
    folder.mkdir()
    data.mkdir()
    (data / "calendars").symlink_to(warm_data / "calendars")
    (folder / "bot.toml").write_text(CONFIG)
    (folder / "baskets.toml").write_text(BASKETS)
    (folder / "events.toml").write_text("")
    monkeypatch.setenv("BOT_STORAGE__DATA_DIR", str(data))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@pytest.fixture
async def telegram(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as server:
        monkeypatch.setenv("BOT_TELEGRAM__TOKEN", TOKEN)
        monkeypatch.setenv("BOT_TELEGRAM__BASE_URL", server.base_url)
        yield server


@pytest.fixture
def today(new_york: Calendar) -> int:
    """The place of the latest session that is final."""
    now = SystemClock().now() - timedelta(minutes=20)
    return int(np.searchsorted(new_york.closes, now.timestamp(), side="right")) - 1
