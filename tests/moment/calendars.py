"""The exchanges' calendars, worked out once for all processes of the tests, and for the runs after this one."""

from __future__ import annotations

import fcntl
from pathlib import Path

from bot.adapters.calendars import CachedCalendars
from bot.clock import Clock, SystemClock
from bot.prices.calendars import CalendarCode
from tests.moment import ROOT

FOLDER = ROOT / ".pytest_cache" / "calendars"


def calendars_with(*codes: str, clock: Clock | None = None) -> Path:
    """The folder, with these calendars in it; who asks while another works them out waits (Seoul takes ten seconds)."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER.parent / "calendars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        CachedCalendars(FOLDER, clock or SystemClock()).prepare([CalendarCode(code) for code in codes])
    return FOLDER
