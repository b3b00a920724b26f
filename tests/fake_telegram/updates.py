"""What does the bot learn when it asks for news?"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from tests.fake_telegram.answers import Refused, refusal

T = TypeVar("T")
ONLY_ON_REQUEST = {"chat_member", "message_reaction", "message_reaction_count"}
CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


class Bell:
    """Rings when anything has changed, for those who wait for something."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, look: Callable[[], T | None], seconds: float) -> T:
        """What `look` finds, as soon as it does not find None; TimeoutError after so many seconds."""
        async with asyncio.timeout(seconds):
            while (found := look()) is None:
                future = asyncio.get_running_loop().create_future()
                self._waiting.append(future)
                await future
        return found


class Updates:
    """Each has a number; asking for those from a number on confirms all below it, and they are gone."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._queue: deque[dict[str, Any]] = deque()
        self._next = 1
        self._allowed: list[str] = []
        self._poll = 0
        self._closed = False

    @property
    def pending(self) -> list[dict[str, Any]]:
        """What is not confirmed."""
        return list(self._queue)

    def put(self, kind: str, payload: dict[str, Any]) -> None:
        """Keep an update for the bot, if it wants updates of this kind."""
        if kind in self._allowed or (not self._allowed and kind not in ONLY_ON_REQUEST):
            self._queue.append({"update_id": self._next, kind: payload})
            self._next += 1
            self._bell.ring()

    def forget(self) -> None:
        self._queue.clear()

    def close(self) -> None:
        """Nobody waits any longer."""
        self._closed = True
        self._bell.ring()

    async def poll(self, form: dict[str, str]) -> list[dict[str, Any]]:
        """Long polling; a poll that waits is refused as soon as another one comes."""
        if "allowed_updates" in form:
            self._allowed = json.loads(form["allowed_updates"])
        self._poll += 1
        mine = self._poll
        self._bell.ring()
        self._confirm(int(form.get("offset", 0)))

        def ready() -> bool | None:
            return True if self._queue or self._closed or mine != self._poll else None

        try:
            await self._bell.until(ready, float(form.get("timeout", 0)))
        except TimeoutError:
            return []
        if mine != self._poll:
            raise Refused(refusal(409, CONFLICT))
        return list(self._queue)[: min(100, int(form.get("limit", 100)))]

    def _confirm(self, offset: int) -> None:
        while self._queue and (self._queue[0]["update_id"] < offset or len(self._queue) > -offset > 0):
            self._queue.popleft()
