"""What time is it? The only reader of the time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

JUMP = 60.0  # seconds that a clock may be set by without a doubt


class Clock(Protocol):
    """Wall time for sentences, monotonic time for waits."""

    def now(self) -> datetime:
        """The time in UTC, with a zone."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class SteadyClock:
    """`clock` without its jumps: where it was set by more than a minute, time goes on as before until two looks agree.

    `elapsed` counts seconds and cannot be set. A sleep of the machine that it does not count is a jump like any other.
    """

    def __init__(self, clock: Clock, elapsed: Callable[[], float]) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._believed = self._seen = self._ahead()

    def now(self) -> datetime:
        if abs(self._ahead() - self._believed) <= JUMP:
            return self._clock.now()
        return datetime.fromtimestamp(self._believed + self._elapsed(), UTC)

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def look(self) -> timedelta:
        """How far the clock has jumped since the look before, for then it is not believed; zero = it is."""
        ahead, before = self._ahead(), self._seen
        self._seen = ahead
        jump = ahead - self._believed
        if abs(jump) > JUMP and abs(ahead - before) > JUMP:
            return timedelta(seconds=round(jump))
        self._believed = ahead
        return timedelta()

    def _ahead(self) -> float:
        """How many seconds the clock is ahead of those that have elapsed."""
        return self._clock.now().timestamp() - self._elapsed()


def since_boot() -> float:
    """Seconds that nobody can set; on Linux they go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


def server_clock_offset(header: str | None) -> timedelta | None:
    """How far the clock of a server is ahead of this machine's, by the Date of its answer; None = it does not say."""
    try:
        return parsedate_to_datetime(header or "") - datetime.now(UTC)
    except (TypeError, ValueError):  # no date, or one without a zone
        return None
