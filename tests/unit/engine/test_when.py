"""When does the watch look, and which sessions does it judge?"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from bot.baskets import BasketId
from bot.clock import SteadyClock
from bot.engine.schedule import EvaluationTiming
from bot.errors import ClockJumped, SourceUnreachable
from tests.unit.engine.small_world import AGAIN, DAYS, EARLIER, TECH, WARNED, rulebook, world
from tests.unit.engine.tape import SETTLE, Notebook, Stage, Tape
from tests.unit.engine.test_revised import revise
from tests.virtual import VirtualClock, WrongClock
from tests.world import NEW_YORK, SEOUL, basket, contrast

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOTICE, WARNING = "notice", "warning"


# The first start


async def test_the_first_start_is_silent_about_the_past(stage: Stage) -> None:
    await stage.after(DAYS[AGAIN + 8])
    assert stage.journal.events == {}
    assert stage.journal.judged("tech")[-1] == DAYS[AGAIN + 8]


async def test_the_first_start_tells_what_is_still_news(stage: Stage) -> None:
    await stage.look(stage.tape.close(DAYS[WARNED]) + 11 * HOUR)
    assert stage.journal.said() == [(DAYS[WARNED], "tech", WARNING), (DAYS[WARNED], "tech/oil", WARNING)]
    assert len(stage.journal.deliveries) == 2


async def test_the_first_start_knows_the_episode_that_is_open(stage: Stage) -> None:
    # The move of the session after the fall still reaches the rung of the fall: no news.
    await stage.after(DAYS[AGAIN + 1])
    assert stage.journal.events == {}
    (memory,) = (one for one in stage.journal.known.values() if one.episode)
    assert memory.episode is not None
    assert memory.episode.opened == DAYS[AGAIN]


async def test_a_start_before_the_first_close_waits_for_it(stage: Stage) -> None:
    assert await stage.look(stage.tape.close(DAYS[0], SEOUL)) == 0
    assert stage.tape.asked == []
    assert await stage.after(DAYS[1]) == 1


# Nothing due, nothing asked


async def test_nothing_is_asked_until_the_next_session_is_final(stage: Stage) -> None:
    friday = next(at for at, day in enumerate(DAYS) if day.weekday() == 4 and at > EARLIER)
    stage.restart(book=replace(stage.book, rules=stage.book.rules[1:]))  # New York alone
    await stage.after(DAYS[friday])
    stage.tape.asked.clear()
    before = stage.tape.close(DAYS[friday + 1]) + SETTLE - timedelta(seconds=1)
    assert await stage.every(47 * MINUTE, stage.tape.clock.now(), before) == 0
    assert await stage.look(before) == 0
    assert stage.tape.asked == []
    assert await stage.look(before + timedelta(seconds=1)) == 1
    # Nobody asks about Seoul, but its close of the day was not seen yet.
    assert sorted(stage.tape.asked) == sorted(set(stage.tape.asked)) == sorted([*TECH, "S.KS", "T.KS", "XX", "YY"])
    stage.tape.asked.clear()
    await stage.look(stage.tape.close(DAYS[friday + 1]) + 14 * HOUR)
    assert stage.tape.asked == []


async def test_only_what_may_have_changed_is_asked_about(stage: Stage) -> None:
    stage.restart(timing=EvaluationTiming())
    await stage.after(DAYS[EARLIER - 1])
    await stage.after(DAYS[EARLIER])
    seoul, new_york = ["S.KS", "T.KS"], sorted([*TECH, "XX", "YY"])
    for moment, asked in (
        (stage.tape.close(DAYS[EARLIER + 1], SEOUL) - HOUR, seoul),
        (stage.tape.close(DAYS[EARLIER + 1], SEOUL) + SETTLE, seoul),
        (stage.tape.close(DAYS[EARLIER + 1]) - HOUR, new_york),
        (stage.tape.close(DAYS[EARLIER + 1]) + SETTLE, new_york),
    ):
        stage.tape.asked.clear()
        await stage.look(moment)
        assert sorted(stage.tape.asked) == asked
        assert stage.engine.stats is not None
        assert list(stage.engine.stats.series) == ["tech", "oil", "korea"]


async def test_a_close_is_had_at_the_next_look_even_if_no_rule_asks_for_it(stage: Stage) -> None:
    stage.restart(book=replace(stage.book, rules=stage.book.rules[1:]), timing=EvaluationTiming(provisional=False))
    await stage.after(DAYS[EARLIER])
    assert stage.engine.stats is not None
    stage.tape.asked.clear()
    await stage.after(DAYS[EARLIER + 1])
    assert {"S.KS", "T.KS"} <= set(stage.tape.asked)
    assert stage.engine.stats.series[BasketId("korea")].sessions[-1] == np.datetime64(DAYS[EARLIER + 1])


async def test_a_revision_is_handled_once_though_the_rows_are_kept(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await stage.after(DAYS[EARLIER - 1])
    await stage.after(DAYS[EARLIER])
    revise(stage, "AA", 1.01, DAYS[EARLIER])
    await stage.after(DAYS[EARLIER + 1])
    await stage.look(stage.tape.close(DAYS[EARLIER + 2], SEOUL) - HOUR)
    assert caplog.text.count("was corrected") == 1


async def test_a_basket_without_prices_is_looked_for_ever_more_rarely(stage: Stage) -> None:
    baskets = (*stage.book.baskets[:2], basket("korea", "GONE.KS", calendar=SEOUL))
    stage.restart(book=replace(stage.book, baskets=baskets))
    await stage.after(DAYS[EARLIER])
    stage.tape.asked.clear()
    await stage.every(5 * MINUTE, stage.tape.clock.now(), stage.tape.clock.now() + DAY)
    assert stage.tape.asked.count("GONE.KS") < 25
    assert stage.journal.judged("tech")[-1] == DAYS[EARLIER + 1]


async def test_every_session_of_every_exchange_is_judged_once_and_in_order(stage: Stage) -> None:
    start = stage.tape.close(DAYS[100]) + SETTLE
    await stage.look(start)
    stage.journal.commits.clear()
    await stage.every(HOUR, start, stage.tape.close(DAYS[135]) + HOUR)
    assert stage.journal.judged("tech") == stage.journal.judged("tech", "gap") == DAYS[101:136]
    assert stage.journal.judged("korea") == DAYS[101:136]
    assert stage.journal.said() == [
        (DAYS[EARLIER], "tech", NOTICE),
        (DAYS[AGAIN], "tech", NOTICE),
        (DAYS[WARNED], "tech", WARNING),
        (DAYS[WARNED], "tech/oil", WARNING),
    ]
    learned, lived = 59, 2 * 35  # sessions of New York and Seoul together, and apart
    assert stage.engine.counts["sessions"] == learned + lived
    assert stage.engine.counts["events"] == 4


async def test_a_holiday_of_one_exchange_is_a_session_of_the_other(clock: VirtualClock) -> None:
    shut = {SEOUL: [DAYS[112]], NEW_YORK: [DAYS[114]]}
    stage = Stage(Tape(world(shut=shut), clock), rulebook(), Notebook(clock))
    await stage.after(DAYS[110])
    stage.journal.commits.clear()
    await stage.every(HOUR, clock.now(), stage.tape.close(DAYS[116]) + HOUR)
    assert stage.journal.judged("tech") == [day for day in DAYS[111:117] if day != DAYS[114]]
    assert stage.journal.judged("korea") == [day for day in DAYS[111:117] if day != DAYS[112]]


async def test_a_short_session_is_judged_after_its_own_close(stage: Stage) -> None:
    stage.tape.short = {DAYS[EARLIER]}
    await stage.after(DAYS[EARLIER - 1])
    await stage.after(DAYS[EARLIER], SEOUL)
    early = stage.tape.close(DAYS[EARLIER])
    assert early.hour == 18
    assert await stage.look(early + SETTLE - MINUTE) == 0
    assert await stage.look(early + SETTLE) == 1
    assert stage.journal.said() == [(DAYS[EARLIER], "tech", NOTICE)]


async def test_a_price_during_the_session_is_never_taken_for_a_close(stage: Stage) -> None:
    """Seoul's session of the day is over when New York's is open, and New York is down 9 % only at noon."""
    await stage.after(DAYS[EARLIER - 3])
    stage.tape.live = {(symbol, DAYS[EARLIER - 2]): 0.91 for symbol in TECH}
    await stage.look(stage.tape.close(DAYS[EARLIER - 2]) - 3 * HOUR)
    await stage.after(DAYS[EARLIER - 2])
    assert stage.journal.said() == []
    assert stage.journal.judged("korea")[-1] == stage.journal.judged("tech")[-1] == DAYS[EARLIER - 2]


async def test_a_first_start_during_the_session_does_not_take_the_price_for_a_close(stage: Stage) -> None:
    stage.tape.live = {(symbol, DAYS[EARLIER - 2]): 0.91 for symbol in TECH}
    await stage.look(stage.tape.close(DAYS[EARLIER - 2]) - 3 * HOUR)
    assert stage.journal.said() == []
    assert stage.journal.judged("tech")[-1] == DAYS[EARLIER - 3]


# Closes that are late


def late(stage: Stage, day: date, hours: int, *symbols: str) -> None:
    for symbol in symbols:
        stage.tape.late[symbol, day] = stage.tape.close(day) + hours * HOUR


async def test_a_session_with_too_few_closes_waits_for_them(stage: Stage) -> None:
    late(stage, DAYS[WARNED], 3, "AA", "BB")
    await stage.after(DAYS[WARNED - 1])
    close = stage.tape.close(DAYS[WARNED])
    await stage.every(5 * MINUTE, close, close + 3 * HOUR - MINUTE)
    assert stage.journal.judged("oil")[-1] == DAYS[WARNED]
    assert stage.journal.judged("tech")[-1] == DAYS[WARNED - 1]
    assert stage.journal.said() == []
    await stage.every(5 * MINUTE, close + 3 * HOUR, close + 4 * HOUR)
    assert stage.journal.said() == [(DAYS[WARNED], "tech", WARNING), (DAYS[WARNED], "tech/oil", WARNING)]


async def test_enough_closes_are_enough(stage: Stage) -> None:
    late(stage, DAYS[WARNED], 3, "AA")  # four of five are 80 %
    await stage.after(DAYS[WARNED - 1])
    await stage.after(DAYS[WARNED])
    assert stage.journal.said()[-2:] == [(DAYS[WARNED], "tech", WARNING), (DAYS[WARNED], "tech/oil", WARNING)]


async def test_patience_ends_and_the_next_session_is_judged(stage: Stage) -> None:
    late(stage, DAYS[EARLIER], 10**4, *TECH)
    await stage.after(DAYS[EARLIER - 1])
    close = stage.tape.close(DAYS[EARLIER])
    await stage.every(30 * MINUTE, close, close + EvaluationTiming().max_wait)
    assert stage.journal.judged("tech")[-1] == DAYS[EARLIER - 1]
    await stage.every(30 * MINUTE, stage.tape.clock.now(), close + 16 * HOUR)
    assert stage.journal.judged("tech")[-1] == DAYS[EARLIER]
    await stage.every(HOUR, close + DAY, stage.tape.close(DAYS[WARNED]) + HOUR)
    assert stage.journal.judged("tech")[-1] == DAYS[WARNED]
    assert (DAYS[WARNED], "tech", WARNING) in stage.journal.said()
    assert stage.journal.judged("tech") == sorted(stage.journal.judged("tech"))


async def test_a_session_that_waits_holds_back_the_later_ones_of_its_basket(stage: Stage) -> None:
    stage.restart(timing=EvaluationTiming(max_wait=5 * DAY, expiry=5 * DAY))
    late(stage, DAYS[WARNED - 1], 60, "AA", "BB")
    await stage.after(DAYS[WARNED - 2])
    stage.journal.events.clear()
    await stage.after(DAYS[WARNED])
    assert stage.journal.judged("tech")[-1] == DAYS[WARNED - 2]
    assert stage.journal.judged("oil")[-1] == DAYS[WARNED]
    stage.journal.commits.clear()
    await stage.after(DAYS[WARNED], wait=60 * HOUR)
    assert stage.journal.judged("tech") == DAYS[WARNED - 1 : WARNED + 2]
    assert stage.journal.said() == [(DAYS[WARNED], "tech", WARNING), (DAYS[WARNED], "tech/oil", WARNING)]


async def test_a_contrast_waits_for_both_baskets(stage: Stage) -> None:
    late(stage, DAYS[WARNED], 2, "XX", "YY")
    await stage.after(DAYS[WARNED - 1])
    await stage.after(DAYS[WARNED])
    assert stage.journal.said()[-1] == (DAYS[WARNED], "tech", WARNING)
    await stage.look(stage.tape.close(DAYS[WARNED]) + 2 * HOUR)
    assert stage.journal.said()[-1] == (DAYS[WARNED], "tech/oil", WARNING)


async def test_a_contrast_of_two_exchanges_waits_for_the_later_close(clock: VirtualClock) -> None:
    """Seoul closes 14.5 hours before New York: longer than patience and expiry."""
    falls = {symbol: {WARNED: -0.08} for symbol in ("S.KS", "T.KS")}
    gap = contrast("gap", "korea", "oil", {"warning": {"move": -0.06}})
    stage = Stage(Tape(world(falls), clock), replace(rulebook(), rules=(gap,)), Notebook(clock))
    await stage.after(DAYS[WARNED - 1])
    stage.tape.asked.clear()
    await stage.every(30 * MINUTE, clock.now(), stage.tape.close(DAYS[WARNED]) + HOUR)
    (event,) = stage.journal.events.values()
    assert event.baskets == ("korea", "oil")
    assert event.expires == stage.tape.close(DAYS[WARNED]) + EvaluationTiming().expiry
    assert stage.tape.asked.count("XX") == 1


async def test_a_contrast_does_not_wait_on_a_holiday_of_the_other_exchange(clock: VirtualClock) -> None:
    gap = contrast("gap", "korea", "oil", {"warning": {"move": -0.06}})
    stage = Stage(
        Tape(world(shut={NEW_YORK: [DAYS[WARNED]]}), clock), replace(rulebook(), rules=(gap,)), Notebook(clock)
    )
    await stage.after(DAYS[WARNED - 1])
    await stage.after(DAYS[WARNED], SEOUL)
    assert stage.journal.judged("korea", "gap")[-1] == DAYS[WARNED]


# Sources that fail


async def test_one_symbol_that_cannot_be_asked_does_not_stop_the_others(stage: Stage) -> None:
    await stage.after(DAYS[WARNED - 1])
    stage.tape.down = {"XX"}
    await stage.after(DAYS[WARNED])
    assert stage.journal.said()[-1] == (DAYS[WARNED], "tech", WARNING)
    assert stage.journal.judged("oil")[-1] == DAYS[WARNED - 1]
    stage.tape.down = set()
    await stage.look(stage.tape.clock.now() + 5 * MINUTE)
    assert stage.journal.said()[-1] == (DAYS[WARNED], "tech/oil", WARNING)
    assert stage.journal.judged("oil")[-1] == DAYS[WARNED]


async def test_a_member_that_cannot_be_asked_is_missing_today_and_keeps_its_past(stage: Stage) -> None:
    await stage.after(DAYS[WARNED - 1])
    past = stage.tape.world.until(DAYS[WARNED - 2]).rows
    stage.engine.load_history = past.get
    stage.tape.down = {"AA"}
    await stage.after(DAYS[WARNED])
    (event,) = (one for one in stage.journal.events.values() if one.baskets == ("tech",))
    assert "4 of 5 prices" in event.messages[0].plain


async def test_when_nothing_can_be_asked_nothing_is_judged_and_nothing_lost(stage: Stage) -> None:
    await stage.after(DAYS[WARNED - 1])
    commits = len(stage.journal.commits)
    stage.tape.down = {*TECH, "XX", "YY", "S.KS", "T.KS"}
    for minutes in (20, 25, 30):
        with pytest.raises(SourceUnreachable):
            await stage.look(stage.tape.close(DAYS[WARNED]) + minutes * MINUTE)
    assert len(stage.journal.commits) == commits
    stage.tape.down = set()
    await stage.look(stage.tape.clock.now() + 5 * MINUTE)
    assert (DAYS[WARNED], "tech", WARNING) in stage.journal.said()


# The clock


async def test_a_clock_that_goes_back_repeats_nothing(stage: Stage) -> None:
    await stage.after(DAYS[WARNED - 1])
    await stage.after(DAYS[WARNED])
    said, commits = stage.journal.said(), len(stage.journal.commits)
    for back in (HOUR, DAY, 40 * DAY):
        assert await stage.look(stage.tape.close(DAYS[WARNED]) - back) == 0
    await stage.after(DAYS[WARNED], wait=2 * SETTLE)
    assert (stage.journal.said(), len(stage.journal.commits)) == (said, commits)


async def test_a_clock_that_was_ahead_for_a_while_loses_no_session(stage: Stage) -> None:
    """The prices do not run ahead with the clock, so nothing new is there to be judged."""
    await stage.after(DAYS[WARNED - 1])
    real = stage.tape.clock.now()
    ahead = Tape(stage.tape.world.until(DAYS[WARNED - 1]), stage.tape.clock)
    right, stage.tape = stage.tape, ahead
    stage.engine.source = ahead
    await stage.look(real + 30 * DAY)
    stage.engine.source = stage.tape = right
    await stage.look(real + HOUR)
    await stage.after(DAYS[WARNED])
    assert stage.journal.said()[-2:] == [(DAYS[WARNED], "tech", WARNING), (DAYS[WARNED], "tech/oil", WARNING)]
    assert stage.journal.judged("tech")[-2:] == DAYS[WARNED - 1 : WARNED + 1]


async def test_a_price_during_the_session_is_no_close_by_a_clock_that_is_a_day_ahead(stage: Stage) -> None:
    """Two hours before the close everything is down 9 %, and it is not in the end."""
    day = DAYS[EARLIER - 2]
    await stage.after(DAYS[EARLIER - 3])
    await stage.look(stage.tape.close(day, SEOUL) + SETTLE)
    stage.tape.live = {(symbol, day): 0.91 for symbol in TECH}
    wrong = WrongClock(stage.tape.clock)
    steady = SteadyClock(wrong, wrong.monotonic)
    stage.engine.clock, stage.engine.clock_jump = steady, steady.check_jump
    stage.at(stage.tape.close(day) - 2 * HOUR)
    wrong.ahead = DAY
    with pytest.raises(ClockJumped):
        await stage.engine.check_prices()
    wrong.ahead = timedelta()
    assert await stage.look(stage.tape.close(day) - HOUR) == 0
    assert await stage.after(day) == 1
    assert stage.journal.judged("tech")[-1] == day
    assert stage.journal.said() == []
