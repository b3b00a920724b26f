"""Clocks: the only readers of the time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

JUMP = 60.0  # seconds; a larger step is a jump


class Clock(Protocol):
    """Wall time for texts, monotonic time for waits."""

    def now(self) -> datetime:
        """The aware time in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since a fixed time; never decreases."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class SteadyClock:
    """`clock` without jumps: after a step of more than JUMP, time goes on as before until two checks agree.

    `elapsed` counts seconds and cannot be set. A sleep of the machine that `elapsed` does not count is a jump as well.
    """

    def __init__(self, clock: Clock, elapsed: Callable[[], float]) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._accepted = self._latest = self._ahead()

    def now(self) -> datetime:
        if abs(self._ahead() - self._accepted) <= JUMP:
            return self._clock.now()
        return datetime.fromtimestamp(self._accepted + self._elapsed(), UTC)

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def check_jump(self) -> timedelta:
        """The jump of the clock, as long as it is not accepted; zero = none."""
        ahead, previous = self._ahead(), self._latest
        self._latest = ahead
        jump = ahead - self._accepted
        if abs(jump) > JUMP and abs(ahead - previous) > JUMP:
            return timedelta(seconds=round(jump))
        self._accepted = ahead
        return timedelta()

    def _ahead(self) -> float:
        """Seconds of the clock minus elapsed seconds."""
        return self._clock.now().timestamp() - self._elapsed()


def since_boot() -> float:
    """Seconds of a clock that cannot be set; on Linux it counts the machine's sleep."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


def server_clock_offset(header: str | None) -> timedelta | None:
    """The server's time minus this machine's, from the Date header of a response; None = no valid Date."""
    try:
        return parsedate_to_datetime(header or "") - datetime.now(UTC)
    except (TypeError, ValueError):  # no date, or without a zone
        return None
