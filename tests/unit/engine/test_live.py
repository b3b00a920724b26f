"""Sessions that are not over: what is told of them, and what becomes of that at the close."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.alerts.episodes import Phase
from bot.baskets import BasketId
from bot.delivery.model import Note, Notification, SendMode
from bot.engine.schedule import EvaluationTiming
from tests.unit.engine.small_world import AGAIN, DAYS, EARLIER, RUNGS, TECH, WARNED, rulebook, world
from tests.unit.engine.tape import Notebook, PowerFailure, Stage, Tape
from tests.unit.engine.test_revised import revise
from tests.virtual import VirtualClock
from tests.world import basket, book, rule

FIVE = timedelta(minutes=5)
DAY = DAYS[WARNED]
BEFORE = DAYS[WARNED - 1]


@pytest.fixture
async def live(stage: Stage) -> Stage:
    """The stage with an eye on open sessions, on the evening before the day that will be told of."""
    stage.restart(timing=EvaluationTiming())
    await stage.after(BEFORE)
    stage.journal.events.clear()
    return stage


def priced(stage: Stage, factor: float, day: date = DAY) -> None:
    """Tech's prices stand at `factor` of the day's close, until it closes."""
    for symbol in TECH:
        stage.tape.live[symbol, day] = factor


async def noon(stage: Stage, looks: int = 1, day: date = DAY, start: timedelta = timedelta(hours=-3)) -> None:
    """So many looks, five minutes apart, in the middle of the session."""
    for at in range(looks):
        await stage.look(stage.tape.close(day) + start + at * FIVE)


def told(stage: Stage, basket: str = "tech") -> list[Notification]:
    return [one for one in stage.journal.events.values() if one.baskets == (basket,)]


def first_lines(events: list[Notification]) -> list[str]:
    return [one.messages[0].lines[0] for one in events]


async def test_a_fall_is_told_when_it_holds_on_two_looks(live: Stage) -> None:
    await noon(live)
    assert told(live) == []
    await noon(live, start=timedelta(hours=-2))
    (one,) = told(live)
    assert one.mode is SendMode.SEND
    assert str(Phase.PROVISIONAL) in one.key
    assert "is down 7.3 % in two sessions as of" in first_lines([one])[0]


async def test_a_price_that_is_back_at_the_next_look_was_none(live: Stage) -> None:
    await noon(live)
    priced(live, 1.08)
    await noon(live, start=timedelta(hours=-2))
    priced(live, 1.0)
    await noon(live, start=timedelta(hours=-1))
    assert told(live) == []


async def test_what_was_told_is_not_told_again_however_often_it_is_looked_at(live: Stage) -> None:
    await noon(live, looks=12)
    live.restart()
    await noon(live, looks=6, start=timedelta(hours=-1))
    assert len(told(live)) == 1


async def test_the_close_confirms_it_in_its_place_and_without_a_word_more(live: Stage) -> None:
    await noon(live, looks=2)
    await live.after(DAY)
    first, last = told(live)
    assert (last.mode, last.original, last.severity) == (SendMode.EDIT, first.key, first.severity)
    assert "closed" in last.messages[0].lines[1]


async def test_a_close_after_a_restart_confirms_it_too(live: Stage) -> None:
    await noon(live, looks=2)
    live.restart()
    await live.after(DAY)
    first, last = told(live)
    assert (last.mode, last.original) == (SendMode.EDIT, first.key)


async def test_what_does_not_hold_at_the_close_is_withdrawn_and_that_is_said(live: Stage) -> None:
    priced(live, 1.0)
    for symbol in TECH:
        live.tape.live[symbol, DAYS[WARNED + 1]] = 0.90
    await live.after(DAY)
    live.journal.events.clear()
    day = DAYS[WARNED + 1]
    await noon(live, looks=2, day=day)
    await live.after(day)
    provisional, edit, reply = told(live)
    assert (edit.mode, edit.original, edit.is_withdrawal) == (SendMode.EDIT, provisional.key, True)
    assert (reply.mode, reply.original) == (SendMode.REPLY, provisional.key)
    assert all("Withdrawn" in line for line in first_lines([edit, reply]))
    assert "closed at" in edit.messages[0].lines[1]


async def test_a_deeper_rung_takes_the_place_of_the_first_and_is_announced(live: Stage) -> None:
    priced(live, 1.03)
    await noon(live, looks=2)
    priced(live, 1.0)
    await noon(live, looks=2, start=timedelta(hours=-2))
    notice, warning, announced = told(live)
    assert [one.severity.word for one in (notice, warning, announced)] == ["notice", "warning", "warning"]
    assert (warning.mode, warning.original) == (SendMode.EDIT, notice.key)
    assert (announced.mode, announced.original) == (SendMode.REPLY, notice.key)
    assert "notice" in announced.messages[0].lines[0]
    await live.after(DAY)
    assert told(live)[-1].original == warning.key


async def test_a_milder_close_is_announced_as_well(stage: Stage) -> None:
    day = DAYS[EARLIER]
    stage.restart(timing=EvaluationTiming())
    await stage.after(DAYS[EARLIER - 1])
    priced(stage, 0.96, day)
    await noon(stage, looks=2, day=day)
    await stage.after(day)
    warning, notice, announced = told(stage)[-3:]
    assert [one.severity.word for one in (warning, notice, announced)] == ["warning", "notice", "notice"]
    assert announced.mode is SendMode.REPLY


async def test_nothing_is_said_in_the_first_minutes_or_while_the_exchange_is_shut(live: Stage) -> None:
    opening = live.tape.close(DAY) - timedelta(hours=6, minutes=30)
    await live.look(opening - timedelta(hours=3))  # Seoul is over
    asked = len(live.tape.asked)
    for minutes in (-60, -5, 0, 10, 15):
        await live.look(opening + timedelta(minutes=minutes))
    assert len(live.tape.asked) == asked
    assert told(live) == []


async def test_members_of_whom_it_was_told_are_settled_one_message_at_a_time(clock: VirtualClock) -> None:
    """AA is told first, BB later; at the close only BB still holds."""
    own = book([basket("tech", *TECH)], rule("plunge", "tech", levels=RUNGS, members=True, window=1))
    falls = {"AA": {WARNED: -0.02}, "BB": {WARNED: -0.05}, "CC": {}, "DD": {}, "EE": {}}
    tape = Tape(world(falls), clock)
    stage = Stage(tape, own, Notebook(clock), EvaluationTiming())
    await stage.after(BEFORE)
    stage.journal.events.clear()
    tape.live["AA", DAY], tape.live["BB", DAY] = 0.96, 1.05
    await noon(stage, looks=2)
    tape.live["BB", DAY] = 1.0
    await noon(stage, looks=2, start=timedelta(hours=-2))
    await stage.after(DAY)
    of_a, of_b, *settled = told(stage)
    assert ["AA" in line for line in first_lines([of_a, of_b])] == [True, False], first_lines([of_a, of_b])
    by_original = {(one.original, one.mode): one for one in settled}
    assert by_original[of_a.key, SendMode.EDIT].is_withdrawal
    assert not by_original[of_b.key, SendMode.EDIT].is_withdrawal
    assert (of_b.key, SendMode.REPLY) not in by_original


async def test_of_members_with_messages_of_their_own_the_one_whose_close_was_revised_is_corrected(
    clock: VirtualClock,
) -> None:
    plunge = book([basket("tech", *TECH)], rule("plunge", "tech", levels=RUNGS, members=True, window=1))
    falls = {"AA": {WARNED: -0.05}, "BB": {WARNED: -0.05}, "CC": {}, "DD": {}, "EE": {}}
    tape = Tape(world(falls), clock)
    stage = Stage(tape, plunge, Notebook(clock), EvaluationTiming())
    await stage.after(BEFORE)
    tape.live["BB", DAY] = 1.05
    await noon(stage, looks=2)
    tape.live["BB", DAY] = 1.0
    await noon(stage, looks=2, start=timedelta(hours=-2))
    await stage.after(DAY)
    _, _, of_a, of_b = told(stage)
    revise(stage, "BB", 0.99)
    await stage.look(tape.close(DAYS[WARNED + 1]) - timedelta(hours=3))
    corrections = told(stage)[4:]
    assert [(one.original, one.is_withdrawal) for one in corrections] == [(of_b.key, False)]
    assert ["BB" in line for line in first_lines([of_a, of_b, *corrections])] == [False, True, True]


@given(st.lists(st.floats(0.85, 1.15), min_size=30, max_size=30), st.integers(1, 3))
@settings(max_examples=4)
def test_what_is_final_does_not_depend_on_what_was_looked_at_before(factors: list[float], looks: int) -> None:
    """Live prices of every session, and looks at them, change no final memory and no final message."""

    def play(looks: int) -> Notebook:
        clock = VirtualClock(datetime.combine(DAYS[0], datetime.min.time(), tzinfo=VirtualClock().now().tzinfo))
        stage = Stage(Tape(world(), clock), rulebook(), Notebook(clock), EvaluationTiming())
        days = DAYS[AGAIN - 5 : AGAIN + 12]

        async def go() -> None:
            await stage.after(days[0])
            for day, factor in zip(days[1:], factors, strict=False):
                priced(stage, factor, day)
                await noon(stage, looks, day)
                await stage.after(day)

        asyncio.run(go())
        return stage.journal

    watched, blind = play(looks), play(0)

    def finals(journal: Notebook) -> set[tuple[str, str]]:
        return {(one.key, one.messages[0].plain) for one in journal.events.values() if str(one.key).endswith("final")}

    assert finals(watched) == finals(blind)
    assert watched.known == blind.known


async def test_the_operators_notes_stand_beside_the_alerts_they_are_about(live: Stage) -> None:
    before, after = live.tape.close(BEFORE), live.tape.close(DAY) + timedelta(days=1)
    live.journal.written += [
        Note(BasketId("tech"), "Fire at <the> plant", before, after),
        Note(None, "Half a day in Seoul", before, after),
        Note(BasketId("oil"), "not this one", before, after),
        Note(BasketId("tech"), "long ago", before - timedelta(days=9), before),
    ]
    await live.after(DAY)
    (one,) = told(live)
    *_, first, second, foot = one.messages[0].lines
    assert first == "Note of 2 Jul 2025: Fire at <the> plant"
    assert second == "Note of 2 Jul 2025: Half a day in Seoul"
    assert "event #" in foot
    assert "&lt;the&gt;" in one.messages[0].html
    assert "not this one" not in one.messages[0].plain
    assert "long ago" not in one.messages[0].plain


@pytest.mark.parametrize("kept", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_commit_of_an_open_session_its_close_and_a_correction_changes_nothing(
    clock: VirtualClock, kept: bool
) -> None:
    async def lived(fails_at: int | None) -> Notebook:
        stage = Stage(Tape(world(), clock), rulebook(), Notebook(clock), EvaluationTiming())
        await stage.after(BEFORE)
        if fails_at is not None:
            stage.journal.fails_at, stage.journal.kept = len(stage.journal.commits) + fails_at, kept
        for day, looks in ((DAY, (-180, -175, -170, -165, 20, 25)), (DAYS[WARNED + 1], (-180, -175, 20, 25))):
            for minutes in looks:
                try:
                    await stage.look(stage.tape.close(day) + timedelta(minutes=minutes))
                except PowerFailure:
                    stage.restart()
            revise(stage, "AA", 0.97, DAY)
        return stage.journal

    def said(journal: Notebook) -> list[tuple[str, SendMode]]:
        """A correction's key ends with the time."""
        return sorted((one.key.rpartition("/corrected/")[0] or one.key, one.mode) for one in journal.events.values())

    undisturbed = await lived(None)
    for number in range(6):
        journal = await lived(number)
        assert journal.fails_at is None
        assert said(journal) == said(undisturbed)
        assert journal.known == undisturbed.known
