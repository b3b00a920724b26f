from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from bot.prices.bars import Bars, CorporateAction, Revision, Symbol
from bot.prices.quality import RECENT_SESSIONS
from bot.prices.revisions import find_revisions, recent_closes, rescale_factor
from tests.world import NEW_YORK, calendar, weekdays

AA = Symbol("AA")
DAYS = weekdays(25, date(2025, 3, 3))
OVER = datetime.combine(DAYS[-1], datetime.min.time(), UTC) + timedelta(hours=22)


def bars(*changes: tuple[int, float], split: tuple[int, float] | None = None) -> Bars:
    """Closes of 100 but for the `changes` by position."""
    close = np.full(len(DAYS), 100.0)
    for at, price in changes:
        close[at] = price
    actions = (CorporateAction(DAYS[split[0]], split[1]),) if split else ()
    return Bars(AA, np.array(DAYS, dtype="M8[D]"), close, close * 0.9, close, close, "test", actions=actions)


def read(one: Bars, now: datetime = OVER) -> dict[date, float | None]:
    return recent_closes(one, calendar(NEW_YORK, DAYS), now)


def changes(before: Bars, after: Bars) -> tuple[Revision, ...]:
    return find_revisions(after, read(before), read(after))


def test_the_latest_are_those_of_the_sessions_that_have_begun_with_and_without_a_row() -> None:
    assert list(read(bars())) == DAYS[-RECENT_SESSIONS:]
    assert list(read(bars(), OVER - timedelta(days=1))) == DAYS[-1 - RECENT_SESSIONS : -1]
    stranger = replace(bars((-2, math.nan)), dates=bars().dates - np.where(np.arange(len(DAYS)) == 20, 2, 0))
    found = read(stranger)
    assert (found[DAYS[-2]], found[DAYS[20]], found[DAYS[-1]]) == (None, None, 100.0)


def test_a_changed_close_is_a_revision() -> None:
    before, after = bars(), bars((-3, 98.0))
    (change,) = changes(before, after)
    assert change == Revision(AA, DAYS[-3], 100.0, 98.0)


def test_rounding_and_a_hole_of_today_are_none() -> None:
    assert changes(bars(), bars((-4, 100 * (1 + 1e-9)), (-5, math.nan))) == ()


def test_a_close_that_came_late_is_a_revision_of_none() -> None:
    (change,) = changes(bars((-5, math.nan)), bars())
    assert (math.isnan(change.old), change.new) == (True, 100.0)


@pytest.mark.parametrize("at", [-1, -4, -RECENT_SESSIONS + 1], ids=["as it happens", "late", "later"])
def test_a_split_is_taken_out_first_whenever_the_source_has_it(at: int) -> None:
    after = [(each, 25.0 if each < len(DAYS) + at else 100.0) for each in range(len(DAYS))]
    told = bars(*after, split=(at, 4.0))
    assert changes(bars(), told) == ()
    also = bars(*after, (-RECENT_SESSIONS, 24.0), split=(at, 4.0))
    assert [(one.session, one.new) for one in changes(bars(), also)] == [(DAYS[-RECENT_SESSIONS], 24.0)]


def test_what_was_multiplied_whole_is_rescaled_and_no_revision() -> None:
    """No move is another by that. One close that changed besides is a revision, on today's footing."""
    half = [(at, 50.0) for at in range(len(DAYS))]
    assert rescale_factor(read(bars()), read(bars(*half))) == 0.5
    assert changes(bars((-5, math.nan)), bars(*half, (-5, math.nan))) == ()
    (late,) = changes(bars((-5, math.nan)), bars(*half))
    assert (late.session, late.new) == (DAYS[-5], 50.0)
    assert rescale_factor(read(bars()), read(bars(*half, (-2, 51.0)))) == 0.5
    assert changes(bars(), bars(*half, (-2, 51.0))) == (Revision(AA, DAYS[-2], 50.0, 51.0),)
    several = [(-2, 51.0), (-3, 52.0), (-4, 53.0)]
    assert rescale_factor(read(bars()), read(bars(*half, *several))) == 1.0
    assert rescale_factor({DAYS[-1]: 100.0}, {DAYS[-1]: 50.0}) == 1.0


@pytest.mark.parametrize("told", [True, False])
def test_a_close_revised_in_the_night_of_a_split_is_the_one_revision_and_on_todays_footing(told: bool) -> None:
    """The feed may tell of the split at once, or only after the closes are rescaled."""
    before = bars()
    after = bars(*((at, 25.0) for at in range(len(DAYS) - 1)), (-1, 25.5))
    if told:
        tomorrow = DAYS[-1] + timedelta(days=1)
        after = replace(after, actions=(CorporateAction(tomorrow, 4.0),))
    assert rescale_factor(read(before), read(after)) == pytest.approx(0.25)
    (change,) = changes(before, after)
    assert (change.session, change.old, change.new) == (DAYS[-1], pytest.approx(25.0), 25.5)


def test_a_close_of_nothing_is_no_footing() -> None:
    assert rescale_factor({DAYS[-2]: 0.0, DAYS[-1]: 100.0}, {DAYS[-2]: 1.0, DAYS[-1]: 50.0}) == 1.0
