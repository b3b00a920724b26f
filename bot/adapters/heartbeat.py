"""How does somebody else notice that the bot is dead? It pings an address after each complete look."""

from __future__ import annotations

import asyncio
import logging
from typing import Self

import httpx

PATIENCE = 10.0  # seconds for one ping

log = logging.getLogger(__name__)


class Heartbeat:
    """Pings `url` without anybody waiting for it; a ping under way is not joined by another.

    The address is a secret: it stands in no log line. That pings fail is said once, and that they arrive again.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._ping: asyncio.Task[None] | None = None
        self._trouble = ""

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(timeout=PATIENCE)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ping is not None:
            self._ping.cancel()
            await asyncio.wait([self._ping])
        await self._client.aclose()

    def beat(self) -> None:
        """Ping, soon."""
        if self._ping is None or self._ping.done():
            self._ping = asyncio.create_task(self._send())

    async def _send(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                status = (await self._client.get(self._url)).status_code
            trouble = "" if httpx.codes.is_success(status) else f"the answer was {status}"
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            trouble = type(error).__name__
        if trouble and trouble != self._trouble:
            log.warning("the heartbeat does not arrive: %s", trouble)
        elif self._trouble and not trouble:
            log.info("the heartbeat arrives again")
        self._trouble = trouble
