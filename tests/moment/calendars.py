"""The exchanges' calendars, worked out once for all processes of the tests, and for the runs after this one."""

from __future__ import annotations

import fcntl
from datetime import datetime, timedelta
from pathlib import Path

from bot.adapters.calendars import CachedCalendars
from bot.clock import SystemClock
from bot.prices.calendars import CalendarCode
from tests.moment import ROOT
from tests.virtual import VirtualClock

FOLDER = ROOT / ".pytest_cache" / "calendars"


def calendars_with(*codes: str, now: datetime | None = None) -> Path:
    """The folder, with these calendars in it; who asks while another works them out waits (Seoul takes ten seconds)."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER.parent / "calendars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for ahead in (timedelta(), timedelta(days=1)):  # the year may end while the tests run
            clock = VirtualClock((now or SystemClock().now()) + ahead)
            CachedCalendars(FOLDER, clock).prepare([CalendarCode(code) for code in codes])
    return FOLDER
