"""Whoever listens for the bot's heartbeat: a server on this machine that counts pings."""

from __future__ import annotations

import asyncio
from typing import Self

from aiohttp import web


class Heart:
    """Answers each ping at `url` with `status`, once `open` is set."""

    def __init__(self) -> None:
        self.pings = 0
        self.status = 200
        self.open = asyncio.Event()
        self.open.set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/ping/canary", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/ping/canary"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.open.set()
        await self._runner.cleanup()

    async def _take(self, _request: web.Request) -> web.Response:
        self.pings += 1
        await self.open.wait()
        return web.Response(status=self.status)
