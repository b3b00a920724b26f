"""Does the heartbeat arrive, hold nobody up, and keep its address to itself?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bot.adapters.heartbeat import Heartbeat
from tests.virtual import until


class Listener:
    """Counts pings and answers them with `status`, once `open` is set."""

    def __init__(self) -> None:
        self.pings = 0
        self.status = 200
        self.open = asyncio.Event()
        self.open.set()

    async def take(self, _request: web.Request) -> web.Response:
        self.pings += 1
        await self.open.wait()
        return web.Response(status=self.status)


@pytest.fixture
async def listener() -> Listener:
    return Listener()


@pytest.fixture
async def heartbeat(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Heartbeat]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    app = web.Application()
    app.router.add_get("/ping/canary", listener.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with Heartbeat(f"http://127.0.0.1:{port}/ping/canary") as heart:
        yield heart
    listener.open.set()
    await runner.cleanup()


async def beat(heartbeat: Heartbeat) -> None:
    heartbeat.beat()
    assert heartbeat._ping is not None
    await heartbeat._ping


async def test_each_beat_arrives(heartbeat: Heartbeat, listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        await beat(heartbeat)
    assert listener.pings == 3
    assert caplog.records == []


async def test_nobody_waits_for_one_that_hangs_and_no_other_joins_it(heartbeat: Heartbeat, listener: Listener) -> None:
    listener.open.clear()
    heartbeat.beat()
    await until(lambda: listener.pings == 1)
    heartbeat.beat()
    listener.open.set()
    assert heartbeat._ping is not None
    await heartbeat._ping
    assert listener.pings == 1


async def test_one_that_hangs_at_the_end_is_left(heartbeat: Heartbeat, listener: Listener) -> None:
    listener.open.clear()
    heartbeat.beat()
    await until(lambda: listener.pings == 1)


async def test_what_changes_is_said_once_and_without_the_address(
    heartbeat: Heartbeat, listener: Listener, caplog: pytest.LogCaptureFixture
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
