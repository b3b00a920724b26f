"""Which closes of the past read otherwise than those that were judged on?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime

import numpy as np

from bot.prices.bars import Bars, Revision
from bot.prices.calendars import Calendar
from bot.prices.quality import RECENT_SESSIONS

ROUNDING = 1e-6  # relative
REVISED_AT_ONCE = 2  # at most so many closes beside a split
STRANGERS = 3  # times as many rows hold the latest sessions, whatever rows of no session are among them
# Of one symbol, adjusted for splits alone, by session; None = there is none.
Closes = Mapping[date, float | None]


def latest(bars: Bars, calendar: Calendar, now: datetime) -> dict[date, float | None]:
    """The closes of the RECENT_SESSIONS latest sessions that have begun, for those that the gate looks at."""
    begun = int(np.searchsorted(calendar.opens, int(now.timestamp()), side="right"))
    rows = slice(-STRANGERS * RECENT_SESSIONS, None)
    priced = dict(zip(bars.dates[rows].tolist(), bars.close[rows].tolist(), strict=True))
    days = calendar.sessions[max(begun - RECENT_SESSIONS, 0) : begun].tolist()
    return {day: None if math.isnan(close := priced.get(day, math.nan)) else close for day in days}


def footing(judged_on: Closes, now: Closes) -> float:
    """By which factor nearly all of the closes were multiplied since, as by a split; 1 = they were not.

    One or two may read otherwise, for they may have been revised in the same night; most must agree.
    """
    factors = sorted(new / old for day, old in judged_on.items() if old and (new := now.get(day)))
    middle = factors[len(factors) // 2] if factors else 1.0
    same = sum(_same(one, middle) for one in factors)
    return middle if same > 1 and same >= len(factors) - REVISED_AT_ONCE and 2 * same > len(factors) else 1.0


def _same(one: float, other: float) -> bool:
    return abs(one / other - 1) <= ROUNDING


def revisions(bars: Bars, judged_on: Closes, now: Closes) -> tuple[Revision, ...]:
    """The closes that read otherwise `now` than when they were `judged_on`, ascending by session, on today's footing.

    What has no price now is a hole of today, not a change. A split rescales the closes before it, whenever the source
    has it; that is taken out first, for it is no correction of any of them.
    """
    scale, found = footing(judged_on, now), []
    for day in sorted(judged_on.keys() & now.keys()):
        old, new = judged_on[day], now[day]
        if new is None:
            continue
        was = math.nan
        if old is not None:
            split = math.prod(one.split for one in bars.actions if one.session > day)
            was = min((old * scale, old * scale / split, old, old / split), key=lambda one: abs(math.log(new / one)))
        if not _same(was, new):
            found.append(Revision(bars.symbol, day, was, new))
    return tuple(found)


def undone(bars: Bars, changes: Iterable[Revision]) -> Bars:
    """`bars` as they read before `changes`; the adjusted closes move along. Where there was none, no low was."""
    close, adjusted, low = bars.close.copy(), bars.adjusted.copy(), bars.low.copy()
    for change in changes:
        row = int(np.searchsorted(bars.dates, np.datetime64(change.session, "D")))
        adjusted[row] *= change.old / change.new
        close[row] = change.old
        low[row] = math.nan if math.isnan(change.old) else low[row]
    return replace(bars, close=close, adjusted=adjusted, low=low)
