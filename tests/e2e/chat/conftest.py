from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.adapters.database.database import Database
from tests.desks import NOW, OPERATOR
from tests.fake_telegram.server import FakeTelegram
from tests.loops import BriskClock, HandClock, Talk, talking
from tests.virtual import VirtualClock


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")


@pytest.fixture
def clock() -> VirtualClock:
    return BriskClock(NOW)


@pytest.fixture
def hand() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
async def fake(clock: VirtualClock) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(clock=clock.monotonic) as server:
        yield server
    assert server.violations == 0


@pytest.fixture
async def talk(fake: FakeTelegram, database: Database, clock: VirtualClock) -> AsyncIterator[Talk]:
    async with talking(fake, database, clock, [OPERATOR], sends=True) as one:
        yield one


@pytest.fixture
async def slow(database: Database, hand: HandClock) -> AsyncIterator[Talk]:
    """The bot on a clock that is moved by hand."""
    async with FakeTelegram(clock=hand.monotonic) as server:
        async with talking(server, database, hand, sends=True) as one:
            yield one
        assert server.violations == 0
