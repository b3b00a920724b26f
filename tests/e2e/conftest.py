from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from bot.adapters.database import Database
from bot.clock import SystemClock
from bot.prices import Calendar
from tests.e2e.surroundings import BASKETS, BOSS, CHANNEL, SETTINGS, TOPICS, Surroundings
from tests.fake_telegram import FakeTelegram
from tests.fake_yahoo import Day, FakeYahoo, Listing


@pytest.fixture
def last(new_york: Calendar) -> int:
    """The place of the latest session that is final."""
    now = SystemClock().now() - timedelta(minutes=20)
    return int(np.searchsorted(new_york.closes, now.timestamp(), side="right")) - 1


@pytest.fixture
def listed(new_york: Calendar, last: int) -> Iterator[FakeYahoo]:
    server = FakeYahoo()
    days = new_york.sessions[last - 30 : last + 1].tolist()
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
