"""Program of the child process that builds exchange calendars: `python calendars_build.py YEAR CODE...`

Writes a NumPy archive to standard output, with the sessions up to the end of YEAR. Entries of a code: "CODE zone"
(text) and "CODE times" (int64, three rows: session in days, open and close in seconds, all since 1970, UTC), or "CODE
error".
"""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pandas as pd
from exchange_calendars import resolve_alias
from exchange_calendars.calendar_utils import _default_calendar_factories as calendar_types
from exchange_calendars.errors import CalendarError
from pandas.tseries.holiday import AbstractHolidayCalendar

# No series of prices that a calendar is asked for begins earlier.
FIRST_DAY = pd.Timestamp("1927-01-01")
# The library's rules of holidays go back further, but pandas applies them from 1970 only, unless it is told otherwise.
AbstractHolidayCalendar.start_date = FIRST_DAY

Archive = dict[str, Any]


def sessions(code: str, year: int) -> Archive:
    """The archive's entries of one calendar, within the bounds of the library."""
    calendar_type = calendar_types[resolve_alias(code)]
    last_day = pd.Timestamp(year, 12, 31)
    first, last = calendar_type.bound_min() or FIRST_DAY, calendar_type.bound_max() or last_day
    calendar = calendar_type(start=max(first, FIRST_DAY), end=min(last, last_day))
    days = calendar.sessions.to_numpy().astype("M8[D]").astype(np.int64)
    opens, closes = (
        moments.dt.tz_convert(None).to_numpy().astype("M8[s]").astype(np.int64)
        for moments in (calendar.opens, calendar.closes)
    )
    return {f"{code} zone": np.array(str(calendar.tz)), f"{code} times": np.stack([days, opens, closes])}


def main(year: int, codes: list[str]) -> None:
    archive: Archive = {}
    for code in codes:
        try:
            archive |= sessions(code, year)
        except (CalendarError, LookupError, TypeError, ValueError) as error:
            archive[f"{code} error"] = np.array(f"{type(error).__name__}: {error}"[:200])
    buffer = io.BytesIO()
    np.savez(buffer, **archive)
    sys.stdout.buffer.write(buffer.getvalue())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
