"""Whoever listens for the bot's heartbeat: a server on this machine that counts pings."""

from __future__ import annotations

import asyncio
from typing import Self

from aiohttp import web

from tests.served import served


class Heart:
    """Answers each ping at `url` with `status`, once `open` is set."""

    def __init__(self) -> None:
        self.pings = 0
        self.status = 200
        self.open = asyncio.Event()
        self.open.set()

    async def __aenter__(self) -> Self:
        self._serving = served("/ping/canary", self._take)
        self.url = await self._serving.__aenter__() + "/ping/canary"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.open.set()
        await self._serving.__aexit__(None, None, None)

    async def _take(self, _request: web.Request) -> web.Response:
        self.pings += 1
        await self.open.wait()
        return web.Response(status=self.status)
