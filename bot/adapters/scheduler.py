"""When is it time for the next look?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta


class Ticker:
    """Rings every so often by the loop's own clock, which no change of the date holds up or hurries.

    What is due is asked of the calendar, so a missed ring costs nothing.
    """

    def __init__(self, every: timedelta, ring: Callable[[], None]) -> None:
        self._seconds = every.total_seconds()
        self._ring = ring
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """The first ring is after one period. Call it in the loop."""
        self._next = asyncio.get_running_loop().call_later(self._seconds, self._rings)

    def stop(self) -> None:
        if self._next is not None:
            self._next.cancel()

    def _rings(self) -> None:
        self._ring()
        self.start()
