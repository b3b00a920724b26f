"""A clock that goes only when somebody sleeps, and patience for what happens on a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 7, 2, 12, 0, tzinfo=UTC)


class VirtualClock:
    """Starts at `start`; `sleep` takes no time and moves it on."""

    def __init__(self, start: datetime = NOON) -> None:
        self.start = start
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return 1000.0 + self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.slept.append(seconds)
        await asyncio.sleep(0)


class WrongClock:
    """The clock of a machine on which somebody has set the date `ahead` of the true one, `right`."""

    def __init__(self, right: VirtualClock) -> None:
        self.right = right
        self.ahead = timedelta()

    def now(self) -> datetime:
        return self.right.now() + self.ahead

    def monotonic(self) -> float:
        return self.right.monotonic()


async def until(condition: Callable[[], object]) -> None:
    """Let the loop work until `condition` holds; an error after ten seconds."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError("it did not happen")
