"""Does the heartbeat arrive, hold nobody up, and keep its address to itself?"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from bot.adapters.timers import Heartbeat
from tests.heart import Heart
from tests.virtual import until


@pytest.fixture
async def listener(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Heart]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with Heart() as heart:
        yield heart


@pytest.fixture
async def heartbeat(listener: Heart) -> AsyncIterator[Heartbeat]:
    async with Heartbeat(listener.url) as heart:
        yield heart


async def beat(heartbeat: Heartbeat) -> None:
    heartbeat.beat()
    assert heartbeat._ping is not None
    await heartbeat._ping


async def test_each_beat_arrives(heartbeat: Heartbeat, listener: Heart, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        await beat(heartbeat)
    assert listener.pings == 3
    assert caplog.records == []


async def test_nobody_waits_for_one_that_hangs_and_no_other_joins_it(heartbeat: Heartbeat, listener: Heart) -> None:
    listener.open.clear()
    heartbeat.beat()
    await until(lambda: listener.pings == 1)
    heartbeat.beat()
    listener.open.set()
    assert heartbeat._ping is not None
    await heartbeat._ping
    assert listener.pings == 1


async def test_one_that_hangs_at_the_end_is_left(heartbeat: Heartbeat, listener: Heart) -> None:
    listener.open.clear()
    heartbeat.beat()
    await until(lambda: listener.pings == 1)


async def test_what_changes_is_said_once_and_without_the_address(
    heartbeat: Heartbeat, listener: Heart, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "bot")
    for status in (200, 500, 500, 404, 404, 200, 200):
        listener.status = status
        await beat(heartbeat)
    heartbeat._url = "http://127.0.0.1:1/ping/canary"
    await beat(heartbeat)
    heartbeat._url = "no address, canary"
    await beat(heartbeat)
    said = [record.getMessage() for record in caplog.records if record.name.startswith("bot")]
    assert said == [
        "the heartbeat does not arrive: the answer was 500",
        "the heartbeat does not arrive: the answer was 404",
        "the heartbeat arrives again",
        "the heartbeat does not arrive: ConnectError",
        "the heartbeat does not arrive: UnsupportedProtocol",
    ]
    assert "canary" not in caplog.text
