"""When quiet hours end, on the clock of any zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.delivery.subscribers import QuietHours

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana")
# About the days on which clocks change in those zones, and some on which they do not.
CHANGES = ("2025-03-09", "2025-11-02", "2025-03-30", "2025-10-26", "2025-04-06", "2025-10-05", "2025-07-01")
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from((0, 1, 15, 30, 59)))


def covers(quiet: QuietHours, moment: datetime, zone: ZoneInfo) -> bool:
    wall, minute = moment.astimezone(zone), timedelta(minutes=1)
    now = timedelta(hours=wall.hour, minutes=wall.minute)
    begin, end = (timedelta(hours=one.hour, minutes=one.minute) for one in (quiet.begin, quiet.end))
    length = (end - begin) % timedelta(days=1)
    return (now - begin) % timedelta(days=1) < max(length, minute)


def by_minutes(quiet: QuietHours, moment: datetime, zone: ZoneInfo) -> datetime | None:
    """The slow way: minute by minute until the clock on the wall says that it is over."""
    if not covers(quiet, moment, zone):
        return None
    moment = moment.replace(second=0)
    while covers(quiet, moment, zone):
        moment += timedelta(minutes=1)
    return moment


@given(
    begin=TIMES,
    end=TIMES,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    day=st.sampled_from(CHANGES).map(lambda day: datetime.fromisoformat(f"{day}T00:00+00:00")),
    seconds=st.integers(-36 * 3600, 36 * 3600),
)
@example(time(0), time(1, 30), ZoneInfo("America/New_York"), datetime(2025, 11, 2, tzinfo=UTC), 6 * 3600 + 600)
@example(time(22), time(2, 30), ZoneInfo("America/New_York"), datetime(2025, 3, 9, tzinfo=UTC), 6 * 3600)
def test_quiet_hours_end_when_the_clock_on_the_wall_says_so(begin, end, zone, day, seconds):
    if begin == end:
        return
    quiet, moment = QuietHours(begin, end), day + timedelta(seconds=seconds)
    assert quiet.ends(moment, zone) == by_minutes(quiet, moment, zone)


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-07-01T19:59", None),
        ("2026-07-01T20:00", "2026-07-02T05:00"),
        ("2026-07-02T04:59", "2026-07-02T05:00"),
        ("2026-07-02T05:00", None),
    ],
)
def test_a_night_in_berlin(moment, ends):
    found = QuietHours(time(22), time(7)).ends(datetime.fromisoformat(f"{moment}+00:00"), ZoneInfo("Europe/Berlin"))
    assert found == (ends and datetime.fromisoformat(f"{ends}+00:00"))
