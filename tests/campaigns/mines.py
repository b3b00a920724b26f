"""Points of a delivery's way at which the process sends itself a signal, from outside the product's code."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.adapters.database.database import Database
from bot.adapters.telegram.client import TelegramClient
from bot.alerts.episodes import Subject, SubjectState
from bot.delivery.attempts import DeliveryStep, SendOutcome
from bot.delivery.model import Delivery, Notification
from bot.lease import Lease
from bot.messages.message import Message

# In the order in which they are passed. A commit's point lies before the database is told to commit.
POINTS = (
    "lease taken",
    "event begins",
    "event in the fan-out",
    "event commits",
    "event committed",
    "claim commits",
    "claim committed",
    "request answered",
    "record commits",
    "record committed",
)
_at: ContextVar[str] = ContextVar("at", default="")


@dataclass
class Mine:
    """Goes off at the `nth` pass of a point (0 = never)."""

    point: str = ""
    nth: int = 0
    signal: int = signal.SIGKILL
    passed: Counter[str] = field(default_factory=Counter)

    def step(self, point: str) -> None:
        self.passed[point] += 1
        if point == self.point and self.passed[point] == self.nth:
            os.kill(os.getpid(), self.signal)

    @asynccontextmanager
    async def around(self, name: str) -> AsyncIterator[None]:
        token = _at.set(name)
        try:
            yield
        finally:
            _at.reset(token)


class MinedDatabase(Database):
    mine = Mine()

    def lay(self, mine: Mine) -> None:
        self.mine = mine
        sa.event.listen(self._engine.sync_engine, "commit", self._commits)
        sa.event.listen(self._engine.sync_engine, "after_cursor_execute", self._executed)

    def _commits(self, connection: sa.Connection) -> None:
        if _at.get():
            self.mine.step(f"{_at.get()} commits")

    def _executed(self, connection: Any, cursor: Any, statement: str, *_: object) -> None:
        if _at.get() == "event" and statement.startswith("INSERT INTO outbox"):
            self.mine.step("event in the fan-out")

    async def acquire(self, seen: Lease | None, holder: str) -> bool:
        taken = await super().acquire(seen, holder)
        if taken:
            self.mine.step("lease taken")
        return taken

    async def commit(
        self,
        known: Mapping[Subject, SubjectState],
        happened: Sequence[Notification],
        deliveries: Sequence[Delivery],
        *more: Any,
    ) -> int:
        self.mine.step("event begins")
        async with self.mine.around("event"):
            left_out = await super().commit(known, happened, deliveries, *more)
        self.mine.step("event committed")
        return left_out

    async def claim(self, transport: str, now: datetime, limit: int, resting: Collection[str] = ()) -> list[Delivery]:
        async with self.mine.around("claim"):
            claimed = await super().claim(transport, now, limit, resting)
        if claimed:
            self.mine.step("claim committed")
        return claimed

    async def record(self, steps: Sequence[DeliveryStep]) -> None:
        async with self.mine.around("record"):
            await super().record(steps)
        if steps:
            self.mine.step("record committed")


class MinedTelegram(TelegramClient):
    mine = Mine()

    async def send(self, delivery: Delivery, message: Message) -> SendOutcome:
        outcome = await super().send(delivery, message)
        self.mine.step("request answered")
        return outcome
