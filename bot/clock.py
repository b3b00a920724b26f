"""What time is it? The only reader of the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol


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


def ahead_of_us(header: str | None) -> timedelta | None:
    """How far the clock of a server is ahead of this machine's, by the Date of its answer; None = it does not say."""
    try:
        return parsedate_to_datetime(header or "") - datetime.now(UTC)
    except (TypeError, ValueError):  # no date, or one without a zone
        return None
