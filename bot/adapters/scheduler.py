"""When is it time for the next look?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger


class Ticker:
    """Rings every so often, in memory only. What is due is asked of the calendar, so a missed ring costs nothing.

    APScheduler waits for a date, and is silent until that date comes again when the clock is set back. The loop's own
    clock, which nobody sets, looks after it: two periods without a ring, and the ringing begins anew.
    """

    def __init__(self, every: timedelta, ring: Callable[[], None]) -> None:
        self._every = every.total_seconds()
        self._ring = ring
        self._rung = False
        self._guard: asyncio.TimerHandle | None = None
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._job = self._scheduler.add_job(
            self._rings, self._trigger(), max_instances=1, coalesce=True, misfire_grace_time=None
        )

    def start(self) -> None:
        """The first ring is after one period. Call it in the loop."""
        self._scheduler.start()
        self._look_again()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)
        if self._guard is not None:
            self._guard.cancel()

    def _trigger(self) -> IntervalTrigger:
        return IntervalTrigger(seconds=self._every, timezone=UTC)

    async def _rings(self) -> None:  # any other function would be called in a thread, where no bell of a loop may ring
        self._rung = True
        self._ring()

    def _look_again(self) -> None:
        self._rung = False
        self._guard = asyncio.get_running_loop().call_later(2 * self._every, self._look)

    def _look(self) -> None:
        if not self._rung:
            self._job.reschedule(self._trigger())
            self._ring()
        self._look_again()
