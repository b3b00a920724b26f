"""Members in Seoul and in New York, in one basket: is a move ever made of prices that do not belong together?"""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.baskets import BasketId
from bot.engine.schedule import EvaluationTiming
from bot.prices.bars import Symbol
from bot.prices.calendars import CalendarCode
from tests.unit.engine.tape import SETTLE, Notebook, Stage, Tape
from tests.virtual import VirtualClock
from tests.world import NEW_YORK, SEOUL, World, basket, book, rule, weekdays

HOUR = timedelta(hours=1)
DAYS = weekdays(30, date(2025, 1, 6))
HOME, ABROAD, MIXED = "AA", "S.KS", BasketId("mixed")
BEGIN, END = 15, 22  # what is lived through, by place in DAYS; nothing moves before
RUNGS = {"notice": {"move": -0.03}, "warning": {"move": -0.06}}


def stage_of(moves: dict[str, dict[int, float]], **shut: list[int]) -> Stage:
    """A basket of two members on New York's calendar; what happens to each on DAYS[at], and who is shut when."""
    closed = {code: [DAYS[at] for at in shut.get(code, [])] for code in (NEW_YORK, SEOUL)}
    world = World(DAYS, closed)
    for symbol, code in ((HOME, NEW_YORK), (ABROAD, SEOUL)):
        sessions = world.sessions(code)
        world.trade(symbol, [moves.get(symbol, {}).get(DAYS.index(day), 0.0) for day in sessions[1:]])
    clock = VirtualClock(datetime(2025, 1, 1, tzinfo=UTC))
    rulebook = book([basket("mixed", HOME, ABROAD)], rule("fall", "mixed", levels=RUNGS))
    return Stage(Tape(world, clock), rulebook, Notebook(clock), EvaluationTiming())


async def learned(stage: Stage) -> None:
    """The first look, when the session before BEGIN is final."""
    await stage.after(DAYS[BEGIN - 1])
    stage.engine.counts["sessions"] = 0


async def lived(stage: Stage) -> None:
    await learned(stage)
    await stage.every(HOUR / 2, stage.tape.clock.now(), datetime.combine(DAYS[END], datetime.max.time(), UTC))


def judged(stage: Stage) -> list[date]:
    """The sessions from BEGIN on that were asked about, if there were as many judgements.

    What is told during a session is remembered with the one before it, once more.
    """
    days = [day for day in dict.fromkeys(stage.journal.judged("mixed")) if day >= DAYS[BEGIN]]
    assert stage.engine.counts["sessions"] == len(days)
    return days


def move(stage: Stage) -> float:
    """Of the latest session that the last look saw."""
    assert stage.engine.stats is not None
    return round(float(stage.engine.stats.series[MIXED].daily_return[-1]), 6)


async def test_seouls_fall_counts_once_in_new_yorks_session_of_that_date() -> None:
    stage = stage_of({ABROAD: {18: -0.08}})
    await lived(stage)
    assert judged(stage) == DAYS[BEGIN : END + 1]
    assert stage.journal.said() == [(DAYS[18], "mixed", "notice")] * 2  # told during the session, edited at its close
    provisional, final = stage.journal.events.values()
    assert stage.journal.made[provisional.key] > stage.tape.close(DAYS[18]) - timedelta(hours=6.5)
    assert final.original == provisional.key
    for one in (provisional, final):
        assert "2 of 2 prices, 1 by its own exchange's hours" in one.messages[0].plain


async def test_what_seoul_does_in_its_next_session_is_not_in_the_one_that_new_york_still_waits_for() -> None:
    """New York's close comes nine hours late; Seoul trades 30 % lower by then, and has closed so."""
    stage = stage_of({ABROAD: {19: -0.3}})
    stage.tape.late[HOME, DAYS[18]] = stage.tape.close(DAYS[18]) + 10 * HOUR
    await stage.after(DAYS[17])
    for hours in (1, 4, 8, 9.75, 10):
        await stage.look(stage.tape.close(DAYS[18]) + hours * HOUR)
    assert stage.journal.judged("mixed")[-1] == DAYS[18]
    assert stage.journal.said() == []
    assert move(stage) == 0.0


async def test_in_new_yorks_session_seoul_stands_at_its_close_even_when_it_was_shut_that_day() -> None:
    stage = stage_of({HOME: {18: -0.05, 19: -0.02}, ABROAD: {17: -0.02, 19: -0.01}}, XKRX=[18])
    await stage.after(DAYS[17])
    assert move(stage) == -0.01
    stage.tape.live[HOME, DAYS[18]] = 0.99
    await stage.look(stage.tape.close(DAYS[18]) - 2 * HOUR)
    assert move(stage) == round((0.95 * 0.99 - 1) / 2, 6)
    await stage.after(DAYS[18])
    assert move(stage) == -0.025
    (event,) = stage.journal.events.values()
    assert "2 of 2 prices, 1 by its own exchange's hours" in event.messages[0].plain
    await stage.after(DAYS[19])
    assert move(stage) == -0.015


async def test_what_seoul_did_on_new_yorks_holiday_counts_in_the_next_session() -> None:
    stage = stage_of({ABROAD: {18: -0.05, 19: -0.05}}, XNYS=[18])
    await lived(stage)
    assert judged(stage) == [day for day in DAYS[BEGIN : END + 1] if day != DAYS[18]]
    assert {day for day, *_ in stage.journal.said()} == {DAYS[19]}
    assert stage.engine.stats is not None
    series = stage.engine.stats.series[MIXED]
    at = series.sessions.tolist().index(DAYS[19])
    assert math.isclose(series.daily_return[at], (0.95 * 0.95 - 1) / 2)


PLACES = st.integers(BEGIN, END)
MOVES = st.dictionaries(PLACES, st.floats(-0.2, 0.2), max_size=4)


@given(MOVES, MOVES, st.sets(PLACES, max_size=2), st.sets(PLACES, max_size=2), st.floats(0.8, 1.2))
@settings(max_examples=8)
def test_every_look_sees_what_a_watcher_with_a_pencil_would(
    home: dict[int, float], abroad: dict[int, float], shut_home: set[int], shut_abroad: set[int], live: float
) -> None:
    stage = stage_of({HOME: home, ABROAD: abroad}, XNYS=sorted(shut_home), XKRX=sorted(shut_abroad))
    stage.tape.live = {(symbol, day): live for symbol in (HOME, ABROAD) for day in DAYS}
    seen = 0

    def closes(symbol: str, code: CalendarCode, by: datetime) -> list[float]:
        """The closes of all sessions that were over by then."""
        bars = stage.tape.world.rows[Symbol(symbol)]
        rows = zip(bars.dates.tolist(), bars.close.tolist(), strict=True)
        return [close for day, close in rows if stage.tape.close(day, code) <= by]

    async def go() -> None:
        nonlocal seen
        sessions = stage.tape.world.sessions()
        await learned(stage)
        now, end = stage.tape.clock.now(), stage.tape.close(max(day for day in sessions if day <= DAYS[END])) + HOUR
        while (now := now + HOUR) <= end:
            await stage.look(now)
            if stage.engine.checked_at != now:
                continue
            seen += 1
            opened = [day for day in sessions if stage.tape.close(day) - timedelta(hours=6.5) <= now - SETTLE]
            close, before = stage.tape.close(opened[-1]), stage.tape.close(opened[-2])
            mine = closes(HOME, NEW_YORK, close)
            price = mine[-1] * (live if now < close else 1.0)
            theirs = closes(ABROAD, SEOUL, close)[-1] / closes(ABROAD, SEOUL, before)[-1] - 1
            assert math.isclose(move(stage), (price / mine[-2] - 1 + theirs) / 2, abs_tol=1e-6), now

    asyncio.run(go())
    assert seen >= 20
    assert judged(stage) == [day for day in stage.tape.world.sessions() if DAYS[BEGIN] <= day <= DAYS[END]]
