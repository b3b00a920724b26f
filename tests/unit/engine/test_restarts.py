"""What is said after crashes, downtime and changes of the configuration?"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.database.database import Database
from bot.delivery.model import DeliveryState
from bot.prices.bars import Symbol
from tests.unit.engine.small_world import AGAIN, DAYS, TECH, WARNED, rulebook, world
from tests.unit.engine.tape import CHAT, SETTLE, Notebook, PowerFailure, Stage, Tape
from tests.virtual import VirtualClock, until
from tests.world import SEOUL, basket, rule

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOTICE, WARNING = "notice", "warning"
FIRST, LAST = WARNED - 2, WARNED + 1
LEARNED = 59  # sessions of the past that the first look learns, one commit each


async def live(stage: Stage) -> None:
    """From FIRST to LAST, a look after each close of New York; where the power fails, a new process looks again."""
    for day in DAYS[FIRST : LAST + 1]:
        wait = SETTLE
        while True:
            try:
                await stage.after(day, wait=wait)
                break
            except PowerFailure:
                stage.restart()
                wait += 5 * MINUTE


# Crashes


@pytest.mark.parametrize("kept", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_commit_changes_nothing_that_is_said(clock: VirtualClock, kept: bool) -> None:
    tape, undisturbed = Tape(world(), clock), Notebook(clock)
    await live(Stage(tape, rulebook(), undisturbed))
    assert len(undisturbed.events) == 2
    for number in (0, 1, LEARNED - 1, *range(LEARNED, len(undisturbed.commits))):
        journal = Notebook(clock, fails_at=number, kept=kept)
        await live(Stage(tape, rulebook(), journal))
        assert journal.fails_at is None
        assert journal.said(news=True) == undisturbed.said()
        texts = {key: event.messages for key, event in journal.events.items() if key in undisturbed.events}
        assert texts == {key: event.messages for key, event in undisturbed.events.items()}
        assert journal.known == undisturbed.known
        for name in ("tech", "oil", "korea"):
            assert journal.judged(name) == undisturbed.judged(name)


async def test_a_process_that_restarts_before_every_look_says_the_same(clock: VirtualClock) -> None:
    tape, undisturbed, restless = Tape(world(), clock), Notebook(clock), Notebook(clock)
    await live(Stage(tape, rulebook(), undisturbed))
    stage = Stage(tape, rulebook(), restless)
    for day in DAYS[FIRST : LAST + 1]:
        for wait in (SETTLE, SETTLE, 2 * SETTLE):
            stage.restart()
            await stage.after(day, wait=wait)
    assert restless.events == undisturbed.events
    assert restless.known == undisturbed.known


# Downtime


async def test_missed_sessions_are_caught_up_in_order_and_old_news_is_not_sent(clock: VirtualClock) -> None:
    database = await Database.open("sqlite://", upgrade=True)
    try:
        stage = Stage(Tape(world(), clock), rulebook(), database)  # type: ignore[arg-type]
        await stage.after(DAYS[AGAIN - 1])
        await stage.after(DAYS[WARNED], wait=2 * HOUR)
        claimed = await database.claim(CHAT.transport, clock.now(), 10)
        # A chat has one under way at a time.
        assert [one.message.lines[0] for one in claimed] == ["🟠 Tech −7.3 % in two sessions"]
        states = [one.state for one in await database.undelivered()]
        assert states == [DeliveryState.EXPIRED, DeliveryState.SENDING, DeliveryState.PENDING]
    finally:
        await database.close()


async def test_downtime_judges_what_an_awake_bot_would_have(clock: VirtualClock) -> None:
    tape, awake, asleep = Tape(world(), clock), Notebook(clock), Notebook(clock)
    await live(Stage(tape, rulebook(), awake))
    stage = Stage(tape, rulebook(), asleep)
    await stage.after(DAYS[FIRST])
    await stage.after(DAYS[LAST])
    assert list(asleep.events) == list(awake.events)
    assert asleep.known == awake.known
    assert asleep.judged("tech") == awake.judged("tech")
    assert asleep.said(news=True) == []


# Another configuration


async def test_a_new_rule_begins_without_a_flood(stage: Stage) -> None:
    await stage.after(DAYS[AGAIN + 8])
    shy = rule("shy", "tech", "oil", "korea", levels={"notice": {"move": -0.001}})
    stage.restart(book=replace(stage.book, rules=(*stage.book.rules, shy)))
    stage.journal.commits.clear()
    stage.journal.events.clear()
    await stage.look(stage.tape.clock.now() + 5 * MINUTE)
    assert {one.session for one in stage.journal.events.values()} <= {DAYS[AGAIN + 8]}
    assert stage.journal.judged("tech") == []
    assert len(stage.journal.judged("tech", "shy")) == LEARNED
    await stage.after(DAYS[WARNED])
    assert stage.journal.said()[-3:] == [
        (DAYS[WARNED], "tech", WARNING),
        (DAYS[WARNED], "tech/oil", WARNING),
        (DAYS[WARNED], "tech", NOTICE),  # the new rule's own
    ]


async def test_a_new_basket_begins_without_a_flood(stage: Stage) -> None:
    whole = stage.book
    stage.restart(book=replace(whole, baskets=whole.baskets[1:], rules=(rule("fall", "oil", "korea"),)))
    await stage.after(DAYS[AGAIN + 8])
    stage.restart(book=whole)
    await stage.look(stage.tape.clock.now() + 5 * MINUTE)
    assert stage.journal.events == {}
    assert stage.journal.judged("tech")[-1] == DAYS[AGAIN + 8]
    await stage.after(DAYS[WARNED])
    assert stage.journal.said() == [(DAYS[WARNED], "tech", WARNING), (DAYS[WARNED], "tech/oil", WARNING)]


async def test_a_basket_that_moves_to_another_exchange_is_judged_on(stage: Stage) -> None:
    await stage.after(DAYS[AGAIN + 8])
    baskets = [basket("oil", "XX", "YY", calendar=SEOUL) if one.id == "oil" else one for one in stage.book.baskets]
    stage.restart(book=replace(stage.book, baskets=tuple(baskets)))
    await stage.after(DAYS[AGAIN + 9])
    assert stage.journal.judged("oil")[-1] == DAYS[AGAIN + 9]
    assert stage.journal.events == {}


# The loop


async def loop(stage: Stage) -> tuple[asyncio.Event, asyncio.Event, asyncio.Task[None]]:
    stop, bell = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(stage.engine.run(stop, bell))
    await until(lambda: stage.engine.counts["turns"] == 1 and stage.tape.asked)
    return stop, bell, task


async def test_the_loop_looks_at_the_start_and_at_each_bell_and_ends_at_stop(stage: Stage) -> None:
    stage.at(stage.tape.close(DAYS[WARNED - 1]) + SETTLE)
    stop, bell, task = await loop(stage)
    await until(lambda: stage.engine.counts["sessions"])
    stage.at(stage.tape.close(DAYS[WARNED]) + SETTLE)
    await asyncio.sleep(0.02)
    assert stage.engine.counts["turns"] == 1
    bell.set()
    await until(lambda: stage.engine.counts["events"] == 2)
    assert stage.engine.counts["turns"] == 2
    stop.set()
    await asyncio.wait_for(task, 1)


async def test_a_bell_during_a_look_is_heard_after_it(stage: Stage) -> None:
    stage.at(stage.tape.close(DAYS[WARNED]) + SETTLE)
    stop, bell, task = await loop(stage)
    bell.set()
    await until(lambda: stage.engine.counts["turns"] == 2)
    stop.set()
    await asyncio.wait_for(task, 1)


async def test_the_loop_survives_what_nobody_foresaw(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.at(stage.tape.close(DAYS[WARNED]) + SETTLE)
    rows, stage.tape.world.rows = stage.tape.world.rows, {Symbol("AA"): None}  # type: ignore[dict-item]
    stop, bell, task = await loop(stage)
    await until(lambda: stage.engine.counts["errors"] == 1)
    assert "watch failed and tries again" in caplog.text
    stage.tape.world.rows = rows
    bell.set()
    await until(lambda: stage.engine.counts["events"] == 2)
    stop.set()
    await asyncio.wait_for(task, 1)


async def test_the_loop_tells_of_a_source_that_fails_and_tries_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.at(stage.tape.close(DAYS[WARNED]) + SETTLE)
    stage.tape.down = {*TECH, "XX", "YY", "S.KS", "T.KS"}
    stop, bell, task = await loop(stage)
    await until(lambda: stage.engine.counts["errors"] == 1)
    (told,) = (record for record in caplog.records if "came to nothing" in record.message)
    assert (told.levelno, told.exc_info) == (logging.WARNING, None)
    stage.tape.down = set()
    bell.set()
    await until(lambda: stage.engine.counts["events"] == 2)
    stop.set()
    await asyncio.wait_for(task, 1)


class Door(Notebook):
    """A journal that is long about a commit."""

    def open_(self) -> None:
        self.at_it, self.done = asyncio.Event(), asyncio.Event()

    async def commit(self, *what: Any) -> int:
        self.at_it.set()
        await self.done.wait()
        return await super().commit(*what)


async def test_a_stop_does_not_interrupt_a_commit(tape: Tape) -> None:
    """Half a transaction would keep the database locked, and the other loop has answers to record."""
    journal = Door(tape.clock)
    journal.open_()
    stage = Stage(tape, rulebook(), journal)
    stage.at(tape.close(DAYS[WARNED]) + SETTLE)
    turn = asyncio.create_task(stage.engine.check_prices())
    await journal.at_it.wait()
    turn.cancel()
    await asyncio.sleep(0.01)
    assert not turn.done()
    journal.done.set()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert len(journal.commits) == 1


async def test_after_a_stop_at_any_moment_the_database_is_free_and_whole(clock: VirtualClock, tmp_path: Path) -> None:
    undisturbed, tape = Notebook(clock), Tape(world(), clock)
    await live(Stage(tape, rulebook(), undisturbed))
    url = f"sqlite:///{tmp_path / 'bot.sqlite3'}"
    for day, wait in [(day, wait * MINUTE) for day in DAYS[FIRST : LAST + 1] for wait in (20, 25, 30)]:
        database = await Database.open(url, upgrade=True)
        try:
            stage = Stage(tape, rulebook(), database)  # type: ignore[arg-type]
            stage.at(tape.close(day) + wait)
            turn = asyncio.create_task(stage.engine.check_prices())
            if wait < 30 * MINUTE:
                await asyncio.wait([turn], timeout=0.05)
                turn.cancel()
            await asyncio.wait([turn])
            known = await database.subject_states()
            said = [one.event for one in await database.undelivered()]
        finally:
            await database.close()
    assert known == undisturbed.known
    assert set(undisturbed.events) <= set(said)
    assert len(said) == len(set(said))
