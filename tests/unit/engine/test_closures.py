"""Is a day that was declared shut, or short, as good as one that the calendar knew?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.engine.incidents import OperatorNotice
from bot.engine.schedule import EvaluationTiming, Schedule
from bot.prices.calendars import Calendar, CalendarCode, UnscheduledClosure, with_closures
from tests.unit.engine.small_world import DAYS, TECH, rulebook, world
from tests.unit.engine.tape import SETTLE, Notebook, Stage, Tape
from tests.virtual import VirtualClock
from tests.world import NEW_YORK, SEOUL, calendar

HOUR = timedelta(hours=1)
SHUT = 115
# 3.5 % on the session before the closure and 3.5 % on the one after: a warning in two sessions, a notice in each.
FALLS = {symbol: {SHUT - 1: -0.035, SHUT: -0.035} for symbol in TECH}


class Told(list[OperatorNotice]):
    async def tell(self, told: Sequence[OperatorNotice]) -> None:
        self += told


async def lived(*closures: UnscheduledClosure, foreseen: bool = False) -> tuple[Stage, Told]:
    """A week around a day on which New York was shut: foreseen by the calendar, declared, or a surprise."""
    clock = VirtualClock(datetime(2025, 1, 1, tzinfo=UTC))
    tape = Tape(world(FALLS, shut={NEW_YORK: [DAYS[SHUT]]}), clock)
    if not foreseen:
        tape.calendars[NEW_YORK] = with_closures(calendar(NEW_YORK, DAYS), closures)
    stage, told = Stage(tape, rulebook(), Notebook(clock), EvaluationTiming()), Told()
    stage.engine.notify = told.tell
    await stage.after(DAYS[SHUT - 3])
    stage.journal.commits.clear()
    await stage.every(HOUR, clock.now(), datetime.combine(DAYS[SHUT + 3], time(23), UTC))
    return stage, told


async def test_a_declared_closure_is_as_good_as_a_holiday_that_the_calendar_knew() -> None:
    knew, nothing = await lived(foreseen=True)
    declared, told = await lived(UnscheduledClosure(NEW_YORK, DAYS[SHUT]))
    assert declared.journal.commits == knew.journal.commits
    assert declared.journal.events == knew.journal.events
    assert told == nothing == []
    assert DAYS[SHUT] not in declared.journal.judged("tech")
    # The two sessions of a move lie on both sides of the closure.
    assert (DAYS[SHUT + 1], "tech", "warning") in declared.journal.said()


async def test_a_surprise_is_waited_for_and_the_operators_hear_of_it() -> None:
    surprised, told = await lived()
    assert [str(one) for one in told if "no reading tech" in str(one)]
    assert (DAYS[SHUT + 1], "tech", "warning") not in surprised.journal.said()


async def test_a_declared_early_close_is_final_so_long_after_it() -> None:
    clock = VirtualClock(datetime(2025, 1, 1, tzinfo=UTC))
    tape = Tape(world(FALLS), clock)
    tape.calendars[NEW_YORK] = with_closures(
        calendar(NEW_YORK, DAYS), [UnscheduledClosure(NEW_YORK, DAYS[SHUT], time(18))]
    )
    stage = Stage(tape, rulebook(), Notebook(clock))
    await stage.after(DAYS[SHUT - 1])
    await stage.after(DAYS[SHUT], SEOUL)
    early = datetime.combine(DAYS[SHUT], time(18), UTC) + SETTLE
    await stage.look(early - timedelta(minutes=1))
    assert stage.journal.judged("tech")[-1] == DAYS[SHUT - 1]
    await stage.look(early)
    assert stage.journal.judged("tech")[-1] == DAYS[SHUT]


@pytest.mark.parametrize(
    ("day", "closures"),
    [
        (date(2026, 11, 27), ()),
        (date(2026, 12, 24), ()),
        (date(2026, 12, 9), (UnscheduledClosure(NEW_YORK, date(2026, 12, 9), time(13)),)),
    ],
    ids=["after Thanksgiving", "Christmas Eve", "declared"],
)
def test_a_half_day_in_new_york_is_final_twenty_minutes_after_one(
    new_york: Calendar, day: date, closures: Sequence[UnscheduledClosure]
) -> None:
    class Library:
        def get(self, code: CalendarCode) -> Calendar:
            return with_closures(new_york, closures)

    def latest(minute: int) -> date | None:
        now = datetime.combine(day, time(13, minute), ZoneInfo("America/New_York"))
        return Schedule(rulebook(), Library(), EvaluationTiming(), now).final_session(rulebook().baskets[0].id)

    assert (latest(19) or day) < day
    assert latest(20) == day
