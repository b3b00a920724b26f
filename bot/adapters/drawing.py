"""Where are charts drawn? In a process of their own, which is gone afterwards: what draws takes 50 MB for good."""

from __future__ import annotations

import asyncio
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Self

from bot.chart import ChartFacts, draw
from bot.errors import BotError


class NotDrawn(BotError):
    """The process that draws ended before it had drawn."""


class DrawingRoom:
    """Draws one chart at a time."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def draw(self, facts: ChartFacts, language: str) -> bytes:
        """The chart as a PNG. Raises NotDrawn."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, draw, facts, language)
        except BrokenProcessPool as error:
            self._pool = None
            raise NotDrawn("the process that draws charts ended early; the machine may be short of memory") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
